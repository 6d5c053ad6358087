"""Digests of files, of JSON values, and of wasmcp itself."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import wasmcp
from wasmcp.package_data import ADAPTERS, BUILD_COMPONENTS, FRAMEWORK_COMPONENTS, framework_component

_PACKAGE = Path(__file__).resolve().parent.parent


def of_bytes(data: bytes) -> str:
    """Return ``sha256:`` and the hexadecimal digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def of_chunks(chunks: Iterable[bytes | bytearray | memoryview]) -> str:
    """Return ``sha256:`` and the hexadecimal digest of bytes in chunks."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def of_file(path: Path) -> str:
    """Return ``sha256:`` and the hexadecimal digest of a file's content.

    Within a process, an unchanged file is read once: the build hook needs the digest before and after a build.
    """
    status = path.stat()
    return _of_file(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(maxsize=1024)
def _of_file(path: Path, *_status: int) -> str:
    return of_bytes(path.read_bytes())


def of_value(value: object) -> str:
    """Return the digest of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return of_bytes(text.encode("ascii"))


@functools.cache
def of_own_code(*parts: str) -> str:
    """Return the digest of wasmcp's version and of the sources of given subpackages or modules.

    The version suffices for a release; in a checkout the sources change without it.
    """
    files = {}
    for part in parts:
        path = _PACKAGE / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in {".py", ".zig"}:
                files[file.relative_to(_PACKAGE).as_posix()] = of_file(file)
    return of_value([wasmcp.__version__, files])


def of_framework() -> dict[str, str]:
    """Return the digests of all framework components and adapters, by name.

    Raises:
        MissingPackageDataError: A framework component is not built.
    """
    return {name: of_file(framework_component(name)) for name in (*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS)}
