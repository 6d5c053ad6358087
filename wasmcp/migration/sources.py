"""Files of a server to import: a module, a package, a project's folder or an installed package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wasmcp.errors import MigrationError

_MOST_BYTES = 64 * 2**20
_MOST_FILES = 5000
_LEFT = frozenset({"__pycache__", ".git", ".venv", "venv", "node_modules", "tests", "test", "build", "dist"})


@dataclass
class Sources:
    """Files of a server.

    Attributes:
        root: The folder that module names begin in.
        modules: Path relative to it -> text, of each Python file.
        encodings: The encoding of each Python file.
        data: Path relative to it -> bytes, of each other file.
        skipped: Links and other entries that were left out.
        distribution: The name of the distribution; the empty string if it is unknown.
        requirements: The requirements of the distribution (PEP 508).
        entry: The path of the module that was given by its file, relative to the root; the empty string for a
            folder.
    """

    root: Path
    modules: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    distribution: str = ""
    requirements: list[str] = field(default_factory=list)
    entry: str = ""


def read_sources(source: str) -> Sources:
    """Read the files of a server.

    Args:
        source: The path of a module, with the package around it, of a package's folder or of a project's folder, or the
            name of an installed package, which is found without importing it.

    Raises:
        MigrationError: It does not exist, is not Python, or is too large.
    """
    path = Path(source)
    if not path.exists() and source.isidentifier():
        path = _installed(source)
    if path.is_file():
        if path.suffix != ".py":
            raise MigrationError(source, f"`{source}` is not a Python file (`.py`)")
        package = _package_around(path.resolve())
        found = Sources(path.parent if package is None else package.parent)
        for file in [path] if package is None else _files(package, found):
            _read(found, file)
        found.entry = path.name if package is None else path.resolve().relative_to(found.root).as_posix()
    elif path.is_dir():
        package = path if (path / "__init__.py").is_file() else _package_in(path, source)
        found = Sources(package.parent)
        for file in _files(package, found):
            _read(found, file)
    else:
        raise MigrationError(source, f"`{source}` does not exist: give a file, a folder or an installed package")
    first = next(iter(found.modules), "")
    name = first.partition("/")[0].removesuffix(".py")
    found.distribution, found.requirements = _metadata(path.resolve(), found.root.resolve(), name)
    return found


def _installed(name: str) -> Path:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise MigrationError(name, f"`{name}` is neither a file, nor a folder, nor an installed package")
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin


def _package_around(module: Path) -> Path | None:
    """Return the topmost package that a module belongs to; None for a module by itself."""
    found = None
    folder = module.parent
    while (folder / "__init__.py").is_file():
        found, folder = folder, folder.parent
    return found


def _package_in(folder: Path, source: str) -> Path:
    """Return the package of a project's folder."""
    found = [
        init.parent
        for base in (folder / "src", folder)
        if base.is_dir()
        for init in sorted(base.glob("*/__init__.py"))
        if init.parent.name not in _LEFT
    ]
    if not found:
        modules = sorted(file.name for file in folder.glob("*.py"))
        advice = f"give one of its files: {', '.join(modules)}" if modules else "give a file or a package"
        raise MigrationError(source, f"`{source}` has no package (a folder with `__init__.py`): {advice}")
    if len(found) > 1:
        listed = ", ".join(f"`{one}`" for one in found)
        raise MigrationError(source, f"`{source}` has several packages: give one of {listed}")
    return found[0]


def _files(package: Path, found: Sources) -> Iterator[Path]:
    waiting = [package]
    count = 0
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            name = entry.relative_to(found.root).as_posix()
            if entry.is_symlink():
                found.skipped.append(name)
            elif entry.is_dir():
                if entry.name not in _LEFT and not entry.name.startswith("."):
                    waiting.append(entry)
            elif entry.is_file() and not _is_left(entry):
                count += 1
                if count > _MOST_FILES:
                    raise MigrationError(str(package), f"`{package}` has more than {_MOST_FILES} files")
                yield entry


def _is_left(file: Path) -> bool:
    """Return True for files that are not part of a server: hidden and compiled ones, and tests."""
    is_test = file.suffix == ".py" and (file.name.startswith("test_") or file.name == "conftest.py")
    return is_test or file.name.startswith(".") or file.suffix in (".pyc", ".so", ".pyd")


def _read(found: Sources, file: Path) -> None:
    name = file.relative_to(found.root).as_posix()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MigrationError(name, f"`{name}` cannot be read: {error.strerror}") from error
    if sum(map(len, found.data.values())) + sum(map(len, found.modules.values())) + len(data) > _MOST_BYTES:
        raise MigrationError(name, f"the files of the server are larger than {_MOST_BYTES // 2**20} MiB")
    if file.suffix != ".py":
        found.data[name] = data
        return
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        found.modules[name] = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise MigrationError(name, f"`{name}` is not Python: {error}") from error
    found.encodings[name] = encoding


def _metadata(path: Path, root: Path, package: str) -> tuple[str, list[str]]:
    """Return name and requirements of the distribution: of `pyproject.toml` around the files, or as installed."""
    for folder in (path, *path.parents)[:4]:
        document = folder / "pyproject.toml"
        if document.is_file():
            try:
                project = tomllib.loads(document.read_text("utf-8")).get("project", {})
            except (OSError, ValueError):
                return "", []
            requirements = project.get("dependencies", []) if isinstance(project, dict) else []
            name = project.get("name", "") if isinstance(project, dict) else ""
            return str(name), [str(one) for one in requirements if isinstance(one, str)]
    for found in importlib.metadata.distributions(path=[str(root)]):
        files = found.files or []
        if any(file.parts and file.parts[0] in (package, f"{package}.py") for file in files):
            return str(found.metadata["Name"]), [one for one in found.requires or [] if "extra ==" not in one]
    return "", []
