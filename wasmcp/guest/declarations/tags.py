"""Tags and scopes of tools, resources and prompts, which filters and policies of a server read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wasmcp.guest.declarations.signature import Signature

TAGS = "wasmcp/tags"
"""Key of `_meta` with the tags."""

SCOPES = "wasmcp/scopes"
"""Key of `_meta` with the scopes."""

_SCOPE = re.compile(r"[!#-\[\]-~]+")


def tagged(
    signature: Signature, meta: Mapping[str, Any] | None, tags: Sequence[str], scopes: Sequence[str] = ()
) -> Mapping[str, Any] | None:
    """Return the `_meta` of a declared function, with its tags and scopes.

    Raises:
        DeclarationError: The tags are not a list of strings that are not empty, the scopes are not scopes of OAuth
            (RFC 6749, section 3.3), or `meta` has others.
    """
    if isinstance(tags, str) or not all(isinstance(tag, str) and tag for tag in tags):
        raise signature.refused(None, f"`tags` must be a list of strings that are not empty, not {tags!r}")
    if isinstance(scopes, str) or not all(isinstance(scope, str) and _SCOPE.fullmatch(scope) for scope in scopes):
        what = "a list of scopes of OAuth, which are visible ASCII characters without space, quote and backslash"
        raise signature.refused(None, f"`scopes` must be {what}, not {scopes!r}")
    for name, key, values in (("tags", TAGS, tags), ("scopes", SCOPES, scopes)):
        if not values:
            continue
        if meta is not None and key in meta:
            raise signature.refused(None, f"it has `{name}`, and `meta` has `{key}`: use one of them")
        meta = {**(meta or {}), key: list(dict.fromkeys(values))}
    return meta
