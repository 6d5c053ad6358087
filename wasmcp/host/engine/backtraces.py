"""Backtraces of traps: their cause, and the components and functions that their frames belong to.

The C API of wasmtime gives the frames of an error (`wasmtime_error_wasm_trace`): the position of each as an offset in
the whole file, and its function by index. Its names of functions are the symbols of the binary: readable names,
and positions in sources, are in the message alone. So the text of a frame is that of the message.

The composer writes each component of a server as a nested component, so that the offset determines the component; the
section ``wasmcp-composition`` names it. Core modules that components share are outside of them. A component is entered
only through modules of its own, so that a frame of a shared module belongs to the component of the next frame further
out.

Builds remove the names of functions from components and keep them in the user's cache, in a file for each core module
by the digest of its code. So servers are smaller, and traps in them are readable on the machine that built them.

Causes are read from the messages of wasmtime and of language runtimes. A failed call of a component ends with a
`wasmtime_error_t`. The C API has the code of a trap for a `wasm_trap_t` only (`wasmtime_trap_code`), which an error
does not give. A refused growth of a memory is reported nowhere: the code of the server reacts to it with a trap or a
message of its own. So `explain` and `exhausted` read texts, and can go when an error has a code. That holds for
wasmtime 49 and 50.

Source: component-model, design/mvp/Binary.md (sections); docs/reference/files.md (`wasmcp-composition`);
`wasmcp.component.encode`.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcp.errors import ComponentError
from wasmcp.host.bindings import effects
from wasmcp.host.engine.loaded_code import PREFIX
from wasmcp.host.engine.memory import memories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wasmcp.component.separation import Positions
    from wasmcp.host.bindings._capi import Frame

_BACKTRACE = "wasm backtrace"
_CAUSE = "Caused by"
_TRAP = "wasm trap: "
_UNREACHABLE = "unreachable"
_TOO_SMALL = "memory minimum size"
# Messages of Rust, CPython, Zig and musl.
_OUT_OF_MEMORY = ("memory allocation of", "MemoryError", "OutOfMemory", "out of memory", "Out of memory")


def is_trap(message: str) -> bool:
    """Return True if an error has a backtrace of WebAssembly."""
    return _BACKTRACE in message


def needs_memory(message: str) -> bool:
    """Return True if an instance was refused because its memories begin above the limit."""
    return _TOO_SMALL in message


def explain(message: str) -> tuple[str, str]:
    """Return the cause and the frames of an error, one a line."""
    head, _, tail = message.partition(f"{_BACKTRACE}:")
    frames: list[str] = []
    reason = ""
    lines = tail.splitlines()
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(_CAUSE):
            reason = lines[index + 1].strip() if index + 1 < len(lines) else ""
            break
        if stripped:
            frames.append(stripped)
    if not reason:
        reason = head.strip().splitlines()[0] if head.strip() else message.strip()
    return reason.removeprefix(_TRAP), "\n".join(frames)


def exhausted(limit: int, reason: str, stderr: str, *, besides: Iterable[int] = ()) -> bool:
    """Return True if a trap of a store that still exists was caused by memory exhaustion.

    Args:
        limit: Maximum bytes of each memory.
        reason: The cause of the trap.
        stderr: The end of the guest's standard error.
        besides: Addresses of memories that existed before the store, which belong to other stores.
    """
    if any(sign in stderr for sign in _OUT_OF_MEMORY):
        return True
    if _UNREACHABLE not in reason:
        return False
    others = set(besides)
    own = (size for start, size in memories().items() if start not in others)
    # A memory that grows by doubling is refused at half the limit.
    return max(own, default=0) * 2 > limit


_SECTION = "wasmcp-composition"
_CUSTOM, _MODULE, _COMPONENT, _INSTANCE = 0, 1, 4, 5
_FRAME = re.compile(r"\s*(?P<number>\d+):\s+0x[0-9a-f]+ - (?P<unknown><unknown>!)?(?P<name>.*)")
_LIBRARY = re.compile(r"x([0-9a-f]{64})")
"""Name of a library that was compiled apart; see `wasmcp.component.separation`."""


class Owner(NamedTuple):
    """The byte range of a nested component, and its name; `is_component` is False for framework components.

    A core module that components share has no name.
    """

    start: int
    end: int
    name: str
    is_component: bool


class Module(NamedTuple):
    """The byte range of a core module, and the digest of its code."""

    start: int
    end: int
    digest: str


class Frames:
    """Components of the frames in a server's backtraces. The file is read at the first trap, unless it has changed."""

    def __init__(
        self,
        source: bytes | str | os.PathLike[str],
        offset: Callable[[int], int] = lambda _size: 0,
        *,
        has_libraries: bool = False,
    ) -> None:
        """Create a reader of backtraces.

        Args:
            source: The server, a file or its bytes.
            offset: Returns the offset of the server in the component that was compiled, by the size of the server.
            has_libraries: True if libraries of the server were compiled apart (`wasmcp.component.separation`).
        """
        self._owners = owners(source) if isinstance(source, bytes) else None
        self._roles = roles(source) if isinstance(source, bytes) else None
        self._modules: list[Module] | None = None
        self._names: dict[str, dict[int, str]] = {}
        self._data = source if isinstance(source, bytes) else None
        self._path = None if isinstance(source, bytes) else Path(source)
        self._state = None if self._path is None else _state(self._path)
        self._size = len(source) if isinstance(source, bytes) else self._state[0] if self._state else 0
        self._offset = offset
        self._has_libraries = has_libraries
        self._positions: Positions | None = None

    def attribute(self, backtrace: str, frames: Sequence[Frame]) -> tuple[str, str]:
        """Add the name of the component to each frame, and that of the function where it is known.

        Args:
            backtrace: The frames as wasmtime writes them, one per line, with the readable names of functions.
            frames: The frames, the innermost first.

        Returns:
            The name of the server's component with the innermost frame, or the empty string; and the frames, each with
            the name of its component before that of its function.
        """
        places = [self._place(frame) for frame in frames]
        owners = self._owners_of(places)
        names = self._names_of(frames, places)
        lines = []
        for line in backtrace.splitlines():
            found = _FRAME.fullmatch(line)
            number = int(found["number"]) if found else len(frames)
            if found is None or number >= len(frames):
                lines.append(line)
                continue
            unknown, name, owner = found["unknown"] or "", names.get(number, found["name"]), owners[number]
            if _LIBRARY.fullmatch(frames[number].module or ""):
                name = name.removeprefix(f"{frames[number].module}!")
            before = unknown if owner is None else f"{owner.name}: "
            lines.append(f"{number}: {places[number]:#8x} - {before}{name}")
        return next((one.name for one in owners if one is not None and one.is_component), ""), "\n".join(lines)

    def _place(self, frame: Frame) -> int:
        """Return the offset of a frame in the file of the server."""
        offset = frame.offset
        if self._has_libraries:
            positions, library = self._known_positions(), _LIBRARY.fullmatch(frame.module or "")
            offset = positions.origin(offset) if library is None else positions.libraries.get(library[1], 0) + offset
        return max(0, offset - self._offset(self._size))

    def _known_positions(self) -> Positions:
        if self._positions is None:
            from wasmcp.component.separation import separate  # lazy: few servers trap

            content = self._content() if self._data is None else self._data
            self._positions = separate(effects.with_hook(content), PREFIX).positions
        return self._positions

    def _owners_of(self, places: Sequence[int]) -> list[Owner | None]:
        """Return the owner of each frame; that of the next frame further out, if components share its module."""
        found: list[Owner | None] = []
        caller = None
        for place in reversed(places):
            owner = next((one for one in self._known() if one.start <= place < one.end), None)
            if owner is not None:
                caller = owner = owner if owner.name else caller
            found.append(owner)
        return found[::-1]

    def _names_of(self, frames: Sequence[Frame], places: Sequence[int]) -> dict[int, str]:
        """Return the names of functions that the server does not name itself, by the number of the frame."""
        names: dict[int, str] = {}
        for number, (frame, place) in enumerate(zip(frames, places, strict=True)):
            if frame.function is not None or not (frame.module is None or _LIBRARY.fullmatch(frame.module)):
                continue
            module = next((one for one in self._known_modules() if one.start <= place < one.end), None)
            if module is None:
                continue
            if module.digest not in self._names:
                self._names[module.digest] = names_of(module.digest)
            name = self._names[module.digest].get(frame.function_index)
            if name is not None:
                names[number] = name
        readable = demangled(names.values())
        return {number: readable.get(name, name) for number, name in names.items()}

    def roles(self) -> list[dict[str, Any]]:
        """Return the recorded instances, as in docs/reference/files.md; empty without a record."""
        if self._roles is None:
            self._roles = roles(self._content())
        return self._roles

    def _known(self) -> list[Owner]:
        if self._owners is None:
            self._owners = owners(self._content())
        return self._owners

    def _known_modules(self) -> list[Module]:
        if self._modules is None:
            self._modules = modules(self._content() if self._data is None else self._data)
            self._data = None
        return self._modules

    def _content(self) -> bytes:
        """Return the bytes of the file; empty if it has changed since it was opened, or cannot be read."""
        try:
            if self._path is not None and self._state is not None and _state(self._path) == self._state:
                return self._path.read_bytes()
        except OSError:
            pass
        return b""


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def owners(data: bytes) -> list[Owner]:
    """Return the nested components of a composed file with their names, and the core modules that they share.

    The list is empty for other files.
    """
    try:
        nested, modules, instances, record = _read(data)
        recorded = json.loads(record)["instances"]
        if len(recorded) != len(instances):
            return []
        names: dict[int, tuple[str, bool]] = {}
        for index, role in zip(instances, recorded, strict=True):
            names.setdefault(index, (str(role["name"]), role["role"] == "component"))
        shared = [Owner(*place, name="", is_component=False) for place in modules]
        return [Owner(*nested[index], *name) for index, name in sorted(names.items())] + shared
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return []


def modules(data: bytes) -> list[Module]:
    """Return the core modules with code of a file; empty for a file that is not a component."""
    from wasmcp.component.custom_sections import core_modules  # lazy: few servers trap

    try:
        return [Module(one.start, one.end, one.digest) for one in core_modules(data)]
    except ComponentError:
        return []


def roles(data: bytes) -> list[dict[str, Any]]:
    """Return the instances that the record of a composed file has; empty for other files."""
    try:
        found = json.loads(_read(data)[3])["instances"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _read(data: bytes) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[int], bytes]:
    """Return the ranges of nested components and of core modules, each instance's component, and the record.

    Raises:
        IndexError: The file ends within a section.
        ValueError: A section has several instances, which the composer does not write.
    """
    nested: list[tuple[int, int]] = []
    modules: list[tuple[int, int]] = []
    instances: list[int] = []
    record = b""
    at = 8
    while at < len(data):
        kind = data[at]
        size, at = _leb128(data, at + 1)
        end = at + size
        if kind in (_MODULE, _COMPONENT):
            (modules if kind == _MODULE else nested).append((at, end))
        elif kind == _INSTANCE:
            count, at = _leb128(data, at)
            if count != 1:
                raise ValueError("several instances in a section")
            if data[at] == 0:
                instances.append(_leb128(data, at + 1)[0])
        elif kind == _CUSTOM:
            length, at = _leb128(data, at)
            if data[at : at + length] == _SECTION.encode():
                record = data[at + length : end]
        at = end
    return nested, modules, instances, record


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 35:
            raise ValueError("a number of more than 32 bits")


NAMES_FOLDER = "names"
"""Folder of the names in the cache."""

_LARGEST = 32 << 20  # bytes of a file
_MANGLED = re.compile(r"_?_(Z|R)[A-Z]")
_NAME = re.compile(r"<unknown>!(.*)")
_HASH = re.compile(r"::h[0-9a-f]{16}$|(?<=\w)\[[0-9a-f]{1,16}\]")  # the compiler's, of a crate or an instance
_FRAMES = 20  # in wasmtime's backtraces


def path_of_names(root: Path, digest: str) -> Path:
    """Return the path of a module's names.

    Args:
        root: The directory of wasmcp's caches.
        digest: The digest of the module's code, in hexadecimal.
    """
    return root / NAMES_FOLDER / digest


def names_of(digest: str) -> dict[int, str]:
    """Return the function names of a module by index; empty if they are not in the cache."""
    # Lazy: few servers trap.
    from wasmcp.component.custom_sections import read_function_names
    from wasmcp.host.engine.compile_cache import cache_directory

    path = path_of_names(cache_directory().parent, digest)
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        return read_function_names(path.read_bytes())
    except OSError:
        return {}


def demangled(names: Iterable[str]) -> dict[str, str]:
    """Return the names of Rust and C++ functions as in their sources, by their names in modules.

    wasmtime demangles the names in its backtraces: a module with functions of these names traps.
    """
    mangled = [name for name in dict.fromkeys(names) if _MANGLED.match(name)][:_FRAMES]
    if not mangled:
        return {}
    import wasmtime

    calls = [f"call {index + 1}" for index in range(len(mangled) - 1)]
    functions = [
        f'(func (@name "{_escaped(name)}") {does})' for name, does in zip(mangled, [*calls, "unreachable"], strict=True)
    ]
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module(store.engine, f"(module {' '.join(functions)} (start 0))")
    try:
        wasmtime.Instance(store, module, [])
    except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
        found = [_HASH.sub("", name) for name in _NAME.findall(str(trap))]
        return dict(zip(reversed(mangled), found, strict=False))
    return {}


def _escaped(name: str) -> str:
    """Return a name for a string of the text format."""
    return "".join(f"\\{byte:02x}" for byte in name.encode())
