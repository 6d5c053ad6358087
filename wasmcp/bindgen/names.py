"""Conversion of WIT names to Zig: `camelCase` functions, `TitleCase` types, `snake_case` fields and namespaces."""

from __future__ import annotations

import re

# https://ziglang.org/documentation/master/#Keyword-Reference, and the names of primitive types and values.
_KEYWORDS = frozenset(  # one text is easier to compare with the reference than seventy string literals
    """addrspace align allowzero and anyframe anytype asm async await break callconv catch comptime const continue
    defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend opaque or
    orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace var
    volatile while _ anyerror anyopaque bool comptime_float comptime_int false isize noreturn null true type undefined
    usize void c_char c_int c_uint c_short c_ushort c_long c_ulong c_longlong c_ulonglong c_longdouble
    f16 f32 f64 f80 f128""".split()  # noqa: SIM905 - see above
)
_INTEGER = re.compile(r"[iu][0-9]+")

# Names that generated code uses: names of a WIT package must not shadow them.
RESERVED = frozenset({"std", "abi", "memory", "bindings", "implementation", "exports", "self", "Self"})


def snake(name: str) -> str:
    """Return the `snake_case` name of a field, case, parameter or namespace: `mime-type` -> `mime_type`."""
    return name.replace("-", "_").lower()


def camel(name: str) -> str:
    """Return the `camelCase` name of a function: `call-tool` -> `callTool`."""
    first, *rest = name.split("-")
    return first.lower() + "".join(word.capitalize() for word in rest)


def title(name: str) -> str:
    """Return the `TitleCase` name of a type: `tool-result` -> `ToolResult`."""
    return "".join(word.capitalize() for word in name.split("-"))


def quote(name: str) -> str:
    """Return a Zig identifier: keywords and reserved names are quoted, `@"error"`."""
    return f'@"{name}"' if name in _KEYWORDS or _INTEGER.fullmatch(name) else name


class Scope:
    """Names of one Zig container: each WIT name gets a Zig name that is unique in it."""

    reserved = RESERVED

    def __init__(self, taken: frozenset[str] = RESERVED) -> None:
        """Start with the reserved names in `taken`."""
        self._taken = set(taken)
        self.given: set[str] = set()

    def give(self, name: str) -> str:
        """Reserve a name and return it, quoted if Zig requires it; `_` is appended while the name is taken."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.given.add(name)
        return quote(name)

    @property
    def names(self) -> set[str]:
        """All names that are taken in this scope."""
        return set(self._taken)

    def avoid(self, names: set[str]) -> None:
        """Mark these names as taken."""
        self._taken |= names
