"""Modules that a component contains compressed, and imports when they are needed.

Modules that are imported while a component is built are in its memory as objects. The others that its code may import
later are stored here: compiled where an import statement names them, as source where only a computed name could.
"""

from __future__ import annotations

import importlib.machinery
import marshal
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any


@dataclass(frozen=True)
class Kept:
    """A stored module.

    Attributes:
        data: Its compressed code or source.
        path: Its file while the component was built; empty if unknown.
        is_source: True for source.
        is_package: True for a package.
        like: The stored module that is the dictionary of the compression; empty for none.
    """

    data: bytes
    path: str
    is_source: bool
    is_package: bool
    like: str = ""


MODULES: dict[str, Kept] = {}
"""The stored modules by name."""


class _Loader(importlib.machinery.SourceFileLoader):
    """A loader of one stored module."""

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code."""
        kept = MODULES[fullname]
        data = _decompressed(kept)
        if kept.is_source:
            return compile(data, kept.path, "exec", dont_inherit=True)
        code: CodeType = marshal.loads(data)  # noqa: S302 - our own
        return code

    def get_source(self, fullname: str) -> str | None:
        """Return the module's source if it is stored, else None."""
        kept = MODULES[fullname]
        return _decompressed(kept).decode("utf-8", "replace") if kept.is_source else None


def _decompressed(kept: Kept) -> bytes:
    if not kept.like:
        return zlib.decompress(kept.data)
    return zlib.decompressobj(zdict=_decompressed(MODULES[kept.like])).decompress(kept.data)


class _Finder:
    """A finder of the stored modules."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a stored module; None for all others."""
        kept = MODULES.get(name)
        if kept is None:
            return None
        spec = importlib.machinery.ModuleSpec(name, _Loader(name, kept.path), origin=kept.path or "compressed")
        spec.has_location = bool(kept.path)
        if kept.is_package:
            spec.submodule_search_locations = [kept.path.rpartition("/")[0]]
        return spec


def find_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """Return the spec of a stored module; None for all others."""
    return _Finder.find_spec(name)


def keep(name: str, code: CodeType, path: str = "", *, is_package: bool = False, like: str = "") -> None:
    """Store the code of a module for a later import.

    Args:
        name: The name of the module.
        code: Its code.
        path: Its file; empty if unknown.
        is_package: True for a package.
        like: A similar module that is stored, so that only the differences are; empty for none.
    """
    compressor = zlib.compressobj(9, zdict=_decompressed(MODULES[like])) if like else zlib.compressobj(9)
    data = compressor.compress(marshal.dumps(code)) + compressor.flush()
    _keep(name, Kept(data, path, is_source=False, is_package=is_package, like=like))


def keep_source(name: str, source: bytes, path: str, *, is_package: bool) -> None:
    """Store the source of a module for a later import, which compiles it."""
    _keep(name, Kept(zlib.compress(source, 9), path, is_source=True, is_package=is_package))


def _keep(name: str, kept: Kept) -> None:
    if not MODULES:
        sys.meta_path.append(_Finder)
    MODULES[name] = kept


def is_kept(name: str) -> bool:
    """Return whether a module is stored."""
    return name in MODULES


class _Directory:
    """The modules of a package in one folder, for `pkgutil`."""

    def __init__(self, path: str) -> None:
        found = {*MODULES, *sys.modules}
        self._names = {name for name in found if _folder_of(name) == path}
        if not self._names:
            raise ImportError(f"no modules are in `{path}`")

    def find_spec(self, name: str, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a stored module; None for all others."""
        return _Finder.find_spec(name, None, target)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Yield name and kind of each module: True for a package."""
        for name in sorted(self._names):
            kept = MODULES.get(name)
            is_package = kept.is_package if kept is not None else hasattr(sys.modules.get(name), "__path__")
            yield prefix + name.rpartition(".")[2], is_package


def _folder_of(name: str) -> str:
    """Return the folder in which a module, or a package, is."""
    kept = MODULES.get(name)
    path: Any = getattr(sys.modules.get(name), "__file__", None) if kept is None else kept.path
    if not path:
        return ""
    folder = str(path).rpartition("/")[0]
    return folder.rpartition("/")[0] if str(path).endswith("/__init__.py") else folder


def list_directories() -> None:
    """Make `pkgutil` list the modules of folders, which do not exist in a finished component."""
    sys.path_importer_cache.clear()
    sys.path_hooks.append(_Directory)  # after that of files, which exist while the component is built


class _Missing:
    """A finder that finds nothing, and explains why a submodule of the standard library is missing."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> None:
        """Raise an error for a submodule of the standard library that is not in the component.

        Raises:
            ModuleNotFoundError: The module is such a submodule. The error has no `name`, because otherwise
                ``from package import module`` would hide its message.
        """
        if "." in name and name.partition(".")[0] in sys.stdlib_module_names:
            raise ModuleNotFoundError(
                f"`{name}` is not in the component, which has only modules of the standard library that it can use: "
                "import it at the top of a module, or name it under `imports`"
            )


def explain_missing() -> None:
    """Explain from now on why a submodule of the standard library is missing."""
    sys.meta_path.append(_Missing)
