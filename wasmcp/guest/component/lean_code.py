"""Compiled code without what calls do not need: columns, docstrings of libraries, copies of instructions.

Runs while a component is built. A traceback without source text does not show columns; files and lines are kept.
Nothing reads the docstrings of the libraries in `UNDOCUMENTED`, nor those of modules of the standard library that only
libraries import. The author's modules are compiled as usual: their docstrings describe tools, and tracebacks show
their source.

Imported before every other module of the guest library, so it imports as little as possible.
"""

from __future__ import annotations

import gc
import opcode
import sys
from collections.abc import Collection
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any

UNDOCUMENTED = frozenset(
    {
        "annotated_types", "anyio", "certifi", "charset_normalizer", "distro", "h11", "httpcore", "httpcore2", "httpx",
        "httpx2", "idna", "jiter", "openai", "pydantic", "pydantic_core", "requests", "sniffio", "truststore",
        "typing_extensions", "typing_inspection", "urllib3", "wasmcp",
    }
)  # fmt: skip
"""Top-level modules of packages whose docstrings nothing reads: neither they themselves, nor packages for others."""

_HAS_DOCSTRING = 0x4000000  # `CO_HAS_DOCSTRING`, since Python 3.13
_OPTIMIZED = 0x1  # `CO_OPTIMIZED`: code of functions
_LOAD_CONSTANT, _STORE_NAME = opcode.opmap["LOAD_CONST"], opcode.opmap["STORE_NAME"]
_LOAD_FIRST = bytes([opcode.opmap["LOAD_CONST"], 0])
_NO_COLUMNS = 13 << 3 | 0x80
_NO_LOCATION = 15 << 3 | 0x80
_MOST_UNITS = 8  # instructions of two bytes in an entry


class _Lean:
    """The compilation of modules by their loader, while it is replaced."""

    def __init__(self, library: str, folder: str, documented: Collection[str], unchanged: Collection[str]) -> None:
        self._library = library
        self._folder = folder
        self._documented = frozenset(documented)
        self._unchanged = frozenset(unchanged)
        self._original: Any = SourceFileLoader.source_to_code
        self._lines: dict[bytes, bytes] = {}

    def install(self) -> None:
        """Replace the compilation of modules."""

        def source_to_code(loader: SourceFileLoader, data: Any, path: Any, **options: Any) -> CodeType:
            code: CodeType = self._original(loader, data, path, **options)
            if path in self._unchanged:
                return code
            return self.lean(code, documented=self._is_documented(loader.name, str(path)))

        SourceFileLoader.source_to_code = source_to_code  # type: ignore[assignment,method-assign]
        # Code objects keep a copy of their instructions once they are serialised for a cache of bytecode.
        self._writes_nothing, sys.dont_write_bytecode = sys.dont_write_bytecode, True

    def remove(self) -> None:
        """Restore the compilation of modules."""
        del SourceFileLoader.source_to_code  # it is inherited
        sys.dont_write_bytecode = self._writes_nothing
        self._lines.clear()

    def _is_documented(self, name: str, path: str) -> bool:
        if path.startswith(self._library):
            return name in self._documented
        top = path.removeprefix(self._folder).partition("/")[0].removesuffix(".py")
        return not path.startswith(self._folder) or top not in UNDOCUMENTED

    def lean(self, code: CodeType, *, documented: bool) -> CodeType:
        """Return code without columns, and without the docstrings of functions unless they are kept."""
        flags = code.co_flags
        constants = [
            self.lean(item, documented=documented) if isinstance(item, CodeType) else item for item in code.co_consts
        ]
        if not documented and flags & _HAS_DOCSTRING and not _loads_first(code.co_code):
            constants[0] = None
            flags &= ~_HAS_DOCSTRING
        if not documented and not flags & _OPTIMIZED and (found := _class_docstring(code)) is not None:
            constants[found] = None
        lines = _lines_of(code)
        return code.replace(
            co_consts=tuple(constants), co_flags=flags, co_linetable=self._lines.setdefault(lines, lines)
        )


_installed: list[_Lean] = []


def install(library: str, folder: str, documented: Collection[str], unchanged: Collection[str]) -> None:
    """Compile modules to lean code from now on.

    Args:
        library: The folder of the standard library, with a slash at its end.
        folder: The folder of packages, with a slash at its end.
        documented: Modules of the standard library that keep their docstrings.
        unchanged: Paths of modules that are compiled as usual.
    """
    _installed.append(_Lean(library, folder, documented, unchanged))
    _installed[-1].install()


def lean_functions() -> None:
    """Drop the columns of functions that exist already: of the modules that the interpreter starts with."""
    lean: dict[CodeType, CodeType] = {}
    for function in gc.get_objects():
        if type(function) is FunctionType:
            code = function.__code__
            if code not in lean:
                lean[code] = _installed[-1].lean(code, documented=True)
            function.__code__ = lean[code]


def remove() -> None:
    """Compile modules as usual again."""
    while _installed:
        _installed.pop().remove()


def _loads_first(raw: bytes) -> bool:
    """Return True if instructions may load the first constant, which a docstring can share with an expression."""
    at = raw.find(_LOAD_FIRST)
    while at >= 0 and at % 2:
        at = raw.find(_LOAD_FIRST, at + 1)
    return at >= 0


def _class_docstring(code: CodeType) -> int | None:
    """Return the number of the constant that is the docstring of a class or module; None without one."""
    if "__doc__" not in code.co_names:
        return None
    raw = code.co_code
    stored = code.co_names.index("__doc__")
    loads = [at for at in range(0, len(raw), 2) if raw[at] == _LOAD_CONSTANT]
    for at in loads:
        number = raw[at + 1]
        if raw[at + 2] == _STORE_NAME and raw[at + 3] == stored:
            is_shared = sum(raw[other + 1] == number for other in loads) > 1
            return None if is_shared or not isinstance(code.co_consts[number], str) else number
    return None


def _lines_of(code: CodeType) -> bytes:
    """Return the table of positions of code without columns. Source: CPython, ``InternalDocs/code_objects.md``."""
    table = bytearray()
    last = code.co_firstlineno
    for start, end, line in code.co_lines():
        units = (end - start) // 2
        while units > 0:
            length = min(units, _MOST_UNITS)
            units -= length
            if line is None:
                table.append(_NO_LOCATION | length - 1)
                continue
            table.append(_NO_COLUMNS | length - 1)
            value = line - last
            last = line
            value = -value << 1 | 1 if value < 0 else value << 1
            while value > 0x3F:
                table.append(0x40 | value & 0x3F)
                value >>= 6
            table.append(value)
    return bytes(table)
