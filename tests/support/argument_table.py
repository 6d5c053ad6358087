"""Errors of arguments: the words that the guest libraries of all languages have in common.

The components of `tests/toolchains/equal/` declare the same tool `check` and the same prompt `trip`. All mistakes are
one error, each with the path of its value: members in the order in which they were sent, then those that are missing.
"""

from __future__ import annotations

from typing import Any

VALID: dict[str, Any] = {"count": 1, "price": 2.5, "size": "small", "stops": []}


def _missing(*names: str) -> str:
    return "; ".join(f"{name}: required, but missing" for name in names)


KNOWN = "expected only count, price, size, stops, open"
TOOL: list[tuple[dict[str, Any], str]] = [
    # arguments, which replace those of `VALID`; the error, without the name of the tool
    ({"count": "1"}, "count: expected integer, got string"),
    ({"count": True}, "count: expected integer, got boolean"),
    ({"count": None}, "count: expected integer, got null"),
    ({"count": 1.5}, "count: expected integer, got 1.5"),
    ({"count": -1}, "count: expected at least 0, got -1"),
    ({"count": 256}, "count: expected at most 255, got 256"),
    ({"price": "x"}, "price: expected number, got string"),
    ({"price": []}, "price: expected number, got array"),
    ({"price": {}}, "price: expected number, got object"),
    ({"open": 1}, "open: expected boolean, got integer"),
    ({"open": 1.5}, "open: expected boolean, got number"),
    ({"size": "big"}, 'size: expected one of "small", "Large", got "big"'),
    ({"size": 'a"b'}, 'size: expected one of "small", "Large", got "a\\"b"'),
    ({"stops": {}}, "stops: expected array, got object"),
    ({"stops": [1]}, "stops[0]: expected object, got integer"),
    (
        {"stops": [{"town": "a", "days": 1}, {"town": 2, "days": "x"}]},
        "stops[1].town: expected string, got integer; stops[1].days: expected integer, got string",
    ),
    ({"stops": [{"town": "a"}]}, "stops[0].days: required, but missing"),
    ({"stops": [{"town": "a", "days": 1, "x": 1}]}, "stops[0].x: unexpected; expected only town, days"),
    ({"more": 1}, f"more: unexpected; {KNOWN}"),
    ({"a b": 1}, f'["a b"]: unexpected; {KNOWN}'),
    ({"x": 1, "y": 2}, f"x: unexpected; {KNOWN}; y: unexpected"),
    (
        {"count": "1", "size": "big", "more": 1},
        (
            'count: expected integer, got string; size: expected one of "small", "Large", got "big"; '
            f"more: unexpected; {KNOWN}"
        ),
    ),
]
NOTHING = _missing("count", "price", "size", "stops")

LIMITS: list[tuple[dict[str, Any], str]] = [
    # all arguments; the error, without the name of the tool. Zig's types have no such limits.
    ({"code": "a"}, "code: expected at least 2 characters, got 1"),
    ({"code": "abcde"}, "code: expected at most 4 characters, got 5"),
    ({"ratio": -0.5}, "ratio: expected more than 0, got -0.5"),
    ({"ratio": 1.5}, "ratio: expected less than 1, got 1.5"),
    ({"ratio": 0}, "ratio: expected more than 0, got 0"),
    ({"ratio": 1}, "ratio: expected less than 1, got 1"),
    ({"step": 7}, "step: expected a multiple of 5, got 7"),
    ({"words": []}, "words: expected at least 1 items, got 0"),
    ({"words": ["a", "b", "c"]}, "words: expected at most 2 items, got 3"),
    ({"tags": ["a", "a"]}, "tags: expected no item twice"),
]

TRIP = "expected only city, size, deep, days, pages"
PROMPT: list[tuple[dict[str, Any], str]] = [
    # all arguments; the error, without the name of the prompt
    ({}, _missing("city", "size")),
    ({"city": "a", "size": "big"}, 'size: expected one of "small", "Large", got "big"'),
    ({"city": "a", "x": "1"}, f"x: unexpected; {TRIP}; size: required, but missing"),
    ({"city": "a", "size": "small", "days": "many"}, "days: expected integer, got string"),
    ({"city": "a", "size": "small", "days": "1.5"}, "days: expected integer, got 1.5"),
    ({"city": "a", "size": "small", "deep": "yes"}, "deep: expected boolean, got string"),
    ({"city": "a", "size": "small", "deep": "null"}, "deep: expected boolean, got string"),
]
