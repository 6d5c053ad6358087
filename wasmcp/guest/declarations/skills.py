"""Declared skills: a function generates the text of `SKILL.md`, the declaration its front matter.

Source: Model Context Protocol, extension `io.modelcontextprotocol/skills`; Agent Skills specification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from wasmcp.guest.content import Icon
from wasmcp.guest.declarations.resources import Cache, Part, Resource
from wasmcp.guest.json_types.json_codec import encode

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
