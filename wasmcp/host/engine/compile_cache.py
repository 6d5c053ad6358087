"""Cache of compiled components.

Compiling a server with a Python component takes seconds, loading its compiled form milliseconds. The key consists of
everything that the compiled form depends on: the component's bytes, wasmtime's version, the engine's configuration and
the processor. An index by path, size, times and inode finds an entry without reading the component.

wasmtime runs compiled code without validation. So the cache is a directory that belongs to this user and is closed to
others (0700, files 0600). A directory that others could write to is emptied and closed before it is used; a directory
that others own, or could replace, is not used. Files that others own or can write are not loaded.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError
from wasmcp.host.bindings import effects
from wasmcp.host.engine import compiler_process, loaded_code
from wasmcp.host.engine.compiler_process import compile_component
from wasmcp.host.engine.engine import config_key, engine, machine, wasmtime_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime.component import Component


DEFAULT_BOUND = 2 << 30
_RACY_NS = 20_000_000  # a younger file can change without a change of its times: the clock of a file system ticks


def cache_directory() -> Path:
    """Return the directory of compiled components, below ``WASMCP_CACHE_DIR`` or the user's cache directory."""
    if chosen := os.environ.get("WASMCP_CACHE_DIR"):
        return Path(chosen) / "compiled"
    if sys.platform.startswith("linux"):
        # The same as platformdirs (XDG Base Directory Specification), without its 18 ms of import.
        base = os.environ.get("XDG_CACHE_HOME", "")
        root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"  # noqa: PTH117 - str, may be empty
        return root / "wasmcp" / "compiled"
    from platformdirs import user_cache_path

    return user_cache_path("wasmcp") / "compiled"


def load(
    path: str | os.PathLike[str],
    *,
    quick: bool = False,
    fuel: bool = False,
    background: bool = False,
    on_compile: Callable[[], None] | None = None,
) -> Component:
    """Load a component from the cache; compile and cache it first if necessary.

    Args:
        path: The component.
        quick: See `wasmcp.host.engine.engine.engine`; such code is cached under another key.
        fuel: See there.
        background: Compile with a low priority, to the end also if this process ends before.
        on_compile: Called before a compilation, which takes seconds for a large component.

    Raises:
        ArtifactError: The file cannot be read, or is not a component.
    """
    cache, _problem = _private(cache_directory())
    if cache is None:
        if on_compile:
            on_compile()
        return compile_bytes(read_component(path), str(path), quick=quick, fuel=fuel, background=background)
    compiled = _find(cache, path, quick=quick, fuel=fuel)
    if compiled is not None:
        key = loaded_code.key_of(compiled)
        if key is not None and (kept := loaded_code.KEPT.share(key)) is not None:
            return kept
        found = _deserialize(compiled, quick=quick, fuel=fuel)
        if found is not None and _has_modules(cache, found, quick=quick, fuel=fuel):
            if key is not None:
                loaded_code.KEPT.add(key, found)
            return found
    return _fill(cache, path, on_compile, quick=quick, fuel=fuel, background=background)


def fill(path: str, *, fuel: bool, seconds: int = 1800) -> None:
    """Compile a component into the cache: the main function of the process of `compiler_process.fill_cache`.

    Args:
        path: The component.
        fuel: See `wasmcp.host.engine.engine.engine`.
        seconds: Seconds after which the process ends, also while it waits for another one.
    """
    import signal

    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(ArtifactError, OSError):
        load(path, fuel=fuel)
    os._exit(0)  # without clean-up, which is not needed


def is_compiled(path: str | os.PathLike[str]) -> bool:
    """Return True if the cache has the compiled form of a file, also under another path; the file may have to be read.

    Raises:
        ArtifactError: The file cannot be read, or is not a component.
    """
    if cached(path):
        return True
    cache, _problem = _private(cache_directory())
    return cache is not None and _target(cache, read_component(path), quick=False, fuel=False).is_file()


def cached(path: str | os.PathLike[str]) -> bool:
    """Return True if the index has the compiled form of a component. The component is not read."""
    return cached_digest(path) is not None


def cached_digest(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of a component as `sha256:HEX`, if the index has its compiled form; the file is not read."""
    cache, _problem = _private(cache_directory())
    compiled = None if cache is None else _find(cache, path, quick=False, fuel=False)
    return None if compiled is None else f"sha256:{compiled.name.partition('-')[0]}"


def problem() -> str:
    """Return the reason why the cache cannot be used, in one sentence with the directory; empty if it can."""
    return _private(cache_directory())[1]


def read_component(path: str | os.PathLike[str]) -> bytes:
    """Read a component file.

    Raises:
        ArtifactError: The file cannot be read, or is not a component.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror or error}") from None
    check_component(data, str(path))
    return data


def check_component(data: bytes, name: str) -> None:
    """Check the preamble of a component (component-model, Binary.md: magic, version 13, layer 1).

    Raises:
        ArtifactError: The data is not a component; the message names its format.
    """
    if data[:4] != b"\0asm":
        raise ArtifactError(name, "is not WebAssembly: it does not begin with `\\0asm`")
    if data[4:8] == b"\x01\0\0\0":
        raise ArtifactError(
            name, "is a core WebAssembly module, not a component: make a component from it and compose a server"
        )
    if data[4:8] != b"\x0d\0\x01\0":
        raise ArtifactError(name, f"has a version of WebAssembly that this host does not support: {data[4:8].hex(' ')}")


def compile_bytes(
    data: bytes, name: str, *, quick: bool = False, fuel: bool = False, background: bool = False
) -> Component:
    """Compile a component, without the cache.

    Raises:
        ArtifactError: The component is invalid, or the compiler failed.
    """
    cache, _problem = _private(cache_directory())
    component = _loaded(
        _compiled(cache, data, name, quick=quick, fuel=fuel, background=background), quick=quick, fuel=fuel
    )
    if cache is None or _has_modules(cache, component, quick=quick, fuel=fuel):
        return component
    return _loaded(_whole(data, name, quick=quick, fuel=fuel, background=background), quick=quick, fuel=fuel)


def _whole(data: bytes, name: str, *, quick: bool, fuel: bool, background: bool) -> bytes:
    return compile_component(effects.with_hook(data), name, quick=quick, fuel=fuel, background=background)


def _compiled(cache: Path | None, data: bytes, name: str, *, quick: bool, fuel: bool, background: bool) -> bytes:
    """Compile a component. With a cache, its libraries are compiled apart, unless the cache has them.

    Raises:
        ArtifactError: The component is invalid, or the compiler failed.
    """
    from wasmcp.component.separation import separate

    check_component(data, name)
    hooked = effects.with_hook(data)
    separated = None if cache is None else separate(hooked, loaded_code.PREFIX)
    if cache is None or separated is None or not separated.modules:
        return compile_component(hooked, name, quick=quick, fuel=fuel, background=background)
    failures: list[Exception] = []

    def compile_modules() -> None:
        try:
            for digest, module in separated.modules.items():
                _compile_module(cache, digest, module, name, quick=quick, fuel=fuel, background=background)
        except Exception as error:  # noqa: BLE001 - the whole component is compiled then
            failures.append(error)

    thread = threading.Thread(target=compile_modules, name="wasmcp-compile", daemon=True)
    thread.start()
    try:
        code = compile_component(bytes(separated.data), name, quick=quick, fuel=fuel, background=background)
    except ArtifactError as error:
        failures.append(error)
    thread.join()
    if failures:
        return compile_component(hooked, name, quick=quick, fuel=fuel, background=background)
    return code


def _module_path(cache: Path, digest: str, *, quick: bool, fuel: bool) -> Path:
    return cache / f"{digest}-{_suffix(quick=quick, fuel=fuel)}-module.cwasm"


def _compile_module(
    cache: Path, digest: str, module: memoryview, name: str, *, quick: bool, fuel: bool, background: bool
) -> None:
    """Compile a library into the cache, unless it is there.

    Raises:
        ArtifactError: The compiler failed.
        OSError: The cache cannot be written.
    """
    from filelock import FileLock

    from wasmcp.component.separation import named

    compiled = _module_path(cache, digest, quick=quick, fuel=fuel)
    with FileLock(cache / f"{compiled.name}.lock", mode=0o600):
        if _is_whole(compiled):
            return
        code = compile_component(
            named(module, digest), name, quick=quick, fuel=fuel, background=background, is_module=True
        )
        _store(compiled, code)
        _evict(cache, keep=compiled)


def _store(compiled: Path, code: bytes) -> None:
    """Write a compiled form and its size.

    Raises:
        OSError: The cache cannot be written.
    """
    _write(compiled, code)
    _write(compiled.with_name(f"{compiled.name}.size"), str(len(code)).encode())


def _is_whole(compiled: Path) -> bool:
    """Return True if a compiled form exists, is trusted, and has the size that was written."""
    try:
        facts = compiled.lstat()
        size = int(compiled.with_name(f"{compiled.name}.size").read_text())
    except (OSError, ValueError):
        return False
    return _is_trusted(facts) and facts.st_size == size


def _has_modules(cache: Path, component: Component, *, quick: bool, fuel: bool) -> bool:
    """Load the libraries of a component from the cache. Return False if one is missing."""
    from wasmtime import Module, WasmtimeError

    of = engine(quick=quick, fuel=fuel)
    for digest in loaded_code.missing_modules(component, of):
        compiled = _module_path(cache, digest, quick=quick, fuel=fuel)
        if not _is_whole(compiled):
            return False
        try:
            loaded_code.add_module(of, digest, Module.deserialize_file(of, str(compiled)))
        except WasmtimeError:
            return False
        _note_use(compiled, compiled.lstat())
    return True


def _note_use(compiled: Path, facts: os.stat_result) -> None:
    """Note the use of a compiled form for the order of eviction, to the hour."""
    if time.time() - facts.st_mtime > 3600:
        with suppress(OSError):
            os.utime(compiled)


def _loaded(code: bytes, *, quick: bool, fuel: bool) -> Component:
    from wasmtime.component import Component

    return Component.deserialize(engine(quick=quick, fuel=fuel), code)


def _private(directory: Path) -> tuple[Path | None, str]:
    """Create the directory, closed to others.

    Returns:
        The directory and an empty text; or None and the reason why it cannot be used.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "geteuid"):
            facts, above = directory.stat(), directory.parent.stat()
            if facts.st_uid != os.geteuid():
                return None, f"`{directory}` belongs to another user"
            if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
                return (
                    None,
                    f"every user can write to `{directory.parent}`: close it with `chmod o-w {directory.parent}`",
                )
            if stat.S_IMODE(facts.st_mode) & 0o077:
                directory.chmod(0o700)
            if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                _empty(directory)
        if not os.access(directory, os.W_OK | os.X_OK):
            return None, f"`{directory}` cannot be written"
    except OSError as error:
        return None, f"`{directory}` cannot be used: {error.strerror or error}"
    return directory, ""


def _empty(directory: Path) -> None:
    """Delete all files: others could have added or replaced them while they could write to the directory.

    Raises:
        OSError: An entry cannot be deleted.
    """
    for entry in directory.iterdir():
        entry.unlink()


def _is_trusted(facts: os.stat_result) -> bool:
    """Check that a file belongs to this user and that others cannot write it."""
    if not stat.S_ISREG(facts.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return facts.st_uid == os.geteuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _version(path: str | os.PathLike[str]) -> tuple[int, int, int, int, int] | None:
    """Return the device, inode, size and times (modification and change, in ns) of a file; None if it is missing."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - also takes str
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _index_entry(cache: Path, path: str | os.PathLike[str], *, quick: bool, fuel: bool) -> tuple[Path, str] | None:
    version = _version(path)
    if version is None or time.time_ns() - max(version[3:]) < _RACY_NS:
        return None
    # The inode identifies the file; if two names have the same checksum, the content is compared.
    suffix = _suffix(quick=quick, fuel=fuel)
    where = f"{os.path.realpath(path)}\0{suffix}".encode("utf-8", "surrogateescape")
    seen = " ".join(map(str, (*version, suffix, _INDEX)))
    return cache / f"{zlib.crc32(where):08x}{zlib.adler32(where):08x}.index", seen


_INDEX = 4
"""Version of the index, for changes of the names of compiled forms, which depend on more than `_suffix`."""


def _suffix(*, quick: bool, fuel: bool) -> str:
    return f"{wasmtime_version()}-{config_key(quick=quick, fuel=fuel)}-{machine()}-shared"


def _find(cache: Path, path: str | os.PathLike[str], *, quick: bool, fuel: bool) -> Path | None:
    """Find the compiled form with the index only."""
    entry = _index_entry(cache, path, quick=quick, fuel=fuel)
    if entry is None:
        return None
    index, seen = entry
    try:
        recorded, compiled, size = index.read_text().splitlines()
        target = cache / compiled
        facts = target.lstat()
    except (OSError, ValueError):
        return None
    if not _is_trusted(facts) or recorded != seen or facts.st_size != int(size) or os.sep in compiled:
        return None
    _note_use(target, facts)
    return target


def _deserialize(compiled: Path, *, quick: bool, fuel: bool) -> Component | None:
    from wasmtime import WasmtimeError
    from wasmtime.component import Component

    try:
        return Component.deserialize_file(engine(quick=quick, fuel=fuel), str(compiled))
    except WasmtimeError:
        return None


def _target(cache: Path, data: bytes, *, quick: bool, fuel: bool) -> Path:
    from hashlib import sha256

    makes_requests = b"wasi:http/outgoing-handler" in data  # its compiled form adds trace context to them
    suffix = f"{_suffix(quick=quick, fuel=fuel)}{'-context2' if makes_requests else ''}"
    return cache / f"{sha256(data).hexdigest()}-{suffix}.cwasm"


def _fill(
    cache: Path,
    path: str | os.PathLike[str],
    on_compile: Callable[[], None] | None,
    *,
    quick: bool,
    fuel: bool,
    background: bool,
) -> Component:
    version = _version(path)
    data = read_component(path)
    compiled = _target(cache, data, quick=quick, fuel=fuel)

    def known() -> Component | None:
        found = _deserialize(compiled, quick=quick, fuel=fuel) if _is_whole(compiled) else None
        return found if found is not None and _has_modules(cache, found, quick=quick, fuel=fuel) else None

    component = known()
    if component is None:
        from filelock import FileLock

        # One process compiles, the others (pytest-xdist) wait for its result.
        lock = FileLock(cache / f"{compiled.name}.lock", mode=0o600)
        if background and not quick and compiler_process.can_start():
            with lock:
                component = known()
            if component is None:
                if on_compile:
                    on_compile()
                compiler_process.fill_cache(path, fuel=fuel)
        with lock:
            component = component or known()
            if component is None:
                if on_compile:
                    on_compile()
                code = _compiled(cache, data, str(path), quick=quick, fuel=fuel, background=background)
                component = _loaded(code, quick=quick, fuel=fuel)
                if not _has_modules(cache, component, quick=quick, fuel=fuel):  # evicted since, or on a full disk
                    code = _whole(data, str(path), quick=quick, fuel=fuel, background=background)
                    component = _loaded(code, quick=quick, fuel=fuel)
                with suppress(OSError):  # the server can run although the disk is full
                    _store(compiled, code)
                    _evict(cache, keep=compiled)
    if version == _version(path):  # otherwise the file was replaced meanwhile, and this is not its code
        _remember(cache, path, compiled, quick=quick, fuel=fuel)
    return component


def _remember(cache: Path, path: str | os.PathLike[str], compiled: Path, *, quick: bool, fuel: bool) -> None:
    entry = _index_entry(cache, path, quick=quick, fuel=fuel)
    if entry is None:
        return
    index, seen = entry
    with suppress(OSError):
        _write(index, f"{seen}\n{compiled.name}\n{compiled.stat().st_size}\n".encode())


def _write(path: Path, data: bytes | bytearray) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _evict(cache: Path, *, keep: Path) -> None:
    """Delete the least recently used components down to the limit, and leftovers of crashes."""
    bound = int(os.environ.get("WASMCP_CACHE_BYTES", "") or DEFAULT_BOUND)
    entries = []
    total = 0
    now = time.time()
    for path in cache.iterdir():
        with suppress(OSError):
            facts = path.stat()
            total += facts.st_size
            if path.suffix == ".cwasm":
                entries.append((facts.st_mtime, facts.st_size, path))
            elif path.suffix in {".index", ".tmp"} and now - facts.st_mtime > 30 * 86400:
                path.unlink()
    for _used, size, path in sorted(entries):
        if total <= bound:
            break
        if path != keep:
            with suppress(OSError):  # on some systems a file that is mapped cannot be deleted
                path.unlink()
                path.with_name(f"{path.name}.size").unlink(missing_ok=True)
                path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
                total -= size
