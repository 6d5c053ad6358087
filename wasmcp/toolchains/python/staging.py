"""Staging folder for componentize-py: the guest library, the author's modules, data files, and a plan of the imports.

Modules of packages that nothing in the component uses are left out. Measured: they cost size.

Data files are those of the option ``files``, and those of packages. They are packed into one archive, which the guest
library shows where the files would be (`wasmcp.guest.files`): next to the modules that are imported from the same
folder.

An extension module makes the memory of the interpreter the same in each build of the same component; componentize-py
has no option for it. It is linked into the component like an extension module of a package, and is there before the
interpreter starts. It gives the interpreter a seed of ``hash`` that follows from the sources, overwrites memory that is
allocated and freed, and gives imports the names of files in order and no times. After the build nothing of it runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource, relative_label
from wasmcp.toolchains.python.dependencies import packages_of
from wasmcp.toolchains.python.modules import Module, is_host_side, is_standard, module_name, source_root
from wasmcp.toolchains.python.native_modules import ABI, SHIM, extension_name

ARCHIVE = "_wasmcp_files.bin"
"""Name of the archive in the folder of the application."""

INDEX = "_wasmcp_files.json"
"""Name of its index."""

MOST_FILES = 10_000
"""Maximum number of files of the option ``files``, and of the packages of one component."""

MOST_BYTES = 64 << 20
"""Maximum total size of the files of the option ``files``, in bytes."""

MOST_PACKAGE_BYTES = 256 << 20
"""Maximum total size of the data files of packages, in bytes."""

MOST_ENTRIES = 200_000
"""Maximum number of paths that the patterns of the option ``files`` search."""

_CODE = frozenset({
    ".a", ".c", ".cc", ".cpp", ".dll", ".dylib", ".h", ".hpp", ".lib", ".pxd", ".pxi", ".py", ".pyc", ".pyd", ".pyi",
    ".pyx", ".so", ".typed",
})  # fmt: skip
_UNREAD_METADATA = frozenset({"licenses", "sboms"})
_UNREAD_RECORDS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
_OUTPUTS = frozenset({"__pycache__", "_wasmcp"})


def files_of(source: ComponentSource) -> dict[str, Path]:
    """Return the files that the option ``files`` names: label -> path, sorted.

    Raises:
        ToolchainError: A pattern matches no file or a file that cannot be taken in, or there are too many files.
    """
    configured = source.options.get("files", [])
    patterns = [str(item) for item in configured] if isinstance(configured, list) else []
    search = _Search(source.root)
    found: dict[str, Path] = {}
    problems: list[str] = []
    for pattern in patterns:
        matched = {relative_label(path, source.root): path for path in search.matches(pattern)}
        if not matched and not search.problems:
            problems.append(f"`{pattern}` matches no file{_advice(source, pattern)}")
        found.update(matched)
    problems += search.problems
    total = sum(path.stat().st_size for path in found.values())
    if len(found) > MOST_FILES:
        problems.append(f"{len(found):,} files match, and a component can have {MOST_FILES:,}")
    if total > MOST_BYTES:
        problems.append(f"the files have {total:,} bytes, and a component can have {MOST_BYTES:,}")
    if problems:
        message = f"component `{source.name}`: `files`: {'; '.join(dict.fromkeys(problems))}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return dict(sorted(found.items()))


def _advice(source: ComponentSource, pattern: str) -> str:
    """Return what to do about a pattern that matches no file; empty if it is not known."""
    if (source.root / pattern).is_dir():
        return f": name its files, `{pattern.rstrip('/')}/**`"
    beside = source.path.parent
    if beside != source.root and _Search(beside).matches(pattern):
        full = f"{relative_label(beside, source.root)}/{pattern}"
        return f": patterns start at the folder of `pyproject.toml`, `{full}`"
    return ""


class _Search:
    """Search for the files of a project that match patterns.

    Names that begin with a dot are matched only by a part of a pattern that begins with one, as in a shell. Symbolic
    links are followed within the project.

    Attributes:
        problems: Matched paths that cannot be taken in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._whole = root.resolve()
        self._seen = 0
        self.problems: list[str] = []

    def matches(self, pattern: str) -> list[Path]:
        """Return the files that match a pattern."""
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        return list(dict.fromkeys(self._below(self._root, parts, frozenset())))

    def _below(self, folder: Path, parts: Sequence[str], above: frozenset[Path]) -> Iterator[Path]:
        part, rest = parts[0], parts[1:]
        if part == "**" and rest:
            yield from self._below(folder, rest, above)
        for path in self._entries(folder):
            if not _fits(path.name, part) or not self._is_inside(path):
                continue
            if path.is_file():
                if not rest:
                    yield path
            elif path.is_dir():
                whole = path.resolve()
                if whole not in above and (rest or part == "**"):
                    yield from self._below(path, parts if part == "**" else rest, above | {whole})

    def _entries(self, folder: Path) -> list[Path]:
        try:
            found = sorted(path for path in folder.iterdir() if path.name not in _OUTPUTS)
        except OSError as error:
            self.problems.append(f"`{relative_label(folder, self._root)}` cannot be read: {error.strerror}")
            return []
        self._seen += len(found)
        if self._seen > MOST_ENTRIES:
            self.problems.append(f"the patterns search more than {MOST_ENTRIES:,} paths: name a folder")
            return []
        return found

    def _is_inside(self, path: Path) -> bool:
        if not path.is_symlink():
            return True
        label = relative_label(path, self._root)
        try:
            whole = path.resolve(strict=True)
        except (OSError, RuntimeError):
            self.problems.append(f"`{label}` is a broken symbolic link")
            return False
        if whole.is_relative_to(self._whole):
            return True
        self.problems.append(f"`{label}` is a symbolic link that leads out of the project")
        return False


def _fits(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return part == "**" or _expression(part).fullmatch(name) is not None


def _expression(part: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in part), re.DOTALL)


def own_places(source: ComponentSource, files: Mapping[str, Path], folders: Sequence[Path]) -> dict[str, Path]:
    """Return path in the component -> path, for the files of the option ``files``.

    A file below a folder that modules are imported from is next to those modules. Another one has the same relative
    path from the source root as in the project.

    Args:
        source: The component.
        files: The result of `files_of`.
        folders: The folders that modules are imported from; the first is the source root.

    Raises:
        ToolchainError: Two files have the same path in the component.
    """
    found: dict[str, Path] = {}
    problems: list[str] = []
    for path in files.values():
        holding = [folder for folder in folders if path.is_relative_to(folder)]
        base = max(holding, key=lambda folder: len(folder.parts), default=folders[0])
        relative = os.path.relpath(path, base).replace("\\", "/")
        place = posixpath.normpath(posixpath.join("/0", relative))
        if place in found:
            both = " and ".join(f"`{relative_label(one, source.root)}`" for one in (found[place], path))
            problems.append(f"{both} have the same path in the component, `{place}`")
        found[place] = path
    if problems:
        message = f"component `{source.name}`: `files`: {'; '.join(problems)}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return found


def package_places(source: ComponentSource, fetched: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return path in the component -> path, for the data files of packages, and the metadata of all distributions.

    Args:
        source: The component.
        fetched: The folder of the packages.
        packages: The import packages whose files are taken.

    Raises:
        ToolchainError: The files are too many or too large.
    """
    found = [
        path
        for package in sorted(packages)
        for path in sorted((fetched / package).rglob("*"))
        if path.suffix not in _CODE and "__pycache__" not in path.parts and path.is_file()
    ]
    for metadata in sorted(fetched.glob("*.dist-info")):
        found += [
            path
            for path in sorted(metadata.rglob("*"))
            if path.is_file()
            and path.relative_to(metadata).parts[0] not in _UNREAD_METADATA
            and path.name not in _UNREAD_RECORDS
        ]
    total = sum(path.stat().st_size for path in found)
    if len(found) > MOST_FILES or total > MOST_PACKAGE_BYTES:
        owners = packages_of(fetched)
        sizes: dict[str, int] = {}
        for path in found:
            name = path.relative_to(fetched).as_posix()
            owner = owners.get(name, name.partition("/")[0])
            sizes[owner] = sizes.get(owner, 0) + path.stat().st_size
        largest = max(sizes, key=lambda owner: sizes[owner])
        message = (
            f"component `{source.name}`: its packages have {len(found):,} data files of {total:,} bytes, most of them "
            f"`{largest}`; a component can have {MOST_FILES:,} files of {MOST_PACKAGE_BYTES:,} bytes"
        )
        raise ToolchainError(message, source=source.label, toolchain="python")
    return {f"/0/{path.relative_to(fetched).as_posix()}": path for path in found}


def stage_archive(places: Mapping[str, Path], application: Path) -> bool:
    """Write the archive and its index into the folder of the application; return False without files."""
    from wasmcp.guest.files import pack

    if not places:
        return False
    data, index = pack({place: path.read_bytes() for place, path in places.items()})
    (application / ARCHIVE).write_bytes(data)
    (application / INDEX).write_text(json.dumps(index), encoding="utf-8")
    return True


SNAPSHOT_MODULE = "_wasmcp_snapshot"
"""Name of the extension module; `fixed_snapshot.wat` contains it as well."""

SNAPSHOT_FILE = f"{SNAPSHOT_MODULE}{ABI.suffix}"
"""Its file name."""

FIRST_LINES = (
    "import os, sys",
    f"import {SNAPSHOT_MODULE}",
    f"{SNAPSHOT_MODULE}.start()",
    "sys.path_importer_cache.clear()",
    "del os.environ['PYTHONHASHSEED'], os.environ['PYTHONDONTWRITEBYTECODE']",
)
"""First lines of the application: folders are read from now on. `wasmcp.guest.component.snapshot` has the end."""

_SNAPSHOT_SOURCE = Path(__file__).with_name("fixed_snapshot.wat")


def snapshot_module(name: str, modules: Mapping[str, Module]) -> bytes:
    """Return the extension module for a component, given its name and its modules."""
    import wasmtime

    digest = hashlib.sha256(name.encode())
    for module in sorted(modules):
        digest.update(hashlib.sha256(modules[module].path.read_bytes()).digest())
    seed, guard = (int.from_bytes(digest.digest()[at : at + 4], "little") for at in (0, 4))
    text = _SNAPSHOT_SOURCE.read_text("utf-8").replace("@HASH_SEED@", f"{seed:010}\\00")
    return bytes(wasmtime.wat2wasm(text.replace("@GUARD@", f"{guard & 0xFFFFFF00:#x}")))


_PARTS: Mapping[str, re.Pattern[bytes]] = {
    # pydantic imports it for classes with validators of pydantic 1.
    "pydantic.v1": re.compile(rb"pydantic\.v1\b|__get_validators__"),
}
"""Part of a package -> text in modules of others that use it, besides an import statement."""

_FOR_OLDER_PYTHONS = frozenset({"typing_extensions"})
"""Modules whose imports inside functions are for versions of Python older than that in a component."""


def unneeded(modules: Collection[Module], imports: Sequence[str]) -> frozenset[str]:
    """Return the parts of packages that no module outside of their package uses.

    Args:
        modules: All modules of the component.
        imports: Further modules to import: those of the option ``imports``.
    """
    return frozenset(part for part in _PARTS if not _is_used(part, modules, imports))


def is_below(name: str, parts: Collection[str]) -> bool:
    """Return True for a module that is one of the parts, or inside one."""
    return any(f"{name}.".startswith(f"{part}.") for part in parts)


def has_later_imports(module: Module) -> bool:
    """Return True if imports inside the functions of a module can happen in a component."""
    return module.name not in _FOR_OLDER_PYTHONS


def _is_used(part: str, modules: Collection[Module], imports: Sequence[str]) -> bool:
    package = part.partition(".")[0]
    return any(is_below(name, [part]) for name in imports) or any(
        _imports(module, part) or _PARTS[part].search(module.path.read_bytes())
        for module in modules
        if module.name.partition(".")[0] != package
    )


def _imports(module: Module, part: str) -> bool:
    return any(
        is_below(name, [part])
        for statement in module.imports
        for name in (statement.module, *(f"{statement.module}.{item}" for item in statement.names))
    )


APPLICATION = "_wasmcp_app"
"""The module that componentize-py compiles to a component."""

DECLARED = ("tools-component", "component")
"""Worlds whose exports are declared with decorators."""

GUEST = Path(__file__).resolve().parents[2] / "guest"
"""The guest library."""

_EXPORTED = "Completions, Prompts, Resources, Tools"

_LAST_LINES = ("from wasmcp.guest.component.borrowed_requests import install", "install()")
"""Last lines of an application with declarations."""

LIBRARY = "/python/"
"""Folder of the standard library, as the component sees it during the build."""

STAGED = "/0/"
"""Path of the first folder of the Python path, as the component sees it during the build."""


def stage_application(
    source: ComponentSource,
    modules: Mapping[str, Module],
    stage: Path,
    imports: Sequence[str] = (),
    *,
    fetched: Path | None = None,
    files: Mapping[str, Path] | None = None,
    development: str = "",
) -> Path:
    """Fill the staging folder; return its subfolder with the application.

    Args:
        source: The source of the component.
        modules: All modules of the component.
        stage: The staging folder.
        imports: Further modules to import: those of the option ``imports``.
        fetched: The folder of its dependencies.
        files: Path in the component -> data file.
        development: For a development build, the name of the component: its modules are not staged, and `source` is a
            module that imports packages.
    """
    from wasmcp.guest.component.preload import (
        PLAN,  # imported here: checking whether a component is up to date must not import the guest library
    )

    left_out = frozenset() if development else unneeded(modules.values(), imports)
    modules = {name: module for name, module in modules.items() if not is_below(name, left_out)}
    application = stage / "app"
    (application / "wasmcp").mkdir(parents=True)
    (application / "wasmcp" / "__init__.py").write_text(_first_module(modules.values()), encoding="utf-8")
    shutil.copytree(GUEST, application / "wasmcp" / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    for module in modules.values():
        target = application / _staged_name(module)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module.path, target)
    imported = {statement.module.partition(".")[0] for module in modules.values() for statement in module.imports}
    if fetched is not None:
        packages = {module.name.partition(".")[0] for module in modules.values() if module.fetched}
        _stage_code(fetched, packages, imported, application)
        for part in left_out:
            shutil.rmtree(application.joinpath(*part.split(".")), ignore_errors=True)
        if development:
            _stage_other_code(fetched, packages, application)
    name = module_name(source.path, source_root(source.path, source.root))
    declared = source.world in DECLARED
    later = [_configured_import(module) for module in imports] + _later(name, modules)
    later += _native_imports(modules.values(), application)
    plan = {
        "module": name,
        "declared": declared,
        "development": development,
        "options": {
            "coerce": source.options.get("coerce", False),
            "references": source.options.get("schema-references", False),
            "dynamic": source.options.get("dynamic", False),
        },
        "sources": labels_of(one for one in modules.values() if not one.fetched),
        "labels": labels_of(one for one in modules.values() if one.fetched),
        "later": later,
        "packages": {STAGED + _staged_name(one): one.name for one in modules.values() if one.fetched},
        "standard": sorted(
            {
                name
                for one in modules.values()
                if one.fetched
                for statement in one.imports
                if is_standard(statement.module.partition(".")[0]) and (has_later_imports(one) or not statement.later)
                for name in (statement.module, *(f"{statement.module}.{name}" for name in statement.names))
            }
        ),
        "libraries": sorted({module.name.partition(".")[0] for module in modules.values()}),
        "random": "random" in imported,
        "sqlite": "sqlite3" in imported,
        "files": [ARCHIVE, INDEX] if stage_archive(files or {}, application) else None,
        "zones": "zoneinfo" in imported,
    }
    (application / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    exported = (
        f"from wasmcp.guest.component.{'development' if development else 'exports'} import {_EXPORTED}"
        if declared
        else f"from {name} import *"
    )
    (application / SNAPSHOT_FILE).write_bytes(snapshot_module(source.name, modules))
    lines = [
        *FIRST_LINES,
        "core = frozenset(sys.modules)",
        "from wasmcp.guest.component.preload import boot",
        f"boot({STAGED.rstrip('/')!r}, core)",
        exported,
        *(_LAST_LINES if declared else ()),
    ]
    (application / f"{APPLICATION}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Without this folder, componentize-py would use the site-packages of the environment that it runs in.
    (stage / "environment" / "lib" / "python3.14" / "site-packages").mkdir(parents=True)
    return application


def _first_module(modules: Collection[Module]) -> str:
    """Return the text of the first module that a component imports: it prepares the import of all others."""
    own = [module for module in modules if not module.fetched]
    documented = {statement.module for module in own for statement in module.imports}
    paths = sorted(staged_path(module) for module in own)
    name, path = "wasmcp.guest.component.lean_code", f"{STAGED}wasmcp/guest/component/lean_code.py"
    return f'''\
"""Parts of wasmcp that are inside a component."""
import sys
from importlib.machinery import SourceFileLoader
module = type(sys)({name!r})  # without its packages, which are modules to prepare
SourceFileLoader({name!r}, {path!r}).exec_module(module)
sys.modules[{name!r}] = module
module.install({LIBRARY!r}, {STAGED!r}, {sorted(documented)!r}, {paths!r})
module.lean_functions()
del module, sys, SourceFileLoader
'''


def _stage_code(fetched: Path, packages: Iterable[str], imported: Container[str], application: Path) -> None:
    """Copy the code of packages: modules of computed names and native ones included.

    A component contains the modules that are imported, not those that are there to be imported. Native modules for
    Emscripten need another one.
    """
    for package in sorted(packages):
        for path in (fetched / package).rglob("*"):
            if path.is_file() and path.suffix in {".py", ".so"}:
                target = application / path.relative_to(fetched)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    for path in sorted(fetched.glob("*.so")):
        if extension_name(path) in imported:
            shutil.copyfile(path, application / path.name)
    if (fetched / SHIM).is_file() and any(application.rglob("*.so")):
        shutil.copyfile(fetched / SHIM, application / SHIM)


def _stage_other_code(fetched: Path, staged: Container[str], application: Path) -> None:
    """Copy the Python code of packages that no staged module imports: modules of the author's may import it later."""
    for path in fetched.rglob("*.py"):
        inside = path.relative_to(fetched)
        target = application / inside
        if inside.parts[0] not in staged and not target.exists() and not inside.parts[0].endswith(".dist-info"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _native_imports(modules: Iterable[Module], application: Path) -> list[dict[str, Any]]:
    """Return the imports of native modules by packages: they are linked into the component, and imported beforehand."""
    native = {
        ".".join([*path.parent.relative_to(application).parts, extension_name(path)])
        for path in application.rglob("*.so")
    }
    return [
        {**_configured_import(name), "file": module.label, "line": statement.line, "required": False, "told": False}
        for module in modules
        if module.fetched
        for statement in module.imports
        for name in (statement.module, *(f"{statement.module}.{item}" for item in statement.names))
        if name in native
    ]


def labels_of(modules: Iterable[Module]) -> dict[str, str]:
    """Return path in the component -> label in the project, for each module."""
    return {staged_path(module): module.label for module in modules}


def staged_path(module: Module) -> str:
    """Return the path of a module in the component, while it is built."""
    return STAGED + _staged_name(module)


def _staged_name(module: Module) -> str:
    base = module.name.replace(".", "/")
    return f"{base}/__init__.py" if module.path.name == "__init__.py" else f"{base}.py"


def _configured_import(module: str) -> dict[str, Any]:
    return {
        "module": module,
        "names": [],
        "file": "imports",
        "line": 0,
        "required": True,
        "told": True,
        "fetched": False,
    }


def _later(name: str, modules: Mapping[str, Module]) -> list[dict[str, Any]]:
    """Return the imports inside functions, in the form that `wasmcp.guest.component.preload` reads."""
    found: list[dict[str, Any]] = []
    for module in modules.values():
        # A package's __init__ can contain code that only the host calls, such as a console script.
        required = module.own and not (name.startswith(f"{module.name}.") and module.path.name == "__init__.py")
        found.extend(
            {
                "module": statement.module,
                "names": list(statement.names),
                "file": module.label,
                "line": statement.line,
                "required": required and not statement.optional,
                "fetched": module.fetched,
                "told": not (module.fetched and statement.optional),  # the package handles the missing module itself
            }
            for statement in module.imports
            if statement.later and not is_host_side(statement)
        )
    return found
