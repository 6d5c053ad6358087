"""Detection of the server capabilities (``logging``, ``listChanged``) that a script can use.

Every script imports all of ``messages``, so the component's type does not show which functions are called. The text of
the author's modules does. Uncertain cases count as calls.
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
"""Methods of `Context`, and of the request that it wraps -> the WIT functions that they call."""

_OTHERS = re.compile(r"\b(?:console|Math)\s*\??\.\s*\w+")
_CALLED = re.compile(rf"\.\s*({'|'.join(FUNCTIONS)})\b")
_COMPUTED = re.compile(r"[\w)\]]\s*(?:\?\.)?\[\s*[A-Za-z_$`][^\]]*\]\s*\(")


def uses(texts: Iterable[str]) -> frozenset[str]:
    """Return the WIT functions of `request` behind announced capabilities that modules can call.

    Args:
        texts: The texts of the modules, without the guest library.
    """
    found: set[str] = set()
    for text in texts:
        bare = _OTHERS.sub("", text)
        found.update(FUNCTIONS[name] for name in _CALLED.findall(bare))
        if _COMPUTED.search(bare):  # `context[level](...)`
            return frozenset(FUNCTIONS.values())
    return frozenset(found)
