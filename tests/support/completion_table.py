"""Completions: the cases that the guest libraries of all languages have in common.

The components of `tests/toolchains/equal/` declare the same prompts and templates. Of an argument without a function,
the values of its type are proposed: those that begin with the text typed, regardless of case.
"""

from __future__ import annotations

from typing import Any

TRIP = {"type": "ref/prompt", "name": "trip"}
LISTED = {"type": "ref/resource", "uri": "trips://{kind}/{open}/{name}"}

Filled = dict[str, str]
Expected = dict[str, Any] | str


def _all(*values: str) -> dict[str, Any]:
    return {"values": list(values), "total": len(values), "hasMore": False}


COMPLETIONS: list[tuple[dict[str, str], str, str, Filled, Expected]] = [
    # reference, argument, text typed, other arguments, the completion; a text: the message of an error -32602
    (TRIP, "size", "", {}, _all("small", "Large")),
    (TRIP, "size", "l", {}, _all("Large")),
    (TRIP, "size", "SM", {}, _all("small")),
    (TRIP, "size", "x", {}, _all()),
    (TRIP, "deep", "", {}, _all("true", "false")),
    (TRIP, "deep", "T", {}, _all("true")),
    (TRIP, "city", "b", {}, _all("Bremen", "Berlin")),
    (TRIP, "city", "łÓ", {}, _all("Łódź")),
    (TRIP, "days", "7", {"size": "small"}, _all("7", "small")),
    (TRIP, "days", "many", {}, {"values": ["x"] * 100, "total": 150, "hasMore": True}),
    (TRIP, "pages", "", {}, {"values": ["1", "2"], "total": 7, "hasMore": True}),
    (TRIP, "pages", "more", {}, {"values": ["1", "2"], "hasMore": True}),
    (TRIP, "town", "", {}, "`trip` has no argument `town`"),
    (LISTED, "kind", "N", {}, _all("night")),
    (LISTED, "open", "", {}, _all("true", "false")),
    (LISTED, "name", "a", {}, _all()),
    (LISTED, "names", "", {}, "`trips://{kind}/{open}/{name}` has no argument `names`"),
]

FAILURES = {"secret": "Error completing pages", "none": "no page"}
"""Texts typed for `pages` whose function fails, and the messages of the errors -32603."""
