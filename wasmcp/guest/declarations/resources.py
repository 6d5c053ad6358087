"""Declared resources, resource templates and skills: their description for clients, and reading them.

A skill is a resource: a function generates the text of `SKILL.md`, the declaration its front matter. Source: Model
Context Protocol, extension `io.modelcontextprotocol/skills`; Agent Skills specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.content import Annotations, Icon, check_size
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.options import Condition, Description, PerRequest, tagged
from wasmcp.guest.declarations.prompts import Completer
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.errors import McpError, MismatchError, ResourceNotFoundError
from wasmcp.guest.json_types.base import Mismatches
from wasmcp.guest.json_types.conversions import dump_any, load_text
from wasmcp.guest.json_types.json_codec import encode, sendable
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.uris import Pattern, UriTemplate, sendable_uri
from wasmcp.guest.mrtr import INVALID_PARAMS, InputRequiredResult

_NOT_FOUND_BEFORE = -32002
"""The error code of revisions before 2026-07-28 for a resource that does not exist."""


@dataclass(frozen=True)
class Cache:
    """A cache hint. Specification: server/utilities/caching.

    Attributes:
        seconds: The lifetime in seconds; 0 to disable caching.
        scope: ``private``: only this client can cache, for this user; ``public``: shared caches can, too.

    Raises:
        ValueError: The lifetime is negative, or the scope is unknown.
    """

    seconds: float
    scope: Literal["public", "private"] = "private"

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < 2**53 or self.scope not in ("public", "private"):
            raise ValueError(f"seconds >= 0 and a scope `public` or `private` are needed, not {self!r}")


@dataclass(frozen=True)
class ResourceContents:
    """The contents of a resource with its own media type, URI or ``_meta``. Specification: schema `ResourceContents`.

    Attributes:
        data: A string, the bytes of a blob, or a value that is sent as JSON.
        mime_type: The media type; by default the resource's.
        uri: The URI, if this is a part of the resource; by default the requested URI.
        meta: The ``_meta`` of the contents.
    """

    data: Any
    mime_type: str | None = None
    uri: str | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Part:
    """Encoded contents of a resource."""

    uri: str
    mime_type: str
    data: str | bytes
    meta: Mapping[str, Any] | None


class Resource(PerRequest):
    """A declared resource or resource template.

    Args:
        function: The author's function.
        uri: The URI, or the template (RFC 6570).
        name: The name in lists; by default the function's name.
        title: A display name.
        description: The description, or a function that returns it for a request; by default the docstring's text.
        enabled: A function that returns True if the resource exists for a request.
        mime_type: The media type; by default derived from the function's result.
        size: The size in bytes, if known in advance.
        icons: Icons for user interfaces.
        annotations: Hints for clients.
        meta: The resource's ``_meta``.
        tags: Tags by which filters of a server select the resource.
        scopes: Scopes that the principal of a request needs for the resource.
        cache: Cache hints for the contents.
        unchecked: Variables that can contain ``..``, an absolute path, NUL, or an encoded slash.
        names: Names that annotations can use in addition to those of the module.

    Attributes:
        uri: The URI or template in normal form, as lists contain it.
        reference: The same; completion requests name a template by it.
        identity: The same with its host in lower case: two resources with the same identity are duplicates.
        variables: The variables of the template as members; empty for a plain URI.
        pattern: The template as the framework matches it.
        completers: The completions of variables that were passed with it.

    Raises:
        DeclarationError: The function cannot become a resource.
        NameError: An annotation uses a name that does not exist yet.
    """

    kind: ClassVar = "resource"
    completers: Mapping[str, Completer] = MappingProxyType({})

    def __init__(
        self,
        function: Callable[..., Any],
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: Description | None = None,
        enabled: Condition | None = None,
        mime_type: str | None = None,
        size: int | None = None,
        icons: Sequence[Icon] = (),
        annotations: Annotations | None = None,
        meta: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        scopes: Sequence[str] = (),
        cache: Cache | None = None,
        unchecked: Sequence[str] = (),
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        given = self._depend(enabled, description)
        self._signature = Signature(function, self.kind, names)
        self.name = function.__name__ if name is None else name
        self.title = title
        text = self._signature.with_result(self._signature.documentation.description)
        words = [f"{variable}: {words}" for variable, words in self._signature.words().items()]
        # Lists have no place for the documentation of a template's variables.
        self.description = "\n".join(filter(None, (text and f"{text}\n" if words else text, *words))) or None
        self.description = self.description if given is None else given
        self.mime_type = mime_type
        self.size = size
        self.icons = tuple(icons)
        self.annotations = annotations
        self.meta = tagged(self._signature, meta, tags, scopes)
        self.cache = cache
        try:
            check_size(size)
            self._template = UriTemplate(uri)
        except ValueError as error:
            raise self._signature.refused(None, str(error)) from None
        self.uri = self.reference = self._template.normal.text
        self.identity = self._template.normal.key
        self.variables = self._checked()
        unknown = [name for name in unchecked if name not in self.variables]
        if unknown:
            raise self._signature.refused(None, f"`unchecked` names `{unknown[0]}`, which is not a variable of `{uri}`")
        self.pattern = Pattern(sendable(self.uri), list(unchecked))

    @property
    def is_template(self) -> bool:
        """True for a resource template."""
        return bool(self._template.variables)

    def _checked(self) -> dict[str, Member]:
        members = {member.name: member for member in self._signature.members}
        for name, variable in self._template.variables.items():
            if name not in members:
                reason = f"`{self.uri}` has the variable `{name}`, but the function has no such parameter"
                raise self._signature.refused(None, reason)
            if variable.optional and members[name].required:
                reason = f"a URI can omit `{name}`: give it a default"
                raise self._signature.refused(f"parameter `{name}`", reason)
        for name, member in members.items():
            if name not in self._template.variables and member.required:
                reason = f"`{self.uri}` has no variable `{name}`"
                raise self._signature.refused(f"parameter `{name}`", reason)
        return {name: members[name] for name in self._template.variables}

    def values(self, found: Iterable[tuple[str, list[str]]]) -> dict[str, str | list[str]]:
        """Return the values of the variables that the framework found in a URI; a list for each ``*``."""
        variables = self._template.variables
        return {name: values if variables[name].many else values[0] for name, values in found}

    def read(
        self, uri: str, found: Mapping[str, str | list[str]], context: Context
    ) -> list[Part] | InputRequiredResult:
        """Read the resource as a client does.

        Args:
            uri: The URI.
            found: Its variables, returned by `values`.
            context: The call; it has expired when this method returns.

        Returns:
            The contents, or the requests to the client that are pending.

        Raises:
            McpError: Reading failed.
        """
        try:
            with masked("resource", uri, f"Error reading resource {uri}"):
                return self._read(uri, found, context)
        except ResourceNotFoundError as error:
            code = INVALID_PARAMS if context.protocol_version >= "2026-07-28" else _NOT_FOUND_BEFORE
            raise McpError(code, error.message, {"uri": error.uri or uri}) from None
        finally:
            context._expire()  # noqa: SLF001 - of this package

    def loaded(self, uri: str, found: Mapping[str, str | list[str]]) -> dict[str, Any]:
        """Return the variables of a URI, converted to the types of the parameters.

        Raises:
            McpError: A value does not fit its type.
        """
        loaded = {}
        wrong = Mismatches()
        for name, text in found.items():
            try:
                loaded[name] = load_text(self.variables[name].json_type, text)
            except MismatchError as mismatch:
                wrong.add(mismatch, name)
        try:
            wrong.check()
        except MismatchError as mismatch:
            raise McpError(INVALID_PARAMS, str(mismatch), {"uri": uri}) from None
        return loaded

    def _read(
        self, uri: str, found: Mapping[str, str | list[str]], context: Context
    ) -> list[Part] | InputRequiredResult:
        value = self._signature.call(self.loaded(uri, found), context)
        return value if type(value) is InputRequiredResult else self.parts(value, uri)

    def parts(self, value: Any, uri: str) -> list[Part]:
        """Return the encoded contents of a function's result."""
        if isinstance(value, (list, tuple)) and value and all(isinstance(item, ResourceContents) for item in value):
            return [self._part(item, uri) for item in value]
        return [self._part(value if isinstance(value, ResourceContents) else ResourceContents(value), uri)]

    def _part(self, contents: ResourceContents, uri: str) -> Part:
        data = contents.data
        mime_type = contents.mime_type or self.mime_type
        if isinstance(data, str):
            default = "text/plain"
        elif isinstance(data, (bytes, bytearray, memoryview)):
            data, default = bytes(data), "application/octet-stream"
        else:
            default = "application/json"
            try:
                data = encode(dump_any(data))
            except MismatchError as mismatch:
                raise TypeError(
                    f"a resource returns a string, bytes or a value that JSON can hold: {mismatch}"
                ) from None
        return Part(sendable_uri(contents.uri) if contents.uri else uri, mime_type or default, data, contents.meta)


FRONT_MATTER = "io.modelcontextprotocol.skills/frontmatter"
"""Key of `_meta` with the front matter: composition lists such a resource as a skill."""


class Skill(Resource):
    """A declared skill: the resource of its `SKILL.md`.

    Args:
        function: The author's function. It returns the text after the front matter.
        name: The name; by default the function's name with hyphens.
        description: The description; by default the docstring's text.
        prefix: The beginning of the skill's path in the server; the empty string for none.
        license: The field `license` of the front matter.
        compatibility: The field `compatibility` of the front matter.
        metadata: The field `metadata` of the front matter.
        allowed_tools: The field `allowed-tools` of the front matter.
        title: A display name.
        icons: Icons for user interfaces.
        meta: The resource's ``_meta``.
        tags: Tags by which filters of a server select the skill.
        scopes: Scopes that the principal of a request needs for the skill.
        cache: Cache hints for the contents.
        names: Names that annotations can use in addition to those of the module.

    Raises:
        DeclarationError: The function cannot become a skill.
        NameError: An annotation uses a name that does not exist yet.
    """

    kind: ClassVar = "skill"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        prefix: str = "",
        license: str | None = None,  # noqa: A002 - the name of the field
        compatibility: str | None = None,
        metadata: Mapping[str, str] | None = None,
        allowed_tools: str | None = None,
        title: str | None = None,
        icons: Sequence[Icon] = (),
        meta: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        scopes: Sequence[str] = (),
        cache: Cache | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        name = function.__name__.replace("_", "-") if name is None else name
        super().__init__(
            function,
            f"skill://{f'{prefix}/{name}' if prefix else name}/SKILL.md",
            name=name,
            title=title,
            mime_type="text/markdown",
            icons=icons,
            meta=meta,
            tags=tags,
            scopes=scopes,
            cache=cache,
            names=names,
        )
        self.description = self._signature.documentation.description if description is None else description
        if not self.description:
            raise self._signature.refused(None, "a skill needs a description: a docstring, or `description`")
        if self.meta is not None and FRONT_MATTER in self.meta:
            reason = f"`meta` has `{FRONT_MATTER}`, which the declaration makes: use its fields instead"
            raise self._signature.refused(None, reason)
        fields = {
            "name": name,
            "description": self.description,
            "license": license,
            "compatibility": compatibility,
            "allowed-tools": allowed_tools,
            "metadata": dict(metadata) if metadata else None,
        }
        front_matter = {key: value for key, value in fields.items() if value is not None}
        self.meta = {**(self.meta or {}), FRONT_MATTER: front_matter}
        lines = (f"{key}: {encode(value)}\n" for key, value in front_matter.items())
        self._front_matter = f"---\n{''.join(lines)}---\n\n"

    def parts(self, value: Any, uri: str) -> list[Part]:
        """Return the encoded file: the front matter and the text that the function returned.

        Raises:
            TypeError: The function returned something else.
        """
        if not isinstance(value, str):
            raise TypeError(
                f"a skill returns a string, the text after its front matter, not {type(value).__qualname__}"
            )
        return super().parts(self._front_matter + value, uri)
