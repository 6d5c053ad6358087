"""WIT names -> Zig names: `camelCase` functions, `TitleCase` types, `snake_case` fields and namespaces."""

from __future__ import annotations

import re

# https://ziglang.org/documentation/master/#Keyword-Reference, and names that mean something by themselves.
_KEYWORDS = frozenset(  # a text is easier to read and to compare than seventy quoted words
    """addrspace align allowzero and anyframe anytype asm async await break callconv catch comptime const continue
    defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend opaque or
    orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace var
    volatile while _ anyerror anyopaque bool comptime_float comptime_int false isize noreturn null true type undefined
    usize void c_char c_int c_uint c_short c_ushort c_long c_ulong c_longlong c_ulonglong c_longdouble
    f16 f32 f64 f80 f128""".split()  # noqa: SIM905 - see above
)
_INTEGER = re.compile(r"[iu][0-9]+")

# What generated code calls things: no name of a WIT package may hide them.
RESERVED = frozenset({"std", "abi", "memory", "bindings", "implementation", "exports", "self", "Self"})


def snake(name: str) -> str:
    """`mime-type` -> `mime_type`: fields, cases, parameters, namespaces."""
    return name.replace("-", "_").lower()


def camel(name: str) -> str:
    """`call-tool` -> `callTool`: functions."""
    first, *rest = name.split("-")
    return first.lower() + "".join(word.capitalize() for word in rest)


def title(name: str) -> str:
    """`tool-result` -> `ToolResult`: types."""
    return "".join(word.capitalize() for word in name.split("-"))


def quote(name: str) -> str:
    """A Zig identifier: `@"error"` for what Zig keeps for itself."""
    return f'@"{name}"' if name in _KEYWORDS or _INTEGER.fullmatch(name) else name


class Scope:
    """The names of one Zig container: gives each WIT name a Zig name that is unique in it."""

    reserved = RESERVED

    def __init__(self, taken: frozenset[str] = RESERVED) -> None:
        """Start with the names in `taken` given away."""
        self._taken = set(taken)
        self.given: set[str] = set()

    def give(self, wanted: str) -> str:
        """Return `wanted`, quoted where Zig needs it, with `_` behind it while somebody else has it."""
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        self.given.add(wanted)
        return quote(wanted)

    @property
    def names(self) -> set[str]:
        """Everything this scope gives to nobody any more."""
        return set(self._taken)

    def avoid(self, names: set[str]) -> None:
        """Never give one of these names."""
        self._taken |= names
