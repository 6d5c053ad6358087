"""Files of a server to import: a module, a package, a project's folder or an installed package."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from wasmcp.errors import MigrationError
from wasmcp.migration.names import LIBRARIES, imported_names, is_standard, package_around, root_of, unit
from wasmcp.migration.needs import Constraint, Finding, RequirementFiles, read_requirement_file
from wasmcp.migration.rewriting import server_names

_MOST_BYTES = 64 * 2**20
_MOST_FILES = 5000
_LEFT = frozenset({"__pycache__", ".git", ".venv", "venv", "node_modules", "tests", "test", "build", "dist"})
_OF_BUILDS = frozenset({"setup.py", "noxfile.py", "conftest.py"})
_LONGEST_NAME = 200
_INLINE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""Block of inline metadata, by the expression of the specification."""

_DYNAMIC = (
    ("setuptools", "dynamic", "dependencies", "file"),
    ("hatch", "metadata", "hooks", "requirements_txt", "files"),
)
"""Keys of `[tool]` that name files of requirements: of setuptools, and of the plugin hatch-requirements-txt."""


@dataclass
class Sources:
    """Files of a server.

    Attributes:
        root: The folder that module names begin in.
        modules: Path relative to it -> text, of each Python file.
        encodings: The encoding of each Python file.
        data: Path relative to it -> bytes, of each other file.
        skipped: Links and other entries that were left out.
        packages: The folders of the packages that were read as a whole.
        distribution: The name of the distribution; the empty string if it is unknown.
        requirements: The requirements of the distribution (PEP 508).
        constraints: The constraints of its files of requirements.
        entry: The path of the module that was given by its file, relative to the root; the empty string for a
            folder.
        findings: Lines of files of requirements that are not taken over.
        size: The bytes of all files that were read.
    """

    root: Path
    modules: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    packages: set[Path] = field(default_factory=set)
    distribution: str = ""
    requirements: list[str] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    entry: str = ""
    findings: list[Finding] = field(default_factory=list)
    size: int = 0


def read_sources(source: str) -> Sources:
    """Read the files of a server.

    Packages are read whole, and other modules that they import from the folder next to them, one by one.

    Args:
        source: The path of a module, of a package's folder or of a project's folder, or the name of an installed
            package, which is found without importing it.

    Raises:
        MigrationError: It does not exist, is not Python, or is too large.
    """
    path = Path(source)
    if not path.exists() and source.isidentifier():
        path = _installed(source)
    if not path.exists():
        raise MigrationError(source, f"`{source}` does not exist: give a file, a folder or an installed package")
    start = path.resolve() if path.is_file() else _start_in(path.resolve(), source)
    found = _started(start, source)
    name = found.entry or start.name
    if any(found.root.glob("*.dist-info")):
        found.distribution, found.requirements, own = _installed_metadata(found.root, name)
    else:
        own = None
        found.distribution, listed = _metadata(start, path.resolve(), found.root)
        found.requirements, found.constraints = listed.requirements, listed.constraints
        found.findings = listed.findings
    _follow(found, own)
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


def _start_in(folder: Path, source: str) -> Path:
    """Return the package or the script of a project's folder, or a package's folder itself.

    Of several packages and scripts it is the one that makes a server.
    """
    if (folder / "__init__.py").is_file():
        return folder
    packages = [
        init.parent
        for base in (folder / "src", folder)
        if base.is_dir()
        for init in sorted(base.glob("*/__init__.py"))
        if init.parent.name not in _LEFT
    ]
    scripts = [
        file
        for base in (folder, folder / "src")
        if base.is_dir()
        for file in sorted(base.glob("*.py"))
        if not _is_left(file) and file.name not in _OF_BUILDS
    ]
    making = [one for one in packages if any(_makes_server(file) for file in sorted(one.rglob("*.py")))]
    making = making or [one for one in scripts if _makes_server(one)]
    candidates = making or packages
    if not candidates:
        names = [file.relative_to(folder).as_posix() for file in scripts]
        advice = f"give one of its files: {', '.join(names)}" if names else "give a file or a package"
        raise MigrationError(source, f"`{source}` has no package (a folder with `__init__.py`): {advice}")
    if len(candidates) > 1:
        listed = ", ".join(f"`{Path(source) / one.relative_to(folder)}`" for one in candidates)
        kind = "scripts that make a server" if candidates[0].is_file() else "packages"
        raise MigrationError(source, f"`{source}` has several {kind}: give one of {listed}")
    return candidates[0]


def _makes_server(file: Path) -> bool:
    try:
        return not file.is_symlink() and bool(server_names(ast.parse(file.read_bytes())))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False


def _started(start: Path, source: str) -> Sources:
    """Return the files of a module, with the regular package around it, or of a package."""
    if start.is_dir():
        found = Sources(start.parent)
        _take(found, start)
        return found
    if start.suffix != ".py":
        raise MigrationError(source, f"`{source}` is not a Python file (`.py`)")
    lone = Sources(start.parent)
    _read(lone, start)
    found = Sources(root_of(start, _parsed(lone.modules[start.name])))
    found.entry = start.relative_to(found.root).as_posix()
    package = package_around(start)
    _take(found, package if package is not None and found.root in package.parents else start)
    return found


def _follow(found: Sources, own: frozenset[str] | None) -> None:
    """Read the modules that are imported from the root, and the data that scripts name.

    Args:
        found: The files so far.
        own: In a folder of installed packages the files of the server's distribution; None in another folder.
    """
    is_script = bool(found.entry) and "/" not in found.entry
    read: set[str] = set()
    while waiting := [path for path in found.modules if path not in read]:
        for path in waiting:
            read.add(path)
            tree = _parsed(found.modules[path])
            for name in sorted(imported_names(tree, dotted(path), is_package=path.endswith("__init__.py"))):
                if name.partition(".")[0] in (*LIBRARIES, "wasmcp") or (is_standard(name) and not is_script):
                    continue
                there = unit(found.root, name)
                if there is None:
                    continue
                label = there.relative_to(found.root).as_posix()
                if own is None or label in own or any(file.startswith(f"{label}/") for file in own):
                    _take(found, there)
            file = found.root / path
            if package_around(file) not in found.packages:
                _read_data(found, file.parent, tree)


def _take(found: Sources, there: Path) -> None:
    """Read a module, or a package as a whole."""
    if there.is_symlink():
        name = there.relative_to(found.root).as_posix()
        if name not in found.skipped:
            found.skipped.append(name)
    elif there.is_file():
        _read(found, there)
    elif there not in found.packages:
        found.packages.add(there)
        for file in _files(there, found):
            _read(found, file)


def _read_data(found: Sources, folder: Path, tree: ast.AST) -> None:
    """Read the files and folders next to a module that uses ``__file__`` and has their names as constants."""
    nodes = list(ast.walk(tree))
    if not any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes):
        return
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) > _LONGEST_NAME:
            continue
        parts = PurePosixPath(node.value).parts
        if not parts or "\0" in node.value or any(part.startswith((".", "/")) or part in _LEFT for part in parts):
            continue
        there = folder.joinpath(*parts)
        if any(one.is_symlink() for one in (there, *there.parents) if folder in one.parents):
            continue
        for file in [there] if there.is_file() else _files(there, found) if there.is_dir() else []:
            if file.suffix != ".py" and not _is_left(file):
                _read(found, file)


def dotted(path: str) -> str:
    """Return the dotted name of a module by its path; that of the package for an ``__init__``."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _parsed(text: str) -> ast.Module:
    """Return a parsed module; an empty one for a text that is not valid, which is reported when it is analysed."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


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
    if name in found.modules or name in found.data:
        return
    if len(found.modules) + len(found.data) >= _MOST_FILES:
        raise MigrationError(name, f"the server has more than {_MOST_FILES} files: `{name}` is one too many")
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES - found.size + 1)
    except OSError as error:
        raise MigrationError(name, f"`{name}` cannot be read: {error.strerror}") from error
    found.size += len(data)
    if found.size > _MOST_BYTES:
        raise MigrationError(
            name, f"the files of the server, with `{name}`, are larger than {_MOST_BYTES // 2**20} MiB"
        )
    if file.suffix != ".py":
        found.data[name] = data
        return
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        found.modules[name] = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise MigrationError(name, f"`{name}` is not Python: {error}") from error
    found.encodings[name] = encoding


def _metadata(start: Path, given: Path, root: Path) -> tuple[str, RequirementFiles]:
    """Return name and requirements of a distribution that is not installed.

    They are those of the inline metadata of a script (PEP 723), of `pyproject.toml` around the files, of the files that
    it names, or of `requirements.txt` in the folder of a script or next to `pyproject.toml`.
    """
    inline = _inline_requirements(start) if start.is_file() else None
    name = ""
    named: list[Path] = []
    usual = [start.parent, root]
    for folder in (given, *given.parents)[:4]:
        document = folder / "pyproject.toml"
        if document.is_file():
            try:
                contents = tomllib.loads(document.read_text("utf-8"))
            except (OSError, ValueError, RecursionError):
                contents = {}
            project = contents.get("project", {})
            project = project if isinstance(project, dict) else {}
            name = str(project.get("name", ""))
            if inline is None and isinstance(listed := project.get("dependencies"), list):
                inline = [one for one in listed if isinstance(one, str)]
            named = _dynamic_files(contents, folder)
            usual.append(folder)
            break
    if inline is not None:
        return name, RequirementFiles(inline)
    files = named or [one / "requirements.txt" for one in usual if (one / "requirements.txt").is_file()][:1]
    found = RequirementFiles()
    for file in files:
        read = read_requirement_file(file)
        found.requirements += read.requirements
        found.constraints += read.constraints
        found.findings += read.findings
    return name, found


def _dynamic_files(document: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files below the folder that setuptools, or a plugin of Hatch, reads the dependencies from."""
    names: list[object] = []
    for keys in _DYNAMIC:
        found: Any = document.get("tool")
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        names += found if isinstance(found, list) else [found]
    paths = ((folder / name).resolve() for name in names if isinstance(name, str))
    return [path for path in paths if path.is_file() and path.is_relative_to(folder.resolve())]


def _installed_metadata(root: Path, first: str) -> tuple[str, list[str], frozenset[str]]:
    for found in importlib.metadata.distributions(path=[str(root)]):
        files = frozenset(file.as_posix() for file in found.files or [])
        if first in files or any(file.startswith(f"{first}/") for file in files):
            requirements = [one for one in found.requires or [] if "extra ==" not in one]
            return str(found.metadata["Name"]), requirements, files
    return "", [], frozenset()


def _inline_requirements(script: Path) -> list[str] | None:
    """Return the dependencies of a script's inline metadata (PEP 723); None without such metadata."""
    blocks = [
        match["content"]
        for match in _INLINE.finditer(script.read_text("utf-8", "replace"))
        if match["type"] == "script"
    ]
    if len(blocks) != 1:
        return None
    lines = [line[2:] if line.startswith("# ") else line[1:] for line in blocks[0].splitlines()]
    try:
        listed = tomllib.loads("\n".join(lines)).get("dependencies", [])
    except (ValueError, RecursionError):
        return None
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else None
