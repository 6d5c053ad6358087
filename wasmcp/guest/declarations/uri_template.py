"""URI templates (RFC 6570) in reverse: the values of the variables from a URI."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from wasmcp.guest.json_types.uris import checked, normalized, normalized_template

_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)(\*?)")

# Operator -> the prefix, the separator, and the pattern of a value.
_STYLES = {
    "": ("", ",", r"[^/?#,]*"),
    "+": ("", ",", r"[^?#]*"),
    "#": ("#", ",", r".*"),
    ".": (".", ".", r"[^./?#]*"),
    "/": ("/", "/", r"[^/?#]*"),
    ";": (";", ";", r"[^/?#;]*"),
}


_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def unquote(text: str) -> str:
    """Return a text with its percent-encoding decoded; ``urllib`` would make each component larger.

    Raises:
        ValueError: The encoded bytes are not UTF-8.
    """
    return _ENCODED.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), text)


class Variable(NamedTuple):
    """A variable of a template.

    Attributes:
        name: The name of the variable.
        many: True if it has a list of values (``*``).
        optional: True if a URI can omit it: variables of a query and of path parameters.
    """

    name: str
    many: bool
    optional: bool


class UriTemplate:
    """A URI, or a template such as ``notes://{folder}/{id}{?q,tags*}``.

    Args:
        text: The URI or the template.

    Attributes:
        text: The text of the author.
        normal: The normal form.
        variables: The variables by name, in order; empty for a URI.

    Raises:
        ValueError: The text is not a URI or a template, or the template cannot be matched.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.variables: dict[str, Variable] = {}
        if "{" in text or "}" in text:
            self.normal = normalized_template(text)
        else:
            self.normal = normalized(text)
        checked(text)
        self._query: set[str] = set()
        self._fixed: list[tuple[str, str]] = []
        self._groups: list[tuple[str, Variable, str]] = []
        pattern = "".join(self._parts())
        self._pattern = re.compile(pattern, re.DOTALL)

    @property
    def is_template(self) -> bool:
        """True if the template has variables."""
        return bool(self.variables)

    def _parts(self) -> Iterator[str]:
        position = 0
        in_query = False
        text = self.normal.text
        for match in _EXPRESSION.finditer(text):
            in_query = yield from self._literal(text[position : match.start()], position, in_query=in_query)
            position = match.end()
            expression = match[1]
            operator = expression[0] if expression[:1] in tuple("+#./;?&") else ""
            if operator in ("?", "&"):
                in_query = True
                for variable in self._variables(expression[1:], optional=True):
                    self._query.add(variable.name)
            elif in_query and operator != "#":
                raise ValueError(f"`{match[0]}`: in a query write `{{?name}}` or `{{&name}}`")
            else:
                yield self._expression(operator, expression[len(operator) :])
        yield from self._literal(text[position:], position, in_query=in_query)

    def _literal(self, text: str, position: int, *, in_query: bool) -> Generator[str, None, bool]:
        if "{" in text or "}" in text:
            raise ValueError(f"`{self.text}` has a brace without a partner")
        if "?" in text and not in_query:
            before, _, text = text.partition("?")
            yield self._escaped(before, position)
            in_query = True
        if in_query:
            self._fixed += [(name, value) for name, value, _ in _pairs(text)]
        else:
            yield self._escaped(text, position)
        return in_query

    def _escaped(self, literal: str, position: int) -> str:
        """Return the pattern of literal text; hosts are case-insensitive."""
        end = max(len(self.normal.scheme) + 1 + len(self.normal.authority) - position, 0)
        host = f"(?i:{re.escape(literal[:end])})" if literal[:end] else ""
        return host + re.escape(literal[end:])

    def _variables(self, names: str, *, optional: bool) -> Iterator[Variable]:
        for name in names.split(","):
            match = _VARIABLE.fullmatch(name)
            if match is None:
                reason = "prefixes cannot be read back" if ":" in name else "it is not a valid name of a variable"
                raise ValueError(f"`{self.text}`: `{name}`: {reason}")
            if match[1] in self.variables:
                raise ValueError(f"`{self.text}` has the variable `{match[1]}` twice")
            variable = self.variables[match[1]] = Variable(match[1], bool(match[2]), optional)
            yield variable

    def _expression(self, operator: str, names: str) -> str:
        first, between, value = _STYLES[operator]
        pattern = ""
        for index, variable in enumerate(self._variables(names, optional=operator in (";", "#"))):
            group = f"v{len(self._groups)}"
            self._groups.append((group, variable, between))
            before = re.escape(first if index == 0 else between)
            if operator == ";":
                name = re.escape(variable.name)
                one = f"{before}{name}(?:=(?P<{group}>{value}))?"
                if variable.many:
                    raise ValueError(f"`{{;{variable.name}*}}` cannot be read back: use `{{?{variable.name}*}}`")
                pattern += f"(?:{one})?"
            elif variable.many:
                separator = re.escape(between)
                pattern += f"{before}(?P<{group}>{value}(?:{separator}{value})*)"
            elif operator == "#":
                pattern += f"(?:{before}(?P<{group}>{value}))?"
            else:
                pattern += f"{before}(?P<{group}>{value})"
        return pattern

    def match(self, uri: str) -> dict[str, str | list[str]] | None:
        """Return the decoded values in a URI; None if the URI does not match.

        Variables that the URI omits are left out.
        """
        try:
            if not self.variables:
                return {} if normalized(uri).key == self.normal.key else None
            return self._match(normalized(uri, dots=False).text)
        except ValueError:  # the URI has no scheme, or its encoded bytes are not UTF-8
            return None

    def _match(self, uri: str) -> dict[str, str | list[str]] | None:
        query: str | None = None
        if self._query or self._fixed:
            uri, mark, rest = uri.partition("?")
            if mark:
                query, hash_mark, fragment = rest.partition("#")
                uri += hash_mark + fragment
        matched = self._pattern.fullmatch(uri)
        if matched is None:
            return None
        found: dict[str, str | list[str]] = {}
        for group, variable, between in self._groups:
            value = matched[group]
            if value is None:
                continue
            if value == "" and not variable.optional and not variable.many:
                return None
            found[variable.name] = [unquote(item) for item in value.split(between)] if variable.many else unquote(value)
        return found if self._add_query(query or "", found) else None

    def _add_query(self, query: str, found: dict[str, str | list[str]]) -> bool:
        fixed = list(self._fixed)
        for name, value, exact in _pairs(query):
            if (name, value) in fixed:
                fixed.remove((name, value))
            elif name not in self._query:
                return False
            elif not self.variables[name].many:
                if name in found:
                    return False
                found[name] = value
            else:
                # A list can be `a=1&a=2` as well as `a=1,2`.
                values = found.setdefault(name, [])
                if isinstance(values, list):
                    values += [unquote(item) for item in exact.split(",")]
        return not fixed


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, decoded value and undecoded value of each pair."""
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            yield unquote(name), unquote(value), value
