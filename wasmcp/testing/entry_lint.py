"""Lint of the lists of a server: names, descriptions and schemas of tools, and their size.

Source: server/tools, "Tool Names" and "Tool"; JSON Schema 2020-12; names that APIs of models take as functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ERROR, WARNING = "error", "warning"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LEVELS = 16  # of nested schemas


@dataclass(frozen=True)
class Remark:
    """Remark about an entry.

    Attributes:
        level: `error` or `warning`.
        entry: The entry: ``tool `add` ``.
        text: The problem, and its consequence.
    """

    level: str
    entry: str
    text: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.text}"


def tools_size(tools: Sequence[Mapping[str, Any]]) -> int:
    """Return the bytes of the list of tools as compact JSON; a fourth of it is an estimate of its tokens."""
    return len(json.dumps(list(tools), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def remarks(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Remark]:
    """Yield the remarks about the lists of a server, by kind as in `wasmcp.protocol.LISTS`."""
    for kind, noun, identity in (
        ("tools", "tool", "name"),
        ("resources", "resource", "uri"),
        ("templates", "resource template", "uriTemplate"),
        ("prompts", "prompt", "name"),
    ):
        seen: set[str] = set()
        for item in lists.get(kind, ()):
            name = item.get(identity)
            entry = f"{noun} `{name}`"
            if not isinstance(name, str) or not name:
                yield Remark(ERROR, entry, f"has no `{identity}`")
                continue
            if name in seen:
                yield Remark(ERROR, entry, "is listed twice")
            seen.add(name)
            if kind in {"resources", "templates"} and not item.get("name"):
                yield Remark(ERROR, entry, "has no `name`")
            if not str(item.get("description") or "").strip():
                level = ERROR if kind == "tools" else WARNING
                yield Remark(level, entry, "has no description: a model cannot tell what it is for")
            if kind == "tools":
                yield from _tool(entry, name, item)
            if kind == "prompts":
                for argument in item.get("arguments") or ():
                    if not argument.get("description"):
                        yield Remark(WARNING, entry, f"argument `{argument.get('name')}` has no description")


def _tool(entry: str, name: str, tool: Mapping[str, Any]) -> Iterator[Remark]:
    if not _NAME.fullmatch(name):
        yield Remark(ERROR, entry, "its name is not 1 to 128 letters, digits, `_`, `-` and `.`")
    elif not _FUNCTION_NAME.fullmatch(name):
        yield Remark(WARNING, entry, "its name has a `.` or more than 64 characters, which APIs of models do not take")
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield Remark(ERROR, entry, '`inputSchema` is not an object schema (`"type": "object"`)')
        return
    for member in ("inputSchema", "outputSchema"):
        if tool.get(member) is not None:
            yield from _schema(entry, member, tool[member])
    if schema.get("additionalProperties") is not False:
        yield Remark(
            WARNING, entry, "accepts arguments with any other name (`additionalProperties`): typing errors pass"
        )
    properties = schema.get("properties")
    for argument, value in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(value, dict) and not value.get("description") and "$ref" not in value:
            yield Remark(WARNING, entry, f"argument `{argument}` has no description")


def _schema(entry: str, member: str, schema: Any) -> Iterator[Remark]:
    reference = _external(schema, 0)
    if reference is not None:
        yield Remark(ERROR, entry, f"`{member}` refers to another document: `{reference}`")
        return
    try:
        from wasmcp.schemas.strategies import Schema
    except ImportError:  # without the extra `fuzz`
        return
    try:
        Schema(schema)
    except ValueError as error:
        yield Remark(ERROR, entry, f"`{member}` is not a JSON Schema of 2020-12: {error}")


def _external(schema: Any, level: int) -> str | None:
    if level > _LEVELS or not isinstance(schema, (dict, list)):
        return None
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and not schema["$ref"].startswith("#"):
        return str(schema["$ref"])
    parts = schema.values() if isinstance(schema, dict) else schema
    return next((found for part in parts if (found := _external(part, level + 1)) is not None), None)
