"""Discovery of the files of a Python component: the modules that its source can import."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from wasmcp.toolchains.base import relative_label
from wasmcp.toolchains.python.module_ast import DEPENDENCIES, Import, Module, Problem, read_module, refusal

_NEWER_MODULES = {
    "annotationlib",
    "compression",
    "tomllib",
}  # not in every Python that runs wasmcp


def source_root(path: Path, root: Path) -> Path:
    """Return the root folder of a source's dotted name: ``src/``, or the folder above its topmost package.

    Args:
        path: The source file.
        root: The project's folder.
    """
    layout = root / "src"
    if layout in path.parents:
        return layout
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file below a source root."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def reachable(
    source: Path, folders: Sequence[Path], root: Path, *, fetched: Path | None = None, imports: Sequence[str] = ()
) -> dict[str, Module]:
    """Return name -> module for all that a source can import from the given folders, itself included.

    Args:
        source: The source file, below the first folder.
        folders: The folders to search, in this order; the first is the source root.
        root: The project's folder, for messages.
        fetched: The folder of the packages among the component's dependencies; searched last.
        imports: Further modules to include, for imports by computed names.

    Raises:
        ToolchainError: Files cannot be read or are not valid Python; the message lists all of them.
    """
    first = module_name(source, folders[0])
    found: dict[str, Module] = {}
    waiting = [parent for name in (first, *imports) for parent in _with_parents(name)]
    seen = set(waiting)
    problems: list[Problem] = []
    while waiting:
        name = waiting.pop()
        located = _locate(name, folders)
        if located is not None:
            path, folder = located
            module = Module(name, path, relative_label(path, root), own=folder == folders[0])
        elif fetched is not None and not is_standard(name.partition(".")[0]) and (there := _locate(name, [fetched])):
            label = f"{DEPENDENCIES}/{there[0].relative_to(fetched).as_posix()}"
            module = Module(name, there[0], label, own=False, fetched=True)
        else:
            continue
        found[name] = module
        problem = read_module(module)
        if problem is not None:
            problems.append(problem)
        for statement in module.imports:
            names = [statement.module, *(f"{statement.module}.{item}" for item in statement.names)]
            for candidate in (parent for item in names for parent in _with_parents(item)):
                if candidate not in seen and not is_provided(candidate):
                    seen.add(candidate)
                    waiting.append(candidate)
    if problems:
        raise refusal(relative_label(source, root), sorted(problems, key=lambda problem: problem[0]))
    return dict(sorted(found.items()))


def is_provided(name: str) -> bool:
    """Return whether every component has a module: the guest library and the generated bindings."""
    return name.partition(".")[0] in {"wasmcp", "wit_world", "componentize_py_types", "componentize_py_runtime"}


def is_standard(name: str) -> bool:
    """Return whether a top-level module belongs to the standard library."""
    return name in sys.stdlib_module_names or name in _NEWER_MODULES


def is_host_side(statement: Import) -> bool:
    """Return whether a statement imports modules of wasmcp that components lack: all except the guest library."""
    name = statement.module
    if name.partition(".")[0] != "wasmcp":
        return False
    return not f"{name}.".startswith("wasmcp.guest.") and statement.names != ("guest",)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _locate(name: str, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path, folder
    return None
