"""Modules that a component may import in calls, stored compressed: found in compiled code, and in folders.

Runs while a component is built, when the modules' files are available. A function that needs ``_strptime`` or
``unicodedata`` imports it when it is first called, and a finished component has no files to import from.
"""

from __future__ import annotations

import contextlib
import encodings
import importlib
import opcode
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from wasmcp.guest.component.compressed_modules import is_kept, keep, keep_source

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
