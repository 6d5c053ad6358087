"""A resource, or all resources of a URI template: what a function says to clients, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wasmcp.guest.client_requests.mrtr import INVALID_PARAMS, Wanted
from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.content import Annotations, Icon, check_size
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.declarations.uri_template import UriTemplate
from wasmcp.guest.errors import McpError, MismatchError, ResourceNotFoundError
from wasmcp.guest.json_types.json_codec import encode
from wasmcp.guest.json_types.mismatches import Mismatches
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.text_params import load_text
from wasmcp.guest.json_types.untyped_json import dump_any
from wasmcp.guest.json_types.uris import sendable_uri

_NOT_FOUND_BEFORE = -32002
"""What revisions before 2026-07-28 say for a resource that does not exist."""

_WAY_OUT = re.compile(r"\A[/\\]|\A[A-Za-z]:[/\\]|(?:\A|[/\\])\.\.(?:[/\\]|\Z)|\0")


@dataclass(frozen=True)
class Cache:
    """How long and by whom what a resource returned may be kept. Specification: server/utilities/caching.

    Attributes:
        seconds: How long; 0: not at all.
        scope: ``private``: by this client for this user; ``public``: by anybody.
    """

    seconds: float
    scope: Literal["public", "private"] = "private"

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < 2**53 or self.scope not in ("public", "private"):
            raise ValueError(f"seconds >= 0 and a scope `public` or `private` are needed, not {self!r}")


@dataclass(frozen=True)
class ResourceContents:
    """What a resource holds, for a function that wants to say more than the data. Specification: `ResourceContents`.

    Attributes:
        data: A text, the bytes of a blob, or a value that is sent as JSON.
        mime_type: Its media type; the resource's by default.
        uri: Its own URI where it is a part of the resource; the one that was read by default.
        meta: Its ``_meta``.
    """

    data: Any
    mime_type: str | None = None
    uri: str | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Part:
    """Contents that are ready to be sent."""

    uri: str
    mime_type: str
    data: str | bytes
    meta: Mapping[str, Any] | None


class Resource:
    """A declared resource or template.

    Args:
        function: The author's function.
        uri: The URI, or the template (RFC 6570).
        name: For programs and, without a title, people; the function's name by default.
        title: A name for people.
        description: What it holds; the docstring's text by default.
        mime_type: The media type of what it holds; by default known by what the function returns.
        size: In bytes, where it is known beforehand.
        icons: Pictures for people.
        annotations: Hints on its use.
        meta: Its ``_meta``.
        cache: How long what is read may be kept.
        unchecked: Variables that may hold ``..``, an absolute path or NUL.
        names: Names that annotations may use beside those of their module.

    Attributes:
        uri: The URI or template in normal form, as clients know it.
        reference: The same; completion requests name a template by it.
        identity: The same with its host in lower case: two resources that have it in common are one.
        variables: The variables of the template as members; empty for a plain URI.

    Raises:
        DeclarationError: The function cannot become a resource.
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        size: int | None = None,
        icons: Sequence[Icon] = (),
        annotations: Annotations | None = None,
        meta: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
        unchecked: Sequence[str] = (),
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self._signature = Signature(function, "resource", names)
        self.name = function.__name__ if name is None else name
        self.title = title
        text = self._signature.with_result(self._signature.documentation.description)
        words = [f"{variable}: {words}" for variable, words in self._signature.words().items()]
        # The list has no place for what is said about the variables of a template.
        self.description = "\n".join(filter(None, (text and f"{text}\n" if words else text, *words))) or None
        self.description = self.description if description is None else description
        self.mime_type = mime_type
        self.size = size
        self.icons = tuple(icons)
        self.annotations = annotations
        self.meta = meta
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
            raise self._signature.refused(None, f"`unchecked` names `{unknown[0]}`, which is no variable of `{uri}`")
        self._unchecked = frozenset(unchecked)

    @property
    def is_template(self) -> bool:
        """Whether it stands for many resources."""
        return self._template.is_template

    def _checked(self) -> dict[str, Member]:
        members = {member.name: member for member in self._signature.members}
        for name, variable in self._template.variables.items():
            if name not in members:
                reason = f"`{self.uri}` has the variable `{name}`, but the function has no such parameter"
                raise self._signature.refused(None, reason)
            if variable.optional and members[name].required:
                reason = f"a URI may leave `{name}` out: give it a default"
                raise self._signature.refused(f"parameter `{name}`", reason)
        for name, member in members.items():
            if name not in self._template.variables and member.required:
                reason = f"`{self.uri}` has no variable `{name}`"
                raise self._signature.refused(f"parameter `{name}`", reason)
        return {name: members[name] for name in self._template.variables}

    def matches(self, uri: str) -> dict[str, str | list[str]] | None:
        """Return the variables in a URI; None when it is not of this resource, or one is a way out of a folder."""
        found = self._template.match(uri)
        if found is not None:
            for name, value in found.items():
                values = value if isinstance(value, list) else [value]
                if name not in self._unchecked and any(map(_leads_out, values)):
                    return None
        return found

    def read(self, uri: str, found: Mapping[str, str | list[str]], context: Context) -> list[Part] | Wanted:
        """Read the resource as a client does.

        Args:
            uri: The URI.
            found: Its variables, of `matches`.
            context: The call; it has expired when this returns.

        Returns:
            The contents, or what the client is asked first.

        Raises:
            McpError: Whatever goes wrong.
        """
        try:
            with masked("resource", uri, f"Error reading resource {uri}"):
                return self._read(uri, found, context)
        except ResourceNotFoundError as error:
            code = INVALID_PARAMS if context.protocol_version >= "2026-07-28" else _NOT_FOUND_BEFORE
            raise McpError(code, error.message, {"uri": error.uri or uri}) from None
        finally:
            context._expire()  # noqa: SLF001 - of this package

    def _read(self, uri: str, found: Mapping[str, str | list[str]], context: Context) -> list[Part] | Wanted:
        loaded = {}
        wrong = Mismatches()
        for name, text in found.items():
            try:
                loaded[name] = load_text(self.variables[name].shape, text)
            except MismatchError as mismatch:
                wrong.add(mismatch, name)
        try:
            wrong.check()
        except MismatchError as mismatch:
            raise McpError(INVALID_PARAMS, str(mismatch), {"uri": uri}) from None
        value = self._signature.call(loaded, context)
        if type(value) is Wanted:
            return value
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
                raise TypeError(f"a resource is a text, bytes or what JSON can hold: {mismatch}") from None
        return Part(sendable_uri(contents.uri) if contents.uri else uri, mime_type or default, data, contents.meta)


def _leads_out(value: str) -> bool:
    """Whether a value, taken for a path, would leave the folder that it is put under."""
    return _WAY_OUT.search(value) is not None
