"""Parser of docstrings: the description, and the text of each parameter (Google, NumPy and Sphinx style).

Text that cannot be parsed stays in the description, so that nothing is lost. Only sections without meaning for a client
are left out: ``Raises``, ``Yields``, ``Warns``, and the types of parameters, which annotations give.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

_PARAMETERS = {
    "args", "arguments", "parameters", "parameter", "params", "keyword args", "keyword arguments", "other parameters",
}  # fmt: skip
_ATTRIBUTES = {"attributes"}
_RETURNS = {"returns", "return"}
_DROPPED = {"raises", "yields", "warns"}
_SECTIONS = _PARAMETERS | _ATTRIBUTES | _RETURNS | _DROPPED

_HEADER = re.compile(r"(?:#+\s*|\*\*|__)?([A-Za-z][A-Za-z ]*?)(:?)(?:\*\*|__)?(:?)\s*$")
_RULE = re.compile(r"\s*-{3,}\s*")
_BULLET = re.compile(r"(?:[-*+•]\s+)?")
_NAME = re.compile(r"(\*\*|__|\*|``|`)?(\*{0,2})([A-Za-z_]\w*)(\*\*|__|\*|``|`)?")
_SEPARATOR = re.compile(r"\s*(?:::?(?=\s|\*|$)|\s--?\s|\s?[\u2013\u2014]\s)(?:\*\*|__)?\s*")
_NUMPY_ITEM = re.compile(r"(\*{0,2}`{0,2}\w+`{0,2}(?:\s*,\s*\*{0,2}`{0,2}\w+`{0,2})*)\s*(?::.*)?$")
_SPHINX_FIELD = re.compile(r"[:@](\w+)\s*([^:]*):\s*(.*)$")

_SPHINX_KNOWN = {"param", "parameter", "arg", "argument", "key", "keyword", "ivar", "var", "cvar"}
_SPHINX_OTHER = {"type", "rtype", "vartype", "raises", "raise", "except", "exception", "return", "returns"}


@dataclass
class Docstring:
    """The content of a docstring.

    Attributes:
        description: The text without the following parts; None if nothing remains.
        parameters: The text of each parameter or attribute, by name.
        returns: The text of the result.
        unread: Lines of sections that could not be parsed or have unknown names; they are in the description.
    """

    description: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str | None = None
    unread: list[str] = field(default_factory=list)


def parse_docstring(text: str | None, names: Collection[str] | None = None) -> Docstring:
    """Parse a docstring.

    Args:
        text: The docstring.
        names: The names of the parameters or attributes: text of other names stays in the description. None for any.
    """
    found = Docstring()
    if not text:
        return found
    reader = _Reader(inspect.cleandoc(text).splitlines(), names, found)
    found.description = re.sub(r"\n{3,}", "\n\n", "\n".join(reader.read())).strip() or None
    return found


class _Reader:
    """Parser of a docstring, section by section."""

    def __init__(self, lines: list[str], names: Collection[str] | None, found: Docstring) -> None:
        self._lines = lines
        self._names = names
        self._found = found

    def read(self) -> list[str]:
        """Parse all sections; return the lines of the description."""
        kept: list[str] = []
        position = 0
        while position < len(self._lines):
            section, body = self._header(position)
            if section is None:
                position = self._field(position, kept)
                continue
            numpy = bool(_RULE.fullmatch(self._lines[body - 1]))
            end = self._section_end(body, numpy=numpy, items=section in _PARAMETERS | _ATTRIBUTES)
            left = self._take(section, self._lines[body:end], numpy=numpy)
            if left:
                self._found.unread += [line.strip() for line in left if line.strip()]
                kept += [*self._lines[position:body], *left, ""]
            position = end
        return kept

    def _header(self, position: int) -> tuple[str | None, int]:
        """Return the section that begins at a line, and the number of its first line."""
        line = self._lines[position]
        match = _HEADER.match(line)
        if match is None or match[1].lower() not in _SECTIONS:
            return None, position
        if _RULE.fullmatch(self._line(position + 1)):
            return match[1].lower(), position + 2
        is_marked = match[2] or match[3] or line[0] in "#*_"
        return (match[1].lower(), position + 1) if is_marked else (None, position)

    def _line(self, position: int) -> str:
        return self._lines[position] if position < len(self._lines) else ""

    def _section_end(self, start: int, *, numpy: bool, items: bool) -> int:
        position = start
        first = next((line for line in self._lines[start:] if line.strip()), "")
        flat = items and not numpy and first[:1].strip() != "" and self._item(first) is not None
        while position < len(self._lines):
            line = self._lines[position]
            if line.strip() and not line[0].isspace():
                if numpy:
                    if _RULE.fullmatch(self._line(position + 1)):
                        break
                elif not flat or self._header(position)[0] is not None or self._item(line) is None:
                    break
            position += 1
        return position

    def _take(self, section: str, body: list[str], *, numpy: bool) -> list[str]:
        """Parse the lines of a section; return the lines that cannot be parsed."""
        if section in _PARAMETERS | _ATTRIBUTES:
            left: list[str] = []
            for names, text, lines in self._numpy_items(body) if numpy else self._google_items(body):
                unknown = [name for name in names if not self._is_known(name)]
                self._found.parameters.update({name: text for name in names if self._is_known(name)})
                if (unknown or not names) and any(line.strip() for line in lines):
                    left += lines
            return left
        if section in _RETURNS:
            lines = [line for line in body if line.strip()]
            if numpy and len(lines) > 1:
                lines = [line for line in lines if line[0].isspace()] or lines  # the first line is the type
            self._found.returns = _joined(lines) or None
        return []

    def _is_known(self, name: str) -> bool:
        return self._names is None or name in self._names

    def _google_items(self, body: list[str]) -> Iterator[tuple[list[str], str, list[str]]]:
        """Yield names, text and lines of each item; without names the lines before the first item."""
        indents = [len(line) - len(line.lstrip()) for line in body if line.strip()]
        level = min(indents, default=0)
        names: list[str] = []
        text: list[str] = []
        lines: list[str] = []
        for line in body:
            item = self._item(line) if len(line) - len(line.lstrip()) == level else None
            if item is not None:
                yield names, _joined(text), lines
                names, text, lines = item[0], [item[1]], [line]
            else:
                text.append(line)
                lines.append(line)
        yield names, _joined(text), lines

    def _item(self, line: str) -> tuple[list[str], str] | None:
        """Return the names and the text of an item such as ``- `x` (int): text``; None if the line is not an item."""
        rest = line.strip()
        bullet = _BULLET.match(rest)
        position = bullet.end() if bullet else 0
        names: list[str] = []
        while True:
            match = _NAME.match(rest, position)
            if match is None:
                return None
            names.append(match[3])
            position = match.end()
            comma = re.compile(r"\s*,\s*").match(rest, position)
            if comma is None:
                break
            position = comma.end()
        position = _after_type(rest, position)
        separator = _SEPARATOR.match(rest, position)
        if separator is None:
            return None
        if len(names) > 1 and not all(map(self._is_known, names)):
            return None
        return names, rest[separator.end() :]

    @staticmethod
    def _numpy_items(body: list[str]) -> Iterator[tuple[list[str], str, list[str]]]:
        names: list[str] = []
        text: list[str] = []
        lines: list[str] = []
        for line in body:
            if line.strip() and not line[0].isspace():
                yield names, _joined(text), lines
                match = _NUMPY_ITEM.match(line)
                names = [name.strip().strip("*`") for name in match[1].split(",")] if match else []
                text, lines = [], [line]
            else:
                text.append(line)
                lines.append(line)
        yield names, _joined(text), lines

    def _field(self, position: int, kept: list[str]) -> int:
        """Parse a field such as ``:param int x: text``, or keep the line; return the position after it."""
        line = self._lines[position]
        match = _SPHINX_FIELD.match(line)
        kind = match[1] if match else ""
        if match is None or kind not in _SPHINX_KNOWN | _SPHINX_OTHER:
            kept.append(line)
            return position + 1
        text = [match[3]]
        end = position + 1
        while end < len(self._lines) and self._lines[end][:1].isspace():
            text.append(self._lines[end])
            end += 1
        name = match[2].split()[-1].lstrip("*").strip("`") if match[2].strip() else ""
        if kind in {"return", "returns"}:
            self._found.returns = _joined(text) or None
        elif kind in _SPHINX_KNOWN:
            if name and self._is_known(name):
                self._found.parameters[name] = _joined(text)
            else:
                kept += self._lines[position:end]
                self._found.unread.append(line.strip())
        return end


def _after_type(text: str, position: int) -> int:
    """Return the position after a type in parentheses or brackets, which can be nested."""
    start = position + len(text[position:]) - len(text[position:].lstrip())
    if text[start : start + 1] not in {"(", "["}:
        return position
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] in "([{") - (text[index] in ")]}")
        if depth == 0:
            return index + 1
    return position


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
