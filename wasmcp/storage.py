"""Storage addressed by content: digests, and the cache of compiled components and their catalogues of a user.

::

    <cache>/components/<digest of the inputs>/component.wasm and component.json (its digest, what it was built with)
    <cache>/names/<digest of a core module's code>     its function names, for backtraces
    <cache>/catalogues/<digest of component and framework>.json
    <cache>/sboms/<digest of the server's inputs and compiled components>/<project>-<server>.cdx.json
    <cache>/development/<digest of project and server>/<server>.wasm and manifest.json
    <cache>/toolchains/<language>/...     the compilers' own caches
    <cache>/locks/<digest>.lock

A build in a new directory (a wheel from a source distribution, a continuous-integration run that restores the cache)
uses the components of any other build with the same inputs.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import wasmcp
from wasmcp.errors import StorageError
from wasmcp.file_writing import write_atomically
from wasmcp.host.engine.backtraces import NAMES_FOLDER, path_of_names
from wasmcp.host.engine.compile_cache import cache_directory as compiled_directory
from wasmcp.package_data import ADAPTERS, BUILD_COMPONENTS, FRAMEWORK_COMPONENTS, framework_component

_PACKAGE = Path(__file__).resolve().parent


def digest_of_bytes(data: bytes) -> str:
    """Return ``sha256:`` and the hexadecimal digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_chunks(chunks: Iterable[bytes | bytearray | memoryview]) -> str:
    """Return ``sha256:`` and the hexadecimal digest of bytes in chunks."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def digest_of_file(path: Path) -> str:
    """Return ``sha256:`` and the hexadecimal digest of a file's content.

    Within a process, an unchanged file is read once: the build hook needs the digest before and after a build.
    """
    status = path.stat()
    return _of_file(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(maxsize=1024)
def _of_file(path: Path, *_status: int) -> str:
    return digest_of_bytes(path.read_bytes())


def digest_of_value(value: object) -> str:
    """Return the digest of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return digest_of_bytes(text.encode("ascii"))


@functools.cache
def digest_of_own_code(*parts: str) -> str:
    """Return the digest of wasmcp's version and of the sources of given subpackages or modules.

    The version suffices for a release; in a checkout the sources change without it.
    """
    files = {}
    for part in parts:
        path = _PACKAGE / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in {".py", ".zig"}:
                files[file.relative_to(_PACKAGE).as_posix()] = digest_of_file(file)
    return digest_of_value([wasmcp.__version__, files])


def digests_of_framework() -> dict[str, str]:
    """Return the digests of all framework components and adapters, by name.

    Raises:
        MissingPackageDataError: A framework component is not built.
    """
    return {
        name: digest_of_file(framework_component(name))
        for name in (*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS)
    }


LIMIT = 2 * 1024**3
"""Limit of compiled components, in bytes; the least recently used are removed first."""

NAMES_LIMIT = 128 * 1024**2
"""Limit of function names, in bytes; the least recently written are removed first."""


def cache_directory() -> Path:
    """Return the directory of wasmcp's caches: ``WASMCP_CACHE_DIR``, or the platform's default.

    The host stores its compiled servers in its subdirectory ``compiled``.
    """
    return compiled_directory().parent.absolute()


class Cache:
    """Cache of one user.

    Attributes:
        root: The directory, created on the first write.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = cache_directory() if root is None else root

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of a digest, so that only one process builds it and others reuse the result."""
        from filelock import FileLock

        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{_name(key)}.lock"):
            yield

    def toolchain(self, language: str) -> Path:
        """Return the directory for a compiler's own caches."""
        folder = self.root / "toolchains" / language
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def component_path(self, inputs: str) -> Path:
        """Return the path of the component with these inputs."""
        return self.root / "components" / _name(inputs) / "component.wasm"

    def component(self, inputs: str) -> tuple[Path, str] | None:
        """Return the path and the digest of the component with these inputs, if it is cached and intact."""
        path = self.component_path(inputs)
        try:
            recorded = json.loads(path.with_suffix(".json").read_text("utf-8"))["digest"]
            found = digest_of_file(path)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if recorded != found:  # truncated or changed
            return None
        os.utime(path)
        return path, found

    def record_component(self, inputs: str, built_with: Mapping[str, str] | None = None) -> tuple[Path, str]:
        """Add the component that a toolchain has written to `component_path` to the cache."""
        path = self.component_path(inputs)
        found = digest_of_file(path)
        facts = {"digest": found, "built-with": dict(built_with or {})}
        write_atomically(path.with_suffix(".json"), json.dumps(facts).encode())
        self._prune(keep=path)
        return path, found

    def record_names(self, names: Mapping[str, bytes]) -> None:
        """Add function names of core modules, by the digest of their code, to the cache."""
        for module, content in names.items():
            path = path_of_names(self.root, module)
            if not path.is_file() or path.read_bytes() != content:
                write_atomically(path, content, 0o600)
            else:
                os.utime(path)
        for path in _oldest((self.root / NAMES_FOLDER).glob("*"), NAMES_LIMIT):
            path.unlink(missing_ok=True)

    def built_with(self, inputs: str) -> dict[str, str]:
        """Return the versions of the compilers of the component with these inputs, if they are not pinned."""
        try:
            recorded = json.loads(self.component_path(inputs).with_suffix(".json").read_text("utf-8"))
            return {str(name): str(version) for name, version in recorded["built-with"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def text_path(self, kind: str, key: str, name: str = "") -> Path:
        """Return the path of a small text: a catalogue or an SBOM."""
        folder = self.root / kind
        return folder / _name(key) / name if name else folder / f"{_name(key)}.json"

    def development_directory(self, project: Path, server: str) -> Path:
        """Return the directory for the development build of a project's server."""
        return self.root / "development" / _name(digest_of_value([str(project), server]))

    def _prune(self, keep: Path) -> None:
        for path in _oldest((self.root / "components").glob("*/component.wasm"), LIMIT, keep):
            shutil.rmtree(path.parent, ignore_errors=True)


def _oldest(paths: Iterable[Path], limit: int, keep: Path | None = None) -> list[Path]:
    """Return the files to remove for the total size to be within a limit, the least recently used first."""
    entries = []
    for path in paths:
        with contextlib.suppress(OSError):  # a concurrent prune
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    removed = []
    for _, size, path in sorted(entries):
        if total <= limit:
            break
        if path != keep:
            removed.append(path)
            total -= size
    return removed


def _name(key: str) -> str:
    """Return a digest as a file name; an invalid one (manifests are untrusted) is hashed."""
    bare = key.removeprefix("sha256:")
    return bare if bare.isascii() and bare.isalnum() else digest_of_bytes(key.encode()).removeprefix("sha256:")


# Name -> subdirectory of the cache. Locks and tags are small and in use, so they are not pruned.
_KINDS = {
    "registry": "registry/blobs",
    "components": "components",
    "names": NAMES_FOLDER,
    "catalogues": "catalogues",
    "sboms": "sboms",
    "compiled": "compiled",
    "development": "development",
    "toolchains": "toolchains",
}


@dataclass(frozen=True)
class CacheUsage:
    """Usage of one cache.

    Attributes:
        name: The cache's name.
        path: The cache's directory.
        files: The number of files.
        size: The total size in bytes.
    """

    name: str
    path: Path
    files: int
    size: int


def caches() -> list[CacheUsage]:
    """Return the usage of each cache."""
    found = []
    for name, folder in _KINDS.items():
        path = cache_directory() / folder
        sizes = [status for _, status, _ in _files(path)]
        found.append(CacheUsage(name, path, len(sizes), sum(sizes)))
    return found


def prune(days: float) -> list[CacheUsage]:
    """Remove files that were not used for a number of days, and return their number and size.

    Reads and writes both update the times that count as use.
    """
    before = time.time() - days * 86400
    removed = []
    for name, folder in _KINDS.items():
        if name == "toolchains" and days > 0:  # a partly pruned compiler cache can break the compiler
            continue
        path, files, size = cache_directory() / folder, 0, 0
        for file, length, used in _files(path):
            if used <= before:
                with contextlib.suppress(OSError):  # a concurrent prune
                    file.unlink()
                    files, size = files + 1, size + length
        removed.append(CacheUsage(name, path, files, size))
    return removed


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.is_file() and not path.is_symlink():
                yield path, status.st_size, max(status.st_mtime, status.st_atime)


_CACHE = "set `WASMCP_CACHE_DIR` to a directory that can be written to"
_REMEDIES = {
    errno.ENOSPC: "free some space, or `wasmcp cache prune`",
    errno.EDQUOT: "free some space, or `wasmcp cache prune`",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the limit of open files of the system",
}
"""Remedies that apply to any file."""


@contextmanager
def file_failures() -> Iterator[None]:
    """Raise file system errors as `StorageError`; other `OSError`s (connections, programs) pass unchanged.

    Raises:
        StorageError: A file or directory cannot be created, read, written or removed.
    """
    try:
        yield
    except OSError as error:
        found = storage_error(error)
        if found is None:
            raise
        raise found from error


def storage_error(error: OSError) -> StorageError | None:
    """Return a file system error as an error of wasmcp; None for an `OSError` of another kind."""
    path = next((os.fsdecode(name) for name in (error.filename2, error.filename) if isinstance(name, (str, bytes))), "")
    reason = error.strerror or type(error).__name__
    if error.errno in _REMEDIES:
        return StorageError(path, reason, _REMEDIES[error.errno])
    if not path or isinstance(error, (ConnectionError, ChildProcessError)):
        return None
    # The cache can be below a path that is not a directory: compare as text, without following links.
    inside = Path(os.path.abspath(path)).is_relative_to(cache_directory())  # noqa: PTH100 - follows no link
    return StorageError(path, reason, _CACHE if inside else _remedy(error))


def _remedy(error: OSError) -> str:
    if error.errno in {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}:
        return "move the existing file away"
    if error.errno == errno.EROFS:
        return "its file system is read-only: use a copy of the project that can be written to"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "change its permissions, or use a copy of the project that can be written to"
    return ""
