"""Patterns of URIs in the forms in which servers compare them.

The access rules of a server compare the normal form of a URI, and this form decoded. An author can write a pattern in
another form, `notes://Private/*` for example: the normal form of a host is in lower case.

Source: RFC 3986, section 6.2; framework/lib/access.zig.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

_ANY_SCHEME = re.compile(r"[A-Za-z0-9+.*-]*\*[A-Za-z0-9+.*-]*(?=://)")
_DELIMITERS = re.compile(r"[/?#:@*%]")


def comparable(selector: Mapping[str, Any], *, denied: bool) -> dict[str, Any]:
    """Return a selector or rule, as JSON values, with the further forms of its patterns of URIs.

    Args:
        selector: The selector or rule.
        denied: True for one that denies. One that permits gets the decoded form of a pattern only if no delimiter is
            encoded in it: `a%2Fb` does not permit `a/b`.
    """
    if "resources" not in selector:
        return dict(selector)
    forms = {form: None for pattern in selector["resources"] for form in (pattern, *_forms(pattern, denied=denied))}
    return {**selector, "resources": list(forms)}


def _forms(pattern: str, *, denied: bool) -> list[str]:
    normal = _normal(pattern)
    try:
        decoded = unquote_to_bytes(normal).decode()
    except UnicodeDecodeError:
        return [normal]
    same = _DELIMITERS.findall(decoded) == _DELIMITERS.findall(re.sub("%[0-9A-F]{2}", "", normal))
    return [normal, decoded] if denied or same else [normal]


def _normal(pattern: str) -> str:
    """Return the normal form of a pattern; the pattern itself if it does not begin with a scheme."""
    from wasmcp.guest.json_types.uris import normalized  # slow: few servers have patterns of URIs

    wild = _ANY_SCHEME.match(pattern)
    try:
        normal = normalized(f"x{pattern[wild.end() :]}" if wild else pattern).key
    except ValueError:
        return pattern
    if wild:
        normal = wild[0].lower() + normal[1:]
    # The path of a URI with a host name is at least `/`, which `*` at the end of a pattern stands for as well.
    return normal.removesuffix("/") if pattern.endswith("*") else normal
