"""Sources of a TypeScript component: the files and packages that they import, and the functions that they can call.

No compiler is needed. Every script imports all of ``messages``, so the component's type does not show which functions
it calls: the server capabilities (``logging``, ``listChanged``) follow from the text. Uncertain cases count as calls.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource

SUFFIXES = (".ts", ".mts", ".js", ".mjs")
"""File extensions of sources."""

TYPED = (".ts", ".mts", ".tsx", ".cts")
"""File extensions that the type checker checks."""

_SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_ENDINGS = (*_SCRIPTS, ".json")
_WRITTEN_FOR = {".js": (".ts", ".tsx"), ".mjs": (".mts",), ".cjs": (".cts",), ".jsx": (".tsx",)}

# Also matches text that only looks like an import, such as in a comment: a rebuild too many is harmless.
_IMPORT = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(?:/\*.*?\*/\s*)?(["'`])((?:[^"'`\\\n]|\\.)*)\1""", re.DOTALL
)


def reachable(source: ComponentSource) -> list[Path]:
    """Return the source and the files of the project that it imports, transitively.

    Raises:
        ToolchainError: The source is missing.
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
        if path.suffix in _SCRIPTS:  # other files are data
            waiting.extend(_imported(path))
    return sorted(found)


def imports_packages(files: list[Path]) -> bool:
    """Return whether any of these files imports an npm package."""
    return any(_is_package(name) for path in files if path.suffix in _SCRIPTS for name in _names(path))


def _is_package(name: str) -> bool:
    return not name.startswith((".", "/", "wasmcp", "wasi:", "node:")) and name != ""


def _names(path: Path) -> Iterator[str]:
    for match in _IMPORT.finditer(path.read_text("utf-8", "replace")):
        yield match[2]


def _imported(path: Path) -> Iterator[Path]:
    for name in _names(path):
        if name.startswith((".", "/")):
            # Symbolic links are not resolved, so that labels stay in the project.
            target = _file(Path(os.path.normpath(path.parent / name)))
            if target is not None:
                yield target


def _file(target: Path) -> Path | None:
    """Resolve the path of an import to a file, as bundler and type checker do."""
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
    """Return the nearest file of this name: in the source's folder or above it, up to the project's root."""
    for folder in source.path.parents:
        if (folder / name).is_file():
            return folder / name
        if folder == source.root:
            break
    return None


def tsconfigs(source: ComponentSource) -> list[Path]:
    """Return the ``tsconfig.json`` that applies to a source, and those of the project that it extends."""
    found: list[Path] = []
    path = nearest("tsconfig.json", source)
    while path is not None and path.is_file() and path not in found:
        found.append(path)
        match = re.search(r'"extends"\s*:\s*"(\.[^"]*)"', path.read_text("utf-8", "replace"))
        target = Path(os.path.normpath(path.parent / match[1])) if match else None
        path = target if target is None or target.suffix == ".json" else target.with_name(f"{target.name}.json")
    return found


def packages_of(source: ComponentSource) -> Path | None:
    """Return the ``package.json`` whose packages a source can import; None without one that has dependencies.

    Raises:
        ToolchainError: It is not JSON, or its lock file is missing.
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
            f"component `{source.name}`: `{label}` names dependencies, but no `package-lock.json` is next to it: "
            "`npm install --package-lock-only` writes one"
        )
        raise ToolchainError(message, source=source.label, toolchain="typescript")
    return manifest


_CHANGES = {
    "toolsChanged": "notify-tools-changed",
    "promptsChanged": "notify-prompts-changed",
    "resourcesChanged": "notify-resources-changed",
    "resourceUpdated": "notify-resource-updated",
}
FUNCTIONS = {
    **dict.fromkeys(("log", "debug", "info", "warning", "error"), "log"),
    **_CHANGES,
    **{f"notify{name[0].upper()}{name[1:]}": function for name, function in _CHANGES.items()},
}
"""Methods of `Context`, and of the request that it wraps -> the WIT functions that they call."""

_OTHERS = re.compile(r"\b(?:console|Math)\s*\??\.\s*\w+")
_CALLED = re.compile(rf"\.\s*({'|'.join(FUNCTIONS)})\b")
_COMPUTED = re.compile(r"[\w)\]]\s*(?:\?\.)?\[\s*[A-Za-z_$`][^\]]*\]\s*\(")


def uses(texts: Iterable[str]) -> frozenset[str]:
    """Return the WIT functions of `request` behind announced capabilities that modules can call.

    Args:
        texts: The texts of the modules, without the guest library.
    """
    found: set[str] = set()
    for text in texts:
        bare = _OTHERS.sub("", text)
        found.update(FUNCTIONS[name] for name in _CALLED.findall(bare))
        if _COMPUTED.search(bare):  # `context[level](...)`
            return frozenset(FUNCTIONS.values())
    return frozenset(found)
