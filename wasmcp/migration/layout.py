"""Layouts of servers: the folder that module names begin in, and the modules that stand in it.

A file that belongs to no package is a script: the modules next to it are its own, as when Python runs it. Packages are
found below the folder above them (the root of a repository, or ``src/``), and folders without ``__init__.py`` are
namespace packages (PEP 420).
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

_MOST_FOLDERS = 4
"""The number of folders above a file that its imports can name."""


def imported_names(tree: ast.AST, name: str, *, is_package: bool) -> set[str]:
    """Return the absolute names that a module imports: of modules, and of what can be modules below them.

    Imports by constant name (``importlib.import_module("a.b")``) are among them.

    Args:
        tree: The parsed module.
        name: The dotted name of the module; that of a package for its ``__init__``.
        is_package: True for the ``__init__`` of a package.
    """
    found: set[str] = set()
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: max(len(package) - node.level + 1, 0)] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.update(filter(None, [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]))
        elif isinstance(node, ast.Call) and node.args and _called(node) in ("import_module", "__import__"):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
                found.add(first.value)
    return found


def root_of(file: Path, tree: ast.AST) -> Path:
    """Return the folder that the names of a file's modules begin in.

    It is the folder of a file without a package, and the folder above the topmost package of another one. Relative
    imports and absolute ones that begin with the name of a folder around the file show namespace packages: the root is
    above these. A file of a package that imports modules next to it by absolute names is a script.

    Args:
        file: The file, absolute.
        tree: The parsed file.
    """
    package = package_around(file)
    root = file.parent if package is None else package.parent
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    names = {name for name in imported_names(tree, "", is_package=False) if name}
    absent = {name for name in names if unit(root, name) is None and not is_standard(name)}
    if package is not None and not levels and any(unit(file.parent, name) is not None for name in absent):
        return file.parent
    if package is None and levels and max(levels) <= len(file.parent.parents):
        root = file.parent.parents[max(levels) - 1]
    for folder in (root, *root.parents)[:_MOST_FOLDERS]:
        if any(name.partition(".")[0] == folder.name and unit(folder.parent, name) is not None for name in absent):
            root = folder.parent
    return root


def package_around(module: Path) -> Path | None:
    """Return the topmost regular package that a module belongs to; None for a module without a package."""
    found = None
    folder = module.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        found, folder = folder, folder.parent
    return found


def unit(root: Path, name: str) -> Path | None:
    """Return the file or the regular package that a dotted name belongs to below a root; None if it is not there."""
    folder = root
    for part in name.split("."):
        package = folder / part
        if (package / "__init__.py").is_file():
            return package
        module = folder / f"{part}.py"
        if module.is_file():
            return module
        if not package.is_dir():
            return None
        folder = package
    return None


def is_standard(name: str) -> bool:
    """Return True for a dotted name in the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
