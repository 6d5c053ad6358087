"""What a component offers, recorded when it was built, and the forms in which composition bakes it in.

Source: Model Context Protocol, schema `Tool` of each revision; wit/baked.wit (`catalogue-data`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmcp.errors import CatalogueError

FORMAT = 1
"""The number of the sidecar's format."""

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
"""The revisions of MCP that a server speaks, the oldest first."""

_COMMON = ("name", "description", "inputSchema")
_MEMBERS = {
    "2024-11-05": _COMMON,
    "2025-03-26": (*_COMMON, "annotations"),
    "2025-06-18": (*_COMMON, "annotations", "title", "outputSchema", "_meta"),
    "2025-11-25": (*_COMMON, "annotations", "title", "outputSchema", "_meta", "icons"),
}

Tool = Mapping[str, Any]
"""A tool in its wire form: the `Tool` object of revision 2026-07-28."""


def to_json_text(value: Any) -> str:
    """Return JSON without white space. Lone surrogates stay escaped, so that the text is always UTF-8.

    Raises:
        ValueError: the value holds a number that JSON has no text for.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if any("\ud800" <= character <= "\udfff" for character in text):
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


@dataclass(frozen=True)
class Catalogue:
    """What one component offers.

    Attributes:
        tools: its tools in their wire form, in the component's order.
        digest: of the component, as `sha256:HEX`; empty when it is not known.
    """

    tools: tuple[Tool, ...] = field(default=())
    digest: str = ""

    def __post_init__(self) -> None:
        _check(self.tools)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools, in order."""
        return tuple(tool["name"] for tool in self.tools)

    def to_json(self) -> str:
        """Return the sidecar's text, which ends with a line feed."""
        value = {"format": FORMAT, "digest": self.digest, "tools": self.tools}
        return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "catalogue") -> Catalogue:
        """Read a sidecar.

        Args:
            text: what :meth:`to_json` wrote.
            source: what to call it in an error.

        Raises:
            CatalogueError: it is not one, or of another format.
        """
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise CatalogueError(source, f"its catalogue is not JSON: {error}") from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            found = value.get("format") if isinstance(value, dict) else type(value).__name__
            raise CatalogueError(source, f"its catalogue has format `{found}`, expected `{FORMAT}`: build it again")
        tools, digest = value.get("tools"), value.get("digest", "")
        if not isinstance(tools, list) or not isinstance(digest, str):
            raise CatalogueError(source, "its catalogue needs `tools`, an array, and `digest`, a string")
        try:
            return cls(tuple(tools), digest)
        except ValueError as error:
            raise CatalogueError(source, str(error)) from None


def _no_constant(text: str) -> Any:
    raise ValueError(f"`{text}` is not JSON")


def _check(tools: Iterable[Any]) -> None:
    """Raise ValueError for what could not be listed by any server."""
    names: set[str] = set()
    for position, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str) or not tool["name"]:
            raise ValueError(f"tool number {position + 1} has no `name`")
        name = tool["name"]
        if name in names:
            raise ValueError(f"the tool `{name}` is there twice")
        names.add(name)
        schema = tool.get("inputSchema")
        if not isinstance(schema, Mapping) or schema.get("type") != "object":
            raise ValueError(f'the tool `{name}` needs an `inputSchema` with `"type": "object"`')
        if "outputSchema" in tool and not isinstance(tool["outputSchema"], Mapping):
            raise ValueError(f"the `outputSchema` of the tool `{name}` is not an object")
        try:
            json.dumps(tool, allow_nan=False).encode()
            name.encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"the tool `{name}` cannot be written as JSON: {error}") from None


def tool_for(tool: Tool, revision: str) -> dict[str, Any]:
    """Return a tool in the form of a revision: what the revision does not know is left out.

    Before 2026-07-28 an `outputSchema` describes an object; another one is left out.
    """
    if revision == REVISIONS[-1]:
        return dict(tool)
    members = {member: tool[member] for member in _MEMBERS[revision] if member in tool}
    if "outputSchema" in members and members["outputSchema"].get("type") != "object":
        del members["outputSchema"]
    return members


def tools_json(tools: Iterable[Tool], revision: str) -> str:
    """Return the items of `tools/list` in the form of a revision, as a JSON array."""
    return to_json_text([tool_for(tool, revision) for tool in tools])


def tool_index(owners: Mapping[str, int]) -> bytes:
    """Return the table that finds a tool's owner by binary search.

    Little-endian u32: the count, then for each name, sorted by its UTF-8 bytes, the offset of the name (from the
    start of the table), its length in bytes and the owner; then the names. Source: wit/baked.wit.
    """
    names = sorted((name.encode(), owner) for name, owner in owners.items())
    offset = 4 + 12 * len(names)
    table = struct.pack("<I", len(names))
    for name, owner in names:
        table += struct.pack("<III", offset, len(name), owner)
        offset += len(name)
    return table + b"".join(name for name, _ in names)


def catalogue_values(tools: Sequence[Sequence[Tool]]) -> dict[str, Any]:
    """Return what the functions of `catalogue-data` answer for a segment of the chain.

    Args:
        tools: the tools of each component of the segment, in order, no name twice.
    """
    owners = {tool["name"]: index for index, own in enumerate(tools) for tool in own}
    every = [tool for own in tools for tool in own]
    values: dict[str, Any] = {"tool-index": tool_index(owners)}
    for revision in REVISIONS:
        values[f"tools-v{revision.replace('-', '')}"] = tools_json(every, revision)
    return values
