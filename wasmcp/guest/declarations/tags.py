"""Tags of tools, resources and prompts, by which filters of a server select them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wasmcp.guest.declarations.signature import Signature

TAGS = "wasmcp/tags"
"""Key of `_meta` with the tags."""


def tagged(signature: Signature, meta: Mapping[str, Any] | None, tags: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the `_meta` of a declared function, with its tags.

    Raises:
        DeclarationError: The tags are not a list of strings that are not empty, or `meta` has others.
    """
    if isinstance(tags, str) or not all(isinstance(tag, str) and tag for tag in tags):
        raise signature.refused(None, f"`tags` must be a list of strings that are not empty, not {tags!r}")
    if not tags:
        return meta
    if meta is not None and TAGS in meta:
        raise signature.refused(None, f"it has `tags`, and `meta` has `{TAGS}`: use one of them")
    return {**(meta or {}), TAGS: list(dict.fromkeys(tags))}
