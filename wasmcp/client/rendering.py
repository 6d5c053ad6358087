"""Text for terminals of lists and results. Everything that a server sends is escaped."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wasmcp.client.arguments import signature
from wasmcp.terminal import printable

_LINES = "\n\t"
_TITLES = {"tools": "tools", "resources": "resources", "templates": "resource templates", "prompts": "prompts"}


def lists(server: Mapping[str, Any], revision: str, items: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the lines of the lists of a server.

    Args:
        server: Its `Implementation`.
        revision: The revision of MCP in use.
        items: The lists, by the kinds of `wasmcp.protocol.LISTS`.
    """
    name = " ".join(str(server[key]) for key in ("name", "version") if server.get(key))
    yield f"{one_line(name or 'a server without a name')}, MCP {revision}"
    for kind, title in _TITLES.items():
        if items.get(kind):
            yield f"\n{title}:"
            for item in items[kind]:
                yield f"  {one_line(_head(kind, item))}"
                described = str(item.get("description") or item.get("title") or "").strip().splitlines()
                if described:
                    yield f"      {one_line(described[0])}"
    if not any(items.values()):
        yield "it has no tools, resources and prompts"


def _head(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "tools":
        return f"{item.get('name')}({signature(item.get('inputSchema'))})"
    if kind == "prompts":
        given = item.get("arguments")
        names = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        return f"{item.get('name')}({', '.join(_parameter(one) for one in names)})"
    place = item.get("uri") if kind == "resources" else item.get("uriTemplate")
    facts = [str(item["mimeType"])] if item.get("mimeType") else []
    facts += [f"{item['size']:,} bytes"] if isinstance(item.get("size"), int) else []
    return f"{place}" + (f"  ({', '.join(facts)})" if facts else "")


def _parameter(argument: Mapping[str, Any]) -> str:
    return f"{argument.get('name')}{'' if argument.get('required') is True else '?'}"


def blocks(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the content of a tool's result: texts, descriptions of binary content, structured content without text."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    for part in parts:
        yield block(part)
    if result.get("structuredContent") is not None and not any(_is_text(part) for part in parts):
        yield pretty(result["structuredContent"])


def block(part: Any) -> str:
    """Return a content block as text."""
    if not isinstance(part, dict):
        return pretty(part)
    kind = part.get("type")
    if kind == "text":
        return printable(str(part.get("text", "")), keep=_LINES)
    if kind in {"image", "audio"}:
        return one_line(f"[{kind} {part.get('mimeType', '')}, {_size(part.get('data'))}]")
    if kind == "resource_link":
        return one_line(f"[link to resource {part.get('uri')}]")
    if kind == "resource":
        inner = part.get("resource")
        return contents(inner) if isinstance(inner, dict) else pretty(inner)
    return pretty(part)


def contents(part: Mapping[str, Any]) -> str:
    """Return the contents of a resource as text."""
    if isinstance(part.get("text"), str):
        return printable(part["text"], keep=_LINES)
    return one_line(f"[{part.get('uri')} {part.get('mimeType') or 'of unknown type'}, {_size(part.get('blob'))}]")


def messages(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the messages of a prompt, each with its role."""
    found = result.get("messages")
    for message in found if isinstance(found, list) else ():
        if isinstance(message, dict):
            yield f"{one_line(str(message.get('role')))}: {block(message.get('content'))}"


def progress(params: Mapping[str, Any]) -> str:
    """Return a notification of progress on one line."""
    done, total, message = params.get("progress"), params.get("total"), params.get("message")
    number = f"{_number(done)}/{_number(total)}" if isinstance(total, int | float) else _number(done)
    return one_line(f"progress {number}" + (f": {message}" if message else ""))


def log_message(params: Mapping[str, Any]) -> str:
    """Return a log message on one line: level, logger and data."""
    data = params.get("data")
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    logger = f" {params['logger']}" if params.get("logger") else ""
    return one_line(f"{params.get('level')}{logger}: {text}")


def pretty(value: Any) -> str:
    """Return a value as indented JSON in ASCII, which needs no further escape."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def one_line(text: str) -> str:
    """Return a text of a server on one line, escaped."""
    return printable(text)


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"


def _size(data: Any) -> str:
    try:
        return f"{len(base64.b64decode(str(data), validate=True)):,} bytes"
    except ValueError:
        return "not base64"
