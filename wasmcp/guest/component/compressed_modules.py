"""Modules that a component contains compressed, and imports when they are needed.

Modules that are imported while a component is built are in its memory as objects. The others that its code may import
later are stored here: compiled where an import statement names them, as source where only a computed name could.

They are stored while a component is built, when the modules' files are available. A function that needs ``_strptime``
or ``unicodedata`` imports it when it is first called, and a finished component has no files to import from.
"""

from __future__ import annotations

import contextlib
import encodings
import importlib
import importlib.machinery
import marshal
import opcode
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
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
        like: A similar stored module, so that only the differences are stored; empty for none.
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
    """Return True if a module is stored."""
    return name in MODULES


class _Directory:
    """The modules of a package in one folder, for `pkgutil`."""

    def __init__(self, path: str) -> None:
        found = {*MODULES, *sys.modules}
        self._names = {name for name in found if _folder_of(name) == path}
        if not self._names:
            raise ImportError(f"`{path}` contains no modules")

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
    """A finder of no modules, which explains why a submodule of the standard library is missing."""

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


_IMPORT = opcode.opmap["IMPORT_NAME"]
_CONSTANT = opcode.opmap["LOAD_CONST"]
_SMALL = opcode.opmap.get("LOAD_SMALL_INT", -1)  # since Python 3.14
_EXTENDED = opcode.opmap["EXTENDED_ARG"]
LIBRARY = os.path.dirname(os.path.dirname(encodings.__file__))  # noqa: PTH120 - no pathlib here; `os` is frozen

# Imported from C, which has no code to search.
FROM_C = ("_strptime", "copyreg", "linecache", "locale", "stringprep", "unicodedata", "warnings")

# Similar to most modules of text encodings, each a table of 256 characters.
_LIKE_ENCODINGS = "encodings.cp437"

# Not used in a component: command lines, debuggers, other platforms, other processes.
_PROGRAMS = {"main", "_main", "test", "_test", "_cli"}
_UNWANTED = {
    "_android_support", "_apple_support", "_ios_support", "_pyrepl", "antigravity", "asyncio", "bdb",
    "concurrent.futures.process", "ctypes", "curses", "doctest", "ensurepip", "faulthandler", "idlelib", "lib2to3",
    "msvcrt", "multiprocessing", "nt", "pdb", "pydoc", "pydoc_data", "readline", "rlcompleter", "sitecustomize", "site",
    "subprocess", "tkinter", "this", "tracemalloc", "turtle", "turtledemo", "usercustomize", "venv", "webbrowser",
    "winreg", "wsgiref",
}  # fmt: skip
# Used in a component by packages that name them: `asyncio` imports `subprocess`.
_ON_REQUEST = {"asyncio": ("asyncio", "subprocess")}
_TESTS = {"__main__", "_hypothesis_plugin", "_tests", "conftest", "mypy", "test", "tests"}
_OTHERS = {
    "asyncio.proactor_events", "asyncio.tools", "asyncio.windows_events", "asyncio.windows_utils",
    "__hello__", "__phello__", "_pydatetime", "_pydecimal", "_pyio", "cProfile", "cmd", "compileall", "ftplib",
    "getpass", "imaplib", "mailbox", "modulefinder", "pickletools", "poplib", "profile", "pstats", "pty",
    "py_compile", "pyclbr", "site-packages", "smtplib", "socketserver", "tabnanny", "timeit", "trace", "tty",
    "unittest", "wasmcp", "xmlrpc", "zipapp",
}  # fmt: skip

_requested: set[str] = set()


def keep_later(core: frozenset[str], packages: Mapping[str, str], standard: Iterable[str]) -> None:
    """Store the modules that import statements name, and that are not imported yet, with what these import.

    Args:
        core: The modules that the interpreter started with; their later imports are skipped.
        packages: Path -> name, of modules of packages that import statements name.
        standard: Names of modules of the standard library that packages import.
    """
    for name in FROM_C:
        _try(name)
    for name in {name.partition(".")[0] for name in standard}:
        _requested.update(_ON_REQUEST.get(name, ()))
    for path, name in packages.items():
        _keep_file(name, path)
    _keep_library(_LIKE_ENCODINGS)
    waiting = [f"encodings.{name}" for name, _ in _modules_in(f"{LIBRARY}/encodings")]
    waiting += standard
    for name in sorted(sys.modules.keys() - core):
        module = sys.modules[name]
        if (getattr(module, "__file__", None) or "").startswith(f"{LIBRARY}/"):
            waiting.extend(_imports_of(name, module))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        for wanted in _with_parents(name):
            if wanted not in seen and not _is_unwanted(wanted):
                seen.add(wanted)
                waiting.extend(_keep_library(wanted))


def _keep_library(name: str) -> list[str]:
    """Store a module of the standard library; return what it imports."""
    path = None if name in sys.modules or is_kept(name) else _file_of(LIBRARY, name)
    code = None if path is None else _keep_file(name, path)
    if code is None:
        return []
    package = name if str(path).endswith("/__init__.py") else name.rpartition(".")[0]
    return [imported for part in (code, *_functions(code)) for imported in _imported(part, package, submodules=True)]


def _keep_file(name: str, path: str) -> CodeType | None:
    """Store a module compiled; return its code, or None if it is imported or stored already, or not valid here."""
    if name in sys.modules or is_kept(name):
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - no pathlib here
            code: CodeType = SourceFileLoader(name, path).source_to_code(file.read(), path)
    except (OSError, SyntaxError, ValueError):
        return None
    is_like = name.startswith("encodings.") and is_kept(_LIKE_ENCODINGS)
    keep(name, code, path, is_package=path.endswith("/__init__.py"), like=_LIKE_ENCODINGS if is_like else "")
    return code


def keep_package(name: str, folder: str) -> None:
    """Store all modules of a package that are not imported yet.

    Args:
        name: The name of the package.
        folder: Its folder.
    """
    waiting = [(folder, name)]
    while waiting:
        place, package = waiting.pop()
        for module, path in _modules_in(place):
            _keep_file(f"{package}.{module}", path)
            if path.endswith("/__init__.py"):
                waiting.append((f"{place}/{module}", f"{package}.{module}"))


def keep_sources(folder: str) -> None:
    """Store the sources of all other modules of the standard library and of packages, for imports by computed names.

    Args:
        folder: The folder of the packages.
    """
    for root in (LIBRARY, folder):
        waiting = [(root, "")]
        while waiting:
            place, prefix = waiting.pop()
            for name, path in _modules_in(place):
                whole = f"{prefix}{name}"
                if name in _TESTS or whole in _OTHERS or _is_unwanted(whole):
                    continue
                is_package = path.endswith("/__init__.py")
                if is_package:
                    waiting.append((path.rpartition("/")[0], f"{whole}."))
                if whole not in sys.modules and not is_kept(whole):
                    with open(path, "rb") as file:  # noqa: PTH123
                        keep_source(whole, file.read(), path, is_package=is_package)


def _modules_in(place: str) -> list[tuple[str, str]]:
    """Return name and path of the modules and packages in a folder."""
    found = []
    for name in sorted(os.listdir(place)):  # noqa: PTH208
        path = f"{place}/{name}"
        if name.endswith(".py") and name != "__init__.py":
            found.append((name.removesuffix(".py"), path))
        elif "." not in name and os.path.isfile(f"{path}/__init__.py"):  # noqa: PTH113
            found.append((name, f"{path}/__init__.py"))
    return found


def _file_of(root: str, name: str) -> str | None:
    base = f"{root}/{name.replace('.', '/')}"
    return next((path for path in (f"{base}/__init__.py", f"{base}.py") if os.path.isfile(path)), None)  # noqa: PTH113


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _is_unwanted(name: str) -> bool:
    return any(f"{name}.".startswith(f"{unwanted}.") for unwanted in _UNWANTED - _requested)


def _try(name: str) -> None:
    # Modules that fail are for other platforms, or need something that a component does not have.
    with contextlib.suppress(BaseException):
        importlib.import_module(name)


def _code_of(name: str, loader: Any) -> CodeType | None:
    try:
        code = loader.get_code(name)
    except (ImportError, AttributeError, SyntaxError):
        return None
    return code if isinstance(code, CodeType) else None


def _imports_of(name: str, module: ModuleType) -> Iterator[str]:
    code = _code_of(name, getattr(module.__spec__, "loader", None))
    package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    if code is not None:
        for inner in _functions(code):
            yield from _imported(inner, package, submodules=True)


def _functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name not in _PROGRAMS:
            yield constant
            yield from _functions(constant)


def _imported(code: CodeType, package: str = "", *, submodules: bool = False) -> Iterator[str]:
    """Yield the absolute names of modules that a code object imports; also possible submodules of `from x import y`."""
    raw = code.co_code
    extended = 0
    loaded: list[Any] = [0, None]  # the last two loaded constants: the level and the names of `from`
    for position in range(0, len(raw), 2):
        operation, argument = raw[position], raw[position + 1] | extended
        extended = argument << 8 if operation == _EXTENDED else 0
        if operation == _CONSTANT:
            loaded = [loaded[1], code.co_consts[argument]]
        elif operation == _SMALL:
            loaded = [loaded[1], argument]
        elif operation == _IMPORT:
            level, names = loaded
            base = _absolute(code.co_names[argument], level if isinstance(level, int) else 0, package)
            if base:
                yield base
            if base and submodules and isinstance(names, tuple):
                yield from (f"{base}.{name}" for name in names if name != "*")


def _absolute(name: str, level: int, package: str) -> str:
    if level == 0:
        return name
    parts = package.split(".") if package else []
    return ".".join(filter(None, [*parts[: len(parts) - (level - 1)], name]))
