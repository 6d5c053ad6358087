"""Modules of the standard library that a component contains compressed, and imports lazily.

If they were imported at build time, the hundred text encodings would be a twelfth of a component; few are ever used.
"""

from __future__ import annotations

import importlib.machinery
import marshal
import sys
import zlib
from collections.abc import Sequence
from types import CodeType, ModuleType

_codes: dict[str, bytes] = {}


class _Library:
    """A finder and loader of the compressed modules."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a compressed module; None for all others."""
        if name not in _codes:
            return None
        return importlib.machinery.ModuleSpec(name, _Library, origin="compressed")  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: importlib.machinery.ModuleSpec) -> None:
        """Return None: the interpreter creates the module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Run the module's code."""
        exec(marshal.loads(zlib.decompress(_codes[module.__name__])), module.__dict__)  # noqa: S102, S302 - our own


def keep(name: str, code: CodeType) -> None:
    """Store the code of a module, which must not be a package, for a lazy import."""
    if not _codes:
        sys.meta_path.append(_Library)
    _codes[name] = zlib.compress(marshal.dumps(code), 9)


class _Missing:
    """A finder that finds nothing, and explains why a submodule of the standard library is missing."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> None:
        """Raise an error for a submodule of the standard library that was not imported while the component was built.

        Raises:
            ModuleNotFoundError: The module is such a submodule. The error has no `name`, because otherwise
                ``from package import module`` would hide its message.
        """
        if "." in name and name.partition(".")[0] in sys.stdlib_module_names:
            raise ModuleNotFoundError(
                f"`{name}` is not in the component, which holds only modules imported when it was built: import it at "
                "the top of a module, or name it under `imports`"
            )


def explain_missing() -> None:
    """Explain from now on why a submodule of the standard library is missing."""
    sys.meta_path.append(_Missing)
