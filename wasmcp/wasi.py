"""Interfaces that a host provides: those of WASI 0.2, with their accepted versions, and that of development builds.

A Python component of a development build contains the interpreter and its dependencies. It gets the author's modules
from the host when an instance answers its first request. Its server is for the machine that tests it: everything that
passes servers on refuses it.

Sources: WASI 0.2.8 (packages `wasi:io`, `clocks`, `random`, `cli`, `filesystem`, `sockets`, `http`); `wasi:keyvalue`
0.2.0-draft and 0.2.0-draft2. Patch versions of 0.2 are compatible with each other; release candidates are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PACKAGE = "wasmcp:development@0.1.0"
INTERFACE = "wasmcp:development/modules@0.1.0"
"""The import, and the interface between component and host. No other package of interfaces contains it."""

FUNCTION = "read"
"""Its function: name of a component -> its modules, as the text of a JSON object."""

WIT = f"""\
package {PACKAGE};

/// The modules of a component in a development build. The host that tests it implements the interface.
interface modules {{
  /// The modules of one component, as the text of a JSON object.
  {FUNCTION}: func(component: string) -> string;
}}

world development-imports {{
  import modules;
}}
"""

REASON = "it is a development build, which gets its code from the program that tests it"
"""The reason for refusing a development build."""

ADVICE = "`wasmcp build` makes a server that contains its code"
"""The way to a server that is not refused."""


def interfaces_of(modules: Iterable[str]) -> list[str]:
    """Return the keys of modules that are names of further interfaces, not of components."""
    return [name for name in modules if "/" in name]


def is_development(imports: Iterable[str]) -> bool:
    """Return True for the imports of a component or server of a development build, of any version."""
    return any(name.partition("@")[0] == INTERFACE.partition("@")[0] for name in imports)


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
