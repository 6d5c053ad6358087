"""What a TypeScript or JavaScript module imports, found without a compiler."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource

SUFFIXES = (".ts", ".mts", ".js", ".mjs")
"""The endings of sources."""

TYPED = (".ts", ".mts", ".tsx", ".cts")
"""The endings of what the type checker looks at."""

_ENDINGS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json")
_WRITTEN_FOR = {".js": (".ts", ".tsx"), ".mjs": (".mts",), ".cjs": (".cts",), ".jsx": (".tsx",)}

# Also what only looks like an import, in a comment for example: it costs a rebuild too many, never one too few.
_IMPORT = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(?:/\*.*?\*/\s*)?(["'`])((?:[^"'`\\\n]|\\.)*)\1""", re.DOTALL
)


def reachable(source: ComponentSource) -> list[Path]:
    """Return the source and the files of the project that it imports, and what those import.

    Raises:
        ToolchainError: The source is not there.
    """
    if not source.path.is_file():
        message = f"component `{source.name}`: `{source.label}` is not there"
        raise ToolchainError(message, source=source.label, toolchain="typescript")
    found: dict[Path, None] = {}
    waiting = [source.path]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix != ".json":
            waiting.extend(_imported(path))
    return sorted(found)


def imports_packages(files: list[Path]) -> bool:
    """Tell whether one of some files imports what comes from npm."""
    return any(_is_package(name) for path in files if path.suffix != ".json" for name in _names(path))


def _is_package(name: str) -> bool:
    return not name.startswith((".", "/", "wasmcp", "wasi:", "node:")) and name != ""


def _names(path: Path) -> Iterator[str]:
    for match in _IMPORT.finditer(path.read_text("utf-8", "replace")):
        yield match[2]


def _imported(path: Path) -> Iterator[Path]:
    for name in _names(path):
        if name.startswith((".", "/")):
            # Not `resolve`: below a linked folder, labels would leave the project.
            target = _file(Path(os.path.normpath(path.parent / name)))
            if target is not None:
                yield target


def _file(target: Path) -> Path | None:
    """Return the file that an import of a path means, as bundler and type checker find it."""
    if target.is_file():
        return target
    for ending in _WRITTEN_FOR.get(target.suffix, ()):
        if target.with_suffix(ending).is_file():
            return target.with_suffix(ending)
    for candidate in [
        *(target.with_name(target.name + ending) for ending in _ENDINGS),
        *(target / f"index{ending}" for ending in _ENDINGS),
    ]:
        if candidate.is_file():
            return candidate
    return None


def nearest(name: str, source: ComponentSource) -> Path | None:
    """Return the file of some name that lies in the source's folder, or in the next one above it within the project."""
    for folder in source.path.parents:
        if (folder / name).is_file():
            return folder / name
        if folder == source.root:
            break
    return None


def tsconfigs(source: ComponentSource) -> list[Path]:
    """Return the ``tsconfig.json`` that counts for a source, and those of the project that it extends."""
    found: list[Path] = []
    path = nearest("tsconfig.json", source)
    while path is not None and path.is_file() and path not in found:
        found.append(path)
        match = re.search(r'"extends"\s*:\s*"(\.[^"]*)"', path.read_text("utf-8", "replace"))
        target = Path(os.path.normpath(path.parent / match[1])) if match else None
        path = target if target is None or target.suffix == ".json" else target.with_name(f"{target.name}.json")
    return found


def packages_of(source: ComponentSource) -> Path | None:
    """Return the ``package.json`` whose packages a source may import; None where there is none with dependencies.

    Raises:
        ToolchainError: It is not JSON, or has no lock file beside it.
    """
    manifest = nearest("package.json", source)
    if manifest is None:
        return None
    label = manifest.relative_to(source.root).as_posix()
    try:
        content = json.loads(manifest.read_text("utf-8"))
    except ValueError as error:
        message = f"component `{source.name}`: `{label}` is not JSON: {error}"
        raise ToolchainError(message, source=source.label, toolchain="typescript") from None
    if not isinstance(content, dict) or not content.get("dependencies"):
        return None
    if not manifest.with_name("package-lock.json").is_file():
        message = (
            f"component `{source.name}`: `{label}` names dependencies, but there is no `package-lock.json` beside it: "
            "`npm install --package-lock-only` writes one"
        )
        raise ToolchainError(message, source=source.label, toolchain="typescript")
    return manifest
