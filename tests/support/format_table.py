"""Texts that have a format of JSON Schema, and texts that have not: cases of the guest libraries that check them."""

# ruff: noqa: RUF001 - digits of other scripts are what this is about

from __future__ import annotations

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
