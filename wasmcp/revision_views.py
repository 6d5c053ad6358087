"""Items of lists in the form of each revision of MCP, without members that the revision does not define.

Source: Model Context Protocol, schemas `Tool`, `Resource`, `ResourceTemplate` and `Prompt` of each revision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from wasmcp.protocol import ANNOTATIONS_SINCE, ARGUMENT_SINCE, ITEM_SINCE, LATEST

Item = Mapping[str, Any]
"""An item of a list in its wire form of revision 2026-07-28."""


def to_json_text(value: Any) -> str:
    """Return JSON without white space. Lone surrogates stay escaped, so that the text is always UTF-8.

    Raises:
        ValueError: The value contains a number that JSON cannot represent.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if any("\ud800" <= character <= "\udfff" for character in text):
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def from_json_text(text: str | bytes) -> Any:
    """Return the value of a JSON text; unlike `json.loads` it rejects ``NaN`` and ``Infinity``.

    Raises:
        ValueError: The text is not JSON, or nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(text: str) -> Any:
    raise ValueError(f"`{text}` is not JSON")


def in_form(kind: str, item: Item, revision: str) -> dict[str, Any]:
    """Return an item in the form of a revision.

    Before 2026-07-28 a tool's `outputSchema` describes an object; other output schemas are left out.

    Args:
        kind: The list that contains the item, one of `wasmcp.protocol.LISTS`.
        item: The item in its wire form of 2026-07-28.
        revision: One of `wasmcp.protocol.REVISIONS`.
    """
    if revision == LATEST:
        return dict(item)
    kept = _known(item, ITEM_SINCE[kind], revision)
    if kind == "tools" and kept.get("outputSchema", {}).get("type") != "object":
        kept.pop("outputSchema", None)
    if kind == "prompts" and "arguments" in kept:
        kept["arguments"] = [_known(argument, ARGUMENT_SINCE, revision) for argument in kept["arguments"]]
    if kind in ("resources", "templates") and "annotations" in kept:
        kept["annotations"] = _known(kept["annotations"], ANNOTATIONS_SINCE, revision)
    return kept


def items_json(kind: str, items: Iterable[Item], revision: str) -> str:
    """Return the items of a list in the form of a revision, as a JSON array."""
    return to_json_text([in_form(kind, item, revision) for item in items])


def _known(item: Item, since: Mapping[str, str], revision: str) -> dict[str, Any]:
    """Return the members that a revision defines; revisions are dates and compare as text."""
    return {member: value for member, value in item.items() if since.get(member, LATEST) <= revision}
