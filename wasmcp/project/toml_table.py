"""Reader of TOML tables that collects all mistakes instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wasmcp.toolchains.base import did_you_mean

_TYPES = {bool: "a boolean", str: "a string", int: "an integer", float: "a number", list: "a list", dict: "a table"}


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def shown(value: object) -> str:
    """Return a TOML value for a message: short, with its type."""
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    kind = _TYPES.get(type(value), f"a {type(value).__name__}")
    return f"{kind} ({text})"


def _written(key: str) -> str:
    """Return a key as written in TOML: quoted unless it is bare."""
    return key if _BARE.fullmatch(key) else f'"{key}"'


class Table:
    """Table of the configuration, and the mistakes found in it.

    Attributes:
        path: Its TOML path, for the messages.
        problems: The collected mistakes; shared by all tables of one file.
    """

    def __init__(self, data: Mapping[str, Any], path: str, problems: list[str]) -> None:
        self._data = data
        self._known: set[str] = set()
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def problem(self, key: str, sentence: str) -> None:
        """Add a mistake; the sentence continues after the path of the key."""
        self.problems.append(f"`{self.path}.{_written(key)}` {sentence}")

    def _value(self, key: str, kind: type) -> Any:
        self._known.add(key)
        value = self._data.get(key)
        if value is not None and type(value) is not kind:
            self.problem(key, f"must be {_TYPES[kind]}, not {shown(value)}")
            return None
        return value

    def string(self, key: str, default: str | None = None) -> str | None:
        """Return a string; an empty one is a mistake."""
        value: str | None = self._value(key, str)
        if value is not None and not value.strip():
            self.problem(key, "must not be empty")
            return default
        return default if value is None else value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        value: bool | None = self._value(key, bool)
        return default if value is None else value

    def strings(self, key: str) -> list[str] | None:
        """Return a list of strings without repetitions, or None if the key is missing."""
        value = self._value(key, list)
        if value is None:
            return None
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.problems.append(f"`{self.path}.{key}[{index}]` must be a string, not {shown(item)}")
            elif item in value[:index]:
                self.problems.append(f"`{self.path}.{key}[{index}]` names `{item}` a second time")
        return list(dict.fromkeys(item for item in value if isinstance(item, str)))

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of the allowed strings."""
        value = self.string(key, default)
        if value not in choices:
            listed = ", ".join(f"`{choice}`" for choice in choices)
            self.problem(key, f"must be one of {listed}, not `{value}`")
            return default
        return value

    def table(self, key: str) -> Table | None:
        """Return a nested table, or None."""
        value = self._value(key, dict)
        return None if value is None else Table(value, f"{self.path}.{_written(key)}", self.problems)

    def tables(self, key: str) -> dict[str, Table]:
        """Return the tables of a table of tables, by name."""
        parent = self.table(key)
        if parent is None:
            return {}
        found = {name: parent.table(name) for name in parent.items()}
        return {name: table for name, table in found.items() if table is not None}

    def items(self) -> dict[str, Any]:
        """Return all keys and values unchanged, and mark the keys as known."""
        self._known.update(self._data)
        return dict(self._data)

    def some(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of the present keys among `keys` unchanged, and mark them as known."""
        found = {key: self._data[key] for key in keys if key in self._data}
        self._known.update(found)
        return found

    def finish(self) -> None:
        """Add a mistake for every unknown key."""
        for key in self._data:
            if key not in self._known:
                self.problem(key, f"is unknown{did_you_mean(key, self._known)}")
