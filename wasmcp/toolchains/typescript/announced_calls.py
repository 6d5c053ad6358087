"""What of the things that servers announce a script may do: log to the client, say that lists have changed.

Every script imports the whole of ``messages``, so the component's type does not tell. The text of the author's modules
does; what cannot be told for sure counts as done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CHANGES = {
    "toolsChanged": "notify-tools-changed",
    "promptsChanged": "notify-prompts-changed",
    "resourcesChanged": "notify-resources-changed",
    "resourceUpdated": "notify-resource-updated",
}
FUNCTIONS = {
    **dict.fromkeys(("log", "debug", "info", "warning", "error"), "log"),
    **_CHANGES,
    **{f"notify{name[0].upper()}{name[1:]}": function for name, function in _CHANGES.items()},
}
"""Methods of `Context`, and of the request that it wraps -> the functions of the WIT that they call."""

_OTHERS = re.compile(r"\b(?:console|Math)\s*\??\.\s*\w+")
_CALLED = re.compile(rf"\.\s*({'|'.join(FUNCTIONS)})\b")
_COMPUTED = re.compile(r"[\w)\]]\s*(?:\?\.)?\[\s*[A-Za-z_$`][^\]]*\]\s*\(")


def uses(texts: Iterable[str]) -> frozenset[str]:
    """Return the functions of `request` that modules may call, of those that servers announce.

    Args:
        texts: The modules, our own library left out.
    """
    found: set[str] = set()
    for text in texts:
        bare = _OTHERS.sub("", text)
        found.update(FUNCTIONS[name] for name in _CALLED.findall(bare))
        if _COMPUTED.search(bare):  # `context[level](...)`
            return frozenset(FUNCTIONS.values())
    return frozenset(found)
