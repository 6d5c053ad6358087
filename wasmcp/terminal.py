"""Escaping of untrusted text before it is printed to a terminal or written to a log."""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories whose characters can move the cursor, hide text, reverse its direction or forge a line."""
_JOINERS = {"\u200c", "\u200d"}
"""Format characters (ZWNJ, ZWJ) that scripts and emoji need within a word."""

_USER_INFORMATION = re.compile(r"(?<=://)[^/?#\s`'\"]*@")


def without_password(text: str) -> str:
    """Return `text` with `***` in place of the user names and passwords of the addresses in it (RFC 3986, 3.2.1)."""
    return _USER_INFORMATION.sub("***@", text)


def printable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with the characters escaped that a terminal would interpret instead of showing.

    Control characters (C0, C1, DEL), format characters (bidirectional overrides among them), line and paragraph
    separators, lone surrogates and unassigned code points become Python escapes, for example ``\x1b``. The result is
    one line, and printing it changes nothing but the characters it covers.

    Args:
        text: Text from a component, a registry, a client, or a file of another author.
        keep: Control characters that are not escaped, for example ``"\n\t"`` for text of several lines.

    Returns:
        The escaped text; `text` itself if nothing needs an escape.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(character, keep) for character in text)


def _escaped(character: str, keep: str) -> str:
    if character in keep or character in _JOINERS or unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape").decode("ascii")
