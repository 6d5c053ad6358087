"""Cases that the guest libraries of all languages have in common: completions, generated skills, formats of texts.

The components of `tests/toolchains/equal/` declare the same prompts and templates. Of an argument without a function,
the values of its type are proposed: those that begin with the text typed, regardless of case.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.rust_crates import MISSING

LANGUAGES = [
    "zig",
    pytest.param("rs", marks=[pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]),
    pytest.param("ts", marks=pytest.mark.slow),
    pytest.param("py", marks=pytest.mark.slow),
]


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


ENTRIES: list[dict[str, Any]] = [
    {
        "uri": "skill://reports/daily-report/SKILL.md",
        "frontmatter": {
            "name": "daily-report",
            "description": 'Report of "today": é😀 #1\n- [x]',
            "license": "Apache-2.0",
            "compatibility": "yes",
            "allowed-tools": "Bash(git:*) Read",
            "metadata": {"version": "2.1"},
        },
        "resources": "dynamic",
    },
    {
        "uri": "skill://true/SKILL.md",
        "frontmatter": {"name": "true", "description": "About true"},
        "resources": "dynamic",
    },
]
"""The entries of `skills/list`."""

TEXTS = {
    "skill://reports/daily-report/SKILL.md": "# Report for 2026-07-28\n",
    "skill://true/SKILL.md": "plain",
}
"""The texts after the front matter, by URI."""


# ruff: noqa: RUF001 - digits of other scripts are what this is about


SOME = "12345678-1234-5678-1234-567812345678"

FITTING = {
    "date": ["2026-01-02", "2024-02-29"],
    "time": ["10:30:00Z", "10:30:00.123+01:00", "00:00:00-23:59"],
    "date-time": ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.5+00:00"],
    "duration": ["P1D", "PT1H2M3S", "P1W", "P1Y2M3DT4H", "PT36H", "P2M"],
    "uuid": [SOME, SOME.upper()],
    "ipv4": ["1.2.3.4", "255.255.255.255", "0.0.0.0"],  # noqa: S104
    "ipv6": ["::", "::1", "2001:db8::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"],
    "email": ["a@example.com", "a.b+c@x-y.example"],
    "hostname": ["localhost", "a.b-c.example", "1.example"],
    "uri": [
        "https://example.com", "http://u:p@[::1]:80/a;b?c=/?#d", "urn:a:b", "mailto:a@b.c", "file:///a%20b", "docs:a/b",
        "docs:/a",
    ],
}  # fmt: skip
UNFITTING = {
    "date": ["2026-13-01", "2026-1-1", "2026-02-30", "20260101"],
    "time": ["10:30:00", "10:30Z", "25:00:00Z", "10:30:00+24:00", "10:30:00+0100"],
    "date-time": ["2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-W01-1T00:00:00Z"],
    "duration": ["P", "PT", "P1DT", "PT1.5S", "-P1D", "P1S", "1D"],
    "uuid": [SOME.replace("-", ""), f"{{{SOME}}}", "x" + SOME[1:]],
    "ipv4": ["1.2.3", "01.2.3.4", "1.2.3.256", "１.2.3.4", "1.2.3.4 "],
    "ipv6": ["fe80::1%eth0", "::1::", "12345::", "1.2.3.4", "[::1]"],
    "email": ["a", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", "é@b.c", "a@b.c\n", "a" * 250 + "@b.cc"],
    "hostname": ["", "-a", "a-", "a..b", "a_b", "é.example", "a" * 64, "a.b\n"],
    "uri": [
        "", "a", "/a", "http://", "http://a b", "docs://a:b", "http://é/", "a:%zz", "http://[::1", "http:///a", "x y:z",
    ],
}  # fmt: skip
