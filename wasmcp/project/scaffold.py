"""New projects and new components of a project, with their files, and WIT packages for projects.

All files are written, or none. WIT packages of wasmcp are written to the place where WIT tools look for dependencies.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError, ScaffoldError, WitError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import wit_directory
from wasmcp.project.config import Project, load, parse
from wasmcp.project.template_files import (
    LANGUAGES,
    TEMPLATES,
    Outline,
    check_component_name,
    check_project_name,
    project_files,
)
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import did_you_mean


def create_tree(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Create a folder with files in it, as a whole or not at all.

    Args:
        root: The folder. Missing parents are created, and removed again on failure.
        files: Path relative to it, with forward slashes -> text or bytes.

    Raises:
        OSError: The folder cannot be written, or was created by another process.
    """
    with contextlib.ExitStack() as undo:
        _make_folders(root.parent, undo)
        temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)  # mkdtemp grants access to the owner alone
        temporary.rename(root)
        undo.pop_all()  # keep everything


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder, replacing existing ones. If one cannot be written, all are restored.

    Args:
        root: The folder.
        files: Path relative to it, with forward slashes -> text; files are written in this order.

    Raises:
        OSError: A file cannot be written.
    """
    with contextlib.ExitStack() as undo:
        for name, text in files.items():
            path = (root / name).resolve()  # a link to a file stays a link
            _make_folders(path.parent, undo)
            if path.exists():
                mode = path.stat().st_mode & 0o777
                undo.callback(_write, path, path.read_bytes(), mode)
                _write(path, text.encode(), mode)
            else:
                undo.callback(path.unlink, missing_ok=True)
                write_atomically(path, text.encode())
        undo.pop_all()


def _write(path: Path, data: bytes, mode: int) -> None:
    write_atomically(path, data)
    path.chmod(mode)


def _make_folders(folder: Path, undo: contextlib.ExitStack) -> None:
    """Create a folder and its parents; undoing removes the new ones that are empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    undo.callback(_remove_folders, missing)
    folder.mkdir(parents=True, exist_ok=True)


def _remove_folders(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # not created, or another process has put a file into it
            folder.rmdir()


@dataclass(frozen=True)
class NewProject:
    """Result of creating a project.

    Attributes:
        root: The project's folder.
        name: The distribution's name.
        package: The name of the import package.
        outline: The component.
        files: The files, relative to the folder, in alphabetical order.
    """

    root: Path
    name: str
    package: str
    outline: Outline
    files: tuple[str, ...]


def new_project(
    name: str, language: str, template: str = "tools", *, output: Path | None = None, force: bool = False
) -> NewProject:
    """Create a project: `OUTPUT/NAME/` with all its files, or nothing.

    It is written to a temporary folder, then renamed. In an existing folder, files of the same names are replaced only
    with `force`, and restored on failure. Other files in the folder stay.

    Args:
        name: The distribution's name.
        language: A key of `wasmcp.project.template_files.LANGUAGES`.
        template: One of `TEMPLATES`: the capabilities of the component.
        output: The parent of the project's folder; the current folder if omitted.
        force: Write into a folder that is not empty.

    Raises:
        ScaffoldError: The name is invalid, the template is unknown, files exist already, or the folder cannot be
            written.
    """
    package = check_project_name(name)
    check_template(name, language, template)
    outline = Outline(language, template, name.lower(), f"src/{package}", prefix=package)
    files = dict(sorted(project_files(name, outline).items()))
    root = (Path() if output is None else output) / name
    try:
        if _is_new(root, name, force=force):
            create_tree(root, files)
        else:
            check_inside(root, name, files)
            write_files(root, files)
    except OSError as error:
        raise ScaffoldError(name, [f"`{root}` cannot be created: {error.strerror or error}"]) from error
    return NewProject(root, name, package, outline, tuple(files))


def create_new(name: str, files: Mapping[str, str | bytes], *, output: Path | None = None) -> Path:
    """Create a project of given files: `OUTPUT/NAME/` with all of them, or nothing. Return its folder.

    Args:
        name: The distribution's name.
        files: Path relative to the folder, with forward slashes -> text or bytes.
        output: The parent of the project's folder; the current folder if omitted.

    Raises:
        ScaffoldError: The folder exists, or cannot be written.
    """
    root = (Path() if output is None else output) / name
    if root.exists() or root.is_symlink():
        advice = "give another name with `--name`, or another folder with `--output`"
        raise ScaffoldError(name, [f"`{root}` already exists, and is not overwritten: {advice}"])
    try:
        create_tree(root, files)
    except OSError as error:
        raise ScaffoldError(name, [f"`{root}` cannot be created: {error.strerror or error}"]) from error
    return root


def check_template(name: str, language: str, template: str) -> None:
    """Check that a template exists.

    Raises:
        ScaffoldError: The template is unknown.
    """
    if language not in LANGUAGES:
        raise ScaffoldError(name, [f"unknown language `{language}`{did_you_mean(language, LANGUAGES)}"])
    if template not in TEMPLATES:
        raise ScaffoldError(name, [f"unknown template `{template}`{did_you_mean(template, TEMPLATES)}"])
    if template not in LANGUAGES[language].templates:
        there = ", ".join(f"`{one}`" for one in LANGUAGES[language].templates)
        raise ScaffoldError(name, [f"{LANGUAGES[language].title} has no template `{template}`, only {there}"])


def check_inside(root: Path, name: str, files: Mapping[str, str] | Iterable[str]) -> None:
    """Check that links do not redirect the files out of a folder, and that no folder has the name of a file.

    Raises:
        ScaffoldError: A link leads out of the folder, or a folder has the name of a file.
    """
    whole = root.resolve()
    outside = [file for file in files if not (root / file).resolve().is_relative_to(whole)]
    if outside:
        raise ScaffoldError(name, ["these paths leave the project through a link:"], files=outside)
    folders = [file for file in files if (root / file).is_dir()]
    if folders:
        raise ScaffoldError(name, ["these are folders, and files of these names are to be written:"], files=folders)


def _is_new(root: Path, name: str, *, force: bool) -> bool:
    """Return true if the folder has to be created; refuse a folder that must not be written into."""
    if not root.exists():
        if root.is_symlink():
            raise ScaffoldError(name, [f"`{root}` is a broken link"])
        return True
    if not root.is_dir():
        raise ScaffoldError(name, [f"`{root}` already exists, and is not a folder"])
    if not force and any(entry.name != ".git" for entry in root.iterdir()):
        problem = f"`{root}` already exists, and is not empty: `--force` overwrites files of the same names"
        raise ScaffoldError(name, [problem])
    return False


_REQUIREMENT = re.compile(r"(\s*wasmcp\s*\[)([^\]]*)(\].*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class NewComponent:
    """Result of adding a component.

    Attributes:
        root: The project's folder.
        outline: The component.
        server: The key of the server that it was added to.
        files: The new files, relative to the folder.
    """

    root: Path
    outline: Outline
    server: str
    files: tuple[str, ...]


def add_component(
    root: Path, name: str, language: str, template: str = "tools", *, server: str | None = None
) -> NewComponent:
    """Add a component to a project: its source, a test, its table, and its name at the end of a server's list.

    The names of its tools begin with its own name, so that they differ from those of other components. The extra with
    its compiler is added to the requirement `wasmcp[...]` of the project's tests. Comments and the order of
    `pyproject.toml` stay.

    Args:
        root: The project's folder.
        name: The component's name.
        language: A key of `wasmcp.project.template_files.LANGUAGES`.
        template: One of `wasmcp.project.template_files.TEMPLATES`: the capabilities of the component.
        server: The server that it becomes a part of; the only one, or `default`, if omitted.

    Raises:
        ConfigError: The project's configuration has mistakes.
        ScaffoldError: The name is invalid, the template or server is unknown, or a file exists already.
    """
    identifier = check_component_name(name)
    check_template(name, language, template)
    project = load(root)
    if name in project.components:
        raise ScaffoldError(name, [f"`tool.wasmcp.components.{name}` already exists in `pyproject.toml`"])
    try:
        text = (root / "pyproject.toml").read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"]) from error
    before = tomllib.loads(text)
    chosen, usual = _servers(project, before, name, server)
    outline = Outline(
        language,
        template,
        name,
        project.package,
        identifier,
        tests=_tests(before),
        server="" if chosen == usual else chosen,
    )
    files = outline.files()
    there = [file for file in files if (root / file).exists() or (root / file).is_symlink()]
    if there:
        raise ScaffoldError(name, ["these files already exist and are not overwritten:"], files=there)
    check_inside(root, name, [*files, "pyproject.toml"])
    changed = _edit(text, before, outline, chosen)
    _check(project, changed, name)
    try:
        write_files(root, {**files, "pyproject.toml": changed})
    except OSError as error:
        raise ScaffoldError(name, [f"`{name}` cannot be added: {error.strerror or error}"]) from error
    return NewComponent(root, outline, chosen, tuple(sorted(files)))


def _servers(project: Project, document: Mapping[str, Any], name: str, server: str | None) -> tuple[str, str]:
    """Return the server to add to, and the server that tests use by default."""
    keys = list(project.servers)
    if not keys:
        raise ScaffoldError(name, ["`tool.wasmcp.servers` has no server that a component could be added to"])
    only = keys[0] if len(keys) == 1 else "default"
    options = document.get("tool", {}).get("pytest", {}).get("ini_options", {})
    usual = str(options.get("wasmcp_server", only)) if isinstance(options, dict) else only
    chosen = server or only
    if chosen not in keys:
        problem = f"`tool.wasmcp.servers` has no server `{chosen}`{did_you_mean(chosen, keys)}"
        raise ScaffoldError(name, [problem if server else f"{problem}; choose one with `--server`"])
    return chosen, usual


def _tests(document: Mapping[str, Any]) -> str:
    """Return the first folder in which pytest searches for tests."""
    options = document.get("tool", {}).get("pytest", {}).get("ini_options", {})
    paths = options.get("testpaths") if isinstance(options, dict) else None
    paths = paths.split() if isinstance(paths, str) else paths
    first = paths[0] if isinstance(paths, list) and paths else "tests"
    usable = isinstance(first, str) and re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", first)
    return first if usable else "tests"


def _edit(text: str, before: dict[str, Any], outline: Outline, server: str) -> str:
    """Return the changed `pyproject.toml`."""
    import tomlkit

    document = tomlkit.parse(text.replace("\r\n", "\n"))
    components = document["tool"]["wasmcp"]["components"]
    is_inline = isinstance(components, tomlkit.items.InlineTable)
    _apply(document, outline, server, tomlkit.inline_table() if is_inline else tomlkit.table())
    changed = _apart(tomlkit.dumps(document), outline.component)
    if "\r\n" in text:
        changed = changed.replace("\n", "\r\n")
    # The intended change, applied to plain values: nothing else may differ, whatever the layout of the file.
    expected = deepcopy(before)
    _apply(expected, outline, server, {})
    if tomllib.loads(changed) != expected:
        table = f'[tool.wasmcp.components.{outline.component}] with source = "{outline.source}"'
        problem = f"`pyproject.toml` has a layout that cannot be edited automatically: add `{table}` to it"
        raise ScaffoldError(outline.component, [problem])
    return changed


def _apply(document: MutableMapping[str, Any], outline: Outline, server: str, table: MutableMapping[str, Any]) -> None:
    table["source"] = outline.source
    wasmcp = document["tool"]["wasmcp"]
    wasmcp["components"][outline.component] = table
    wasmcp["servers"][server]["components"].append(outline.component)
    _add_extra(document, outline.extra)


def _apart(text: str, component: str) -> str:
    """Surround the new table with empty lines, which tomlkit does not add."""
    header = rf"\[tool\.wasmcp\.components\.{re.escape(component)}\]"
    table = re.compile(rf"\n+({header}\nsource = .*)\n+")
    return table.sub(lambda match: f"\n\n{match[1]}\n\n", text).rstrip() + "\n"


def _add_extra(document: MutableMapping[str, Any], extra: str) -> None:
    """Add a compiler's extra to the requirements that have other compilers of wasmcp, or its pytest plugin."""
    languages = {toolchain(language).extra for language in LANGUAGES}
    project = document.get("project", {})
    groups = [*project.get("optional-dependencies", {}).values(), *document.get("dependency-groups", {}).values()]
    for requirements in groups:
        for index, requirement in enumerate(requirements):
            match = _REQUIREMENT.fullmatch(requirement) if isinstance(requirement, str) else None
            extras = [item.strip() for item in match[2].split(",")] if match is not None else []
            if match is None or not {"test", *languages} & set(extras):
                continue
            if extra not in extras:
                requirements[index] = f"{match[1]}{','.join(sorted([*extras, extra]))}{match[3]}"


def _check(project: Project, changed: str, name: str) -> None:
    """Check that the changed project is valid."""
    try:
        parse(tomllib.loads(changed), project.root, check_files=False)
    except ConfigError as error:
        raise ScaffoldError(name, [f"`{name}` cannot be added:", *error.problems]) from error


_PACKAGE = re.compile(r"^package\s+([a-z0-9:-]+)@([0-9A-Za-z.+-]+)\s*;", re.MULTILINE)
_ITEM = re.compile(r"^(interface|world)\s+([a-z0-9-]+)\s*\{", re.MULTILINE)


@dataclass(frozen=True)
class WitPackage:
    """WIT package that comes with wasmcp.

    Attributes:
        name: Its name with its namespace: `wasi:io`.
        version: The version of its `package` line.
        folder: The name of its folder below `deps/`.
        files: File name -> text.
    """

    name: str
    version: str
    folder: str
    files: dict[str, str]

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"

    def items(self, kind: str) -> list[str]:
        """Return the names of its `interface`s or `world`s."""
        return [name for found, name, _ in self._items() if found == kind]

    def item(self, name: str) -> str | None:
        """Return the text of an interface or world, with the comment before it; None if it is missing."""
        texts = [text for _, found, text in self._items() if found == name]
        return "\n".join(texts) or None

    def _items(self) -> Iterator[tuple[str, str, str]]:
        for text in self.files.values():
            for match in _ITEM.finditer(text):
                yield match[1], match[2], text[_comment_start(text, match.start()) : _block_end(text, match.end())]


@dataclass(frozen=True)
class Written:
    """Result of `write_deps`.

    Attributes:
        files: The files that were written or replaced.
        unchanged: The files that existed already.
        elsewhere: Package -> the file outside of wasmcp's folder that declares it; it was left out.
    """

    files: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    elsewhere: dict[str, Path]


def wit_packages() -> list[WitPackage]:
    """Return the WIT packages that components are built against, those of wasmcp first.

    Raises:
        MissingPackageDataError: The installation is incomplete.
    """
    root = wit_directory()
    folders = [("", root), *((path.name, path) for path in sorted((root / "deps").iterdir()) if path.is_dir())]
    packages = []
    for folder, path in folders:
        files = {file.name: file.read_text("utf-8") for file in sorted(path.glob("*.wit"))}
        declared = next((found for found in map(_PACKAGE.search, files.values()) if found is not None), None)
        if declared is not None:
            name, version = declared.groups()
            packages.append(WitPackage(name, version, folder or name.replace(":", "-"), files))
    return packages


def write_deps(directory: Path, *, replace: bool = False) -> Written:
    """Write the packages to `DIRECTORY/deps/PACKAGE/`, where WIT tools look for the dependencies of `DIRECTORY`.

    Nothing is written unless all of it can be. A package that another file declares is left out, because WIT tools
    reject a package that occurs twice.

    Args:
        directory: A project's WIT folder; created if missing.
        replace: Replace files that differ.

    Raises:
        WitError: Files differ from those of wasmcp, or cannot be written.
    """
    deps = directory / "deps"
    elsewhere = _declared(deps)
    texts: dict[Path, str] = {}
    left_out: dict[str, Path] = {}
    for package in wit_packages():
        folder = deps / package.folder
        other = next((path for path in elsewhere.get(package.title, ()) if path.parent != folder), None)
        if other is not None:
            left_out[package.title] = other
        else:
            texts |= {folder / name: text for name, text in package.files.items()}
    try:
        same = [path for path, text in texts.items() if path.is_file() and path.read_text("utf-8") == text]
        different = [path for path in texts if path not in same and path.exists()]
        if different and not replace:
            raise WitError(directory, different)
        for path, text in texts.items():
            if path not in same:
                write_atomically(path, text.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise WitError(directory, (), str(getattr(error, "strerror", None) or error)) from error
    return Written(tuple(path for path in texts if path not in same), tuple(same), left_out)


def _declared(deps: Path) -> dict[str, list[Path]]:
    """Return the files below a folder that declare each package."""
    found: dict[str, list[Path]] = {}
    for path in sorted(deps.rglob("*.wit")):
        match = _PACKAGE.search(path.read_text("utf-8", "replace"))
        if match is not None:
            found.setdefault(f"{match[1]}@{match[2]}", []).append(path)
    return found


def _comment_start(text: str, start: int) -> int:
    """Return the position of the documentation and the annotations before an item."""
    while start:
        before = text.rfind("\n", 0, start - 1) + 1
        if not text[before:start].startswith(("///", "@")):
            break
        start = before
    return start


def _block_end(text: str, position: int) -> int:
    """Return the end of the block whose brace was opened just before; braces in comments do not count."""
    depth = 1
    for match in re.compile(r"//[^\n]*|/\*.*?\*/|[{}]", re.DOTALL).finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(text)
