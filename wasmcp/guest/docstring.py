"""Docstrings: the description, and what they say about each parameter (Google, NumPy and Sphinx style)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_PARAMETERS = {"args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters"}
_ATTRIBUTES = {"attributes"}
_RETURNS = {"returns", "return"}
_DROPPED = {"raises", "yields", "warns", "see also", "references", "todo"}
_SECTIONS = _PARAMETERS | _ATTRIBUTES | _RETURNS | _DROPPED

_GOOGLE_HEADER = re.compile(r"([A-Za-z][A-Za-z ]*):\s*$")
_GOOGLE_ITEM = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_NUMPY_ITEM = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX_FIELD = re.compile(r":(\w+)\s*([^:]*):\s*(.*)$")


@dataclass
class Docstring:
    """What a docstring says.

    Attributes:
        description: The text without the sections below; None when there is none.
        parameters: Name -> what is said about it, parameters and attributes alike.
        returns: What is said about the result.
    """

    description: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str | None = None


def parse_docstring(text: str | None) -> Docstring:
    """Read a docstring; sections that mean nothing to a client (``Raises``...) are left out of the description."""
    found = Docstring()
    if not text:
        return found
    lines = inspect.cleandoc(text).splitlines()
    kept: list[str] = []
    position = 0
    while position < len(lines):
        section, body = _header(lines, position)
        if section is None:
            fields = _sphinx(lines, position, found)
            if fields == position:
                kept.append(lines[position])
                position += 1
            else:
                position = fields
            continue
        end = _section_end(lines, body, numpy=body == position + 2)
        _take(section, lines[body:end], found, numpy=body == position + 2)
        position = end
    found.description = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() or None
    return found


def _header(lines: list[str], position: int) -> tuple[str | None, int]:
    """Return the section that begins here and the number of its first line."""
    line = lines[position]
    following = lines[position + 1] if position + 1 < len(lines) else ""
    name = line.strip().lower()
    if name in _SECTIONS and re.fullmatch(r"\s*-{3,}\s*", following):
        return name, position + 2
    match = _GOOGLE_HEADER.match(line)
    if match and match[1].lower() in _SECTIONS:
        return match[1].lower(), position + 1
    return None, position


def _section_end(lines: list[str], start: int, *, numpy: bool) -> int:
    position = start
    while position < len(lines):
        line = lines[position]
        if numpy:
            following = lines[position + 1] if position + 1 < len(lines) else ""
            if line.strip() and not line[0].isspace() and re.fullmatch(r"\s*-{3,}\s*", following):
                break
        elif line.strip() and not line[0].isspace():
            break
        position += 1
    return position


def _take(section: str, body: list[str], found: Docstring, *, numpy: bool) -> None:
    if section in _PARAMETERS | _ATTRIBUTES:
        found.parameters.update(_numpy_items(body) if numpy else _google_items(body))
    elif section in _RETURNS:
        lines = [line for line in body if line.strip()]
        if numpy and len(lines) > 1:
            lines = [line for line in lines if line[0].isspace()] or lines  # the first line is the type
        found.returns = _joined(lines) or None


def _google_items(body: list[str]) -> Iterator[tuple[str, str]]:
    indents = [len(line) - len(line.lstrip()) for line in body if line.strip()]
    level = min(indents, default=0)
    name, text = "", list[str]()
    for line in body:
        match = _GOOGLE_ITEM.match(line.strip()) if len(line) - len(line.lstrip()) == level else None
        if match:
            if name:
                yield name, _joined(text)
            name, text = match[1], [match[2]]
        else:
            text.append(line)
    if name:
        yield name, _joined(text)


def _numpy_items(body: list[str]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    text: list[str] = []
    for line in body:
        if line.strip() and not line[0].isspace():
            match = _NUMPY_ITEM.match(line)
            yield from ((name, _joined(text)) for name in names)
            names = [name.strip().lstrip("*") for name in match[1].split(",")] if match else []
            text = []
        else:
            text.append(line)
    yield from ((name, _joined(text)) for name in names)


def _sphinx(lines: list[str], position: int, found: Docstring) -> int:
    """Read a field such as ``:param int x: text``; return the line after it, or ``position`` when there is none."""
    match = _SPHINX_FIELD.match(lines[position])
    known = {"param", "parameter", "arg", "argument", "key", "keyword", "ivar", "var", "cvar"}
    other = {"type", "rtype", "vartype", "raises", "raise", "except", "exception", "return", "returns"}
    if match is None or match[1] not in known | other:
        return position
    text = [match[3]]
    position += 1
    while position < len(lines) and lines[position][:1].isspace():
        text.append(lines[position])
        position += 1
    if match[1] in known and match[2].strip():
        found.parameters[match[2].split()[-1].lstrip("*")] = _joined(text)
    elif match[1] in {"return", "returns"}:
        found.returns = _joined(text) or None
    return position


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
