"""Interfaces of WASI 0.2 that a host provides, and their accepted versions.

Sources: WASI 0.2.8 (packages `wasi:io`, `clocks`, `random`, `cli`, `filesystem`, `sockets`, `http`); `wasi:keyvalue`
0.2.0-draft and 0.2.0-draft2. Patch versions of 0.2 are compatible with each other; release candidates are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wasmcp.development_builds import ADVICE, REASON, is_development

_PATCH = re.compile(r"0\.2\.(?:0|[1-9][0-9]*)")
_PACKAGES = {
    "wasi:io": ("error", "poll", "streams"),
    "wasi:clocks": ("monotonic-clock", "wall-clock"),
    "wasi:random": ("random", "insecure", "insecure-seed"),
    "wasi:cli": (
        *("environment", "exit", "run", "stdin", "stdout", "stderr"),
        *("terminal-input", "terminal-output", "terminal-stdin", "terminal-stdout", "terminal-stderr"),
    ),
    "wasi:filesystem": ("types", "preopens"),
    "wasi:sockets": (
        *("network", "instance-network", "ip-name-lookup"),
        *("tcp", "tcp-create-socket", "udp", "udp-create-socket"),
    ),
    "wasi:http": ("types", "incoming-handler", "outgoing-handler"),
    "wasi:keyvalue": ("store", "atomics", "batch"),
}
INTERFACES = frozenset(f"{package}/{interface}" for package, found in _PACKAGES.items() for interface in found)
"""The interfaces that a host can provide, without versions."""

KEYVALUE_DRAFTS = ("0.2.0-draft", "0.2.0-draft2")
"""The drafts of `wasi:keyvalue` that hosts provide."""


def is_known(name: str) -> bool:
    """Return True if an import is of an interface that a host can provide, in any version."""
    return name.partition("@")[0] in INTERFACES


def version_problem(name: str) -> str | None:
    """Return the problem with the version of a known interface that the host must provide; None if it fits."""
    interface, _, version = name.partition("@")
    if interface.startswith("wasi:keyvalue/"):
        if version in KEYVALUE_DRAFTS:
            return None
        known = " and ".join(KEYVALUE_DRAFTS)
        return f"it imports `{name}`; hosts have {known} of `wasi:keyvalue`: build it against one of them"
    if _PATCH.fullmatch(version):
        return None
    what = "a release candidate" if "-" in version else "another version"
    what = what if version else "a name without a version"
    return f"it imports `{name}`, {what}; hosts have WASI 0.2 (0.2.0 and its patches): build it with tools for that"


def missing_imports(names: Iterable[str]) -> list[str]:
    """Return the imports of a server that hosts do not provide, as sentences.

    Args:
        names: All imports of the server.
    """
    found = []
    for name in names:
        if is_development((name,)):
            found.append(f"{REASON}: {ADVICE}")
        elif is_known(name):
            problem = version_problem(name)
            found += [problem] if problem else []
        else:
            found.append(f"it imports `{name}`, which is not an interface of WASI 0.2")
    return found
