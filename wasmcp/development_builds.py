"""Development builds: recognised by one import, which release builds do not have.

A Python component of a development build contains the interpreter and its dependencies. It gets the author's modules
from the host when an instance answers its first request. Its server is for the machine that tests it: everything that
passes servers on refuses it.
"""

from __future__ import annotations

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
