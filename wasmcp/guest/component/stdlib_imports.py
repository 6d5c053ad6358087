"""Imports inside functions of the standard library, found in its compiled code.

Runs while a component is built, when the modules' files are available. A function that needs ``_strptime`` or
``unicodedata`` imports it when it is first called, and a finished component cannot import it.
"""

from __future__ import annotations

import contextlib
import encodings
import importlib
import importlib.machinery
import opcode
import os
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

_IMPORT = opcode.opmap["IMPORT_NAME"]
_CONSTANT = opcode.opmap["LOAD_CONST"]
_SMALL = opcode.opmap.get("LOAD_SMALL_INT", -1)  # since Python 3.14
_EXTENDED = opcode.opmap["EXTENDED_ARG"]
_LIBRARY = "/python/"

# Imported from C, which has no code to search.
_FROM_C = ("_strptime", "copyreg", "linecache", "locale", "stringprep", "unicodedata", "warnings")

# Not used in a component: command lines, debuggers, other platforms, other processes.
_PROGRAMS = {"main", "_main", "test", "_test", "_cli"}
_UNWANTED = {
    "_pyrepl", "argparse", "bdb", "code", "concurrent.futures.process", "ctypes", "curses", "doctest", "ensurepip",
    "faulthandler", "idlelib", "importlib", "msvcrt", "multiprocessing", "nt", "ntpath", "pdb", "pydoc", "readline",
    "rlcompleter", "signal", "sitecustomize", "site", "subprocess", "sysconfig", "tkinter", "tracemalloc", "unittest",
    "usercustomize", "venv", "webbrowser", "winreg", "zipfile",
}  # fmt: skip


def import_later(core: frozenset[str]) -> None:
    """Import the modules that the standard library can import later, and their later imports, recursively.

    This includes all text encodings, because the encoding of a text is not known in advance; encodings without further
    imports are stored compressed.

    Args:
        core: The modules that the interpreter started with; their later imports are skipped.
    """
    for name in _FROM_C:
        _try(name)
    for file in sorted(os.listdir(os.path.dirname(encodings.__file__))):  # noqa: PTH120, PTH208 - no pathlib here
        if file.endswith(".py"):
            _keep(f"encodings.{file.removesuffix('.py')}")
    seen = set(core)
    while True:
        new = [name for name in sorted(sys.modules) if name not in seen]
        if not new:
            return
        seen.update(new)
        for name in new:
            module = sys.modules.get(name)
            if module is not None and (getattr(module, "__file__", None) or "").startswith(_LIBRARY):
                for imported in _imports_of(name, module):
                    _try(imported)


def _try(name: str) -> None:
    parent = sys.modules.get(name.rpartition(".")[0])
    if parent is not None and (not hasattr(parent, "__path__") or hasattr(parent, name.rpartition(".")[2])):
        return  # an attribute, not a submodule
    # Modules that fail are for other platforms, or need something that a component does not have.
    with contextlib.suppress(BaseException):
        importlib.import_module(name)


def _keep(name: str) -> None:
    """Store a module compressed if all of its imports are available; otherwise import it."""
    if name in sys.modules:
        return
    spec = importlib.machinery.PathFinder.find_spec(name, encodings.__path__)
    code = None if spec is None else _code_of(name, spec.loader)
    if code is None:
        return
    there = {*sys.builtin_module_names, *sys.modules}
    if all(imported in there for part in (code, *_functions(code)) for imported in _imported(part)):
        from wasmcp.guest.component.compressed_modules import keep

        keep(name, code)
    else:
        _try(name)


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
            for imported in _imported(inner, package, submodules=True):
                if not any(f"{imported}.".startswith(f"{unwanted}.") for unwanted in _UNWANTED):
                    yield imported


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
