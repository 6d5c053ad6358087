"""Untrusted text on a terminal."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.terminal import printable, without_password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Grüße 世界 🙂 a\u00a0b", "Grüße 世界 🙂 a\u00a0b"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\nc", "a\\rb\\nc"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_kept_characters() -> None:
    assert printable("a\tb\nc\x1b", keep="\n\t") == "a\tb\nc\\x1b"


@given(st.text())
def test_any_text_becomes_one_line_without_controls(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert printable(shown) == shown


@given(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]).filter(lambda c: c not in "\u200c\u200d"))
def test_an_escape_names_its_character(character: str) -> None:
    assert ast.literal_eval(f'"{printable(character)}"') == character


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://ann:secret@host/x and ftp://token@host", "see https://***@host/x and ftp://***@host"),
        ("oci://host/team/calc@sha256:00", "oci://host/team/calc@sha256:00"),
        ("https://host/a@b?c=d@e", "https://host/a@b?c=d@e"),
        ("`https://a@b@host/`", "`https://***@host/`"),
        ("mail ann@example.com", "mail ann@example.com"),
    ],
)
def test_passwords_in_addresses_are_not_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown
    assert without_password(shown) == shown
