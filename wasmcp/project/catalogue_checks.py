"""Validation of a component's lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ITEMS_LIMIT = 10_000
"""Limit on the items in one list of a component."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TEXTS = ("title", "description")
_OBJECTS = ("outputSchema", "annotations", "_meta")
_IDENTITIES = {
    "resources": ("uri", "resource"),
    "templates": ("uriTemplate", "resource template"),
    "prompts": ("name", "prompt"),
}


def check_tools(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each error in a list of tools.

    Specification: 2026-07-28, server/tools: "Tool", "Tool Names" (there a SHOULD, here required: clients refuse
    others).
    """
    if len(tools) > ITEMS_LIMIT:
        return [f"it offers {len(tools)} tools; {ITEMS_LIMIT} is the limit"]
    problems = []
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        name = tool.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(f"tool {index}: the name must be 1 to 128 of `A-Z a-z 0-9 _ . -`, not {name!r:.160}")
            continue
        if name in seen:
            problems.append(f"tool `{name}`: offered a second time by the same component")
        seen.add(name)
        schema = tool.get("inputSchema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            problems.append(f'tool `{name}`: `inputSchema` must be a JSON Schema object with `"type": "object"`')
        wrong = [(key, "a string") for key in _TEXTS if not isinstance(tool.get(key, ""), str)]
        wrong += [(key, "a JSON object") for key in _OBJECTS if not isinstance(tool.get(key, {}), dict)]
        problems.extend(f"tool `{name}`: `{key}` must be {kind}" for key, kind in wrong)
    return problems


def check_items(kind: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each error in a list of resources, templates or prompts.

    Specification: 2026-07-28, server/resources, server/prompts; RFC 3986, section 3 (a URI begins with its scheme, and
    so do the URIs of a template); RFC 6570, section 2.

    Args:
        kind: `resources`, `templates` or `prompts`.
        items: The list.
    """
    identity, noun = _IDENTITIES[kind]
    if len(items) > ITEMS_LIMIT:
        return [f"it offers {len(items)} {noun}s; {ITEMS_LIMIT} is the limit"]
    problems = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        key = item.get(identity)
        if not isinstance(key, str) or not key:
            problems.append(f"{noun} {index}: `{identity}` must be a string that is not empty")
            continue
        if key in seen:
            problems.append(f"{noun} `{key}`: offered a second time by the same component")
        seen.add(key)
        if not item.get("name"):
            problems.append(f"{noun} `{key}`: `name` must be a string that is not empty")
        if kind == "resources" and not _SCHEME.match(key):
            problems.append(f"{noun} `{key}`: a URI begins with its scheme, as in `file:///notes.txt`")
        if kind == "templates" and not _is_template(key):
            problems.append(f"{noun} `{key}`: its braces do not pair, as they do in `file:///{{name}}`")
    return problems


def _is_template(text: str) -> bool:
    return "{" not in re.sub(r"\{[^{}]+\}", "", text) and "}" not in re.sub(r"\{[^{}]+\}", "", text)
