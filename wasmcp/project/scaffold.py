"""New projects: a package with one component, tests and build configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import ScaffoldError
from wasmcp.project.atomic_files import create_tree, write_files
from wasmcp.project.name_rules import check_project_name
from wasmcp.project.template_files import LANGUAGES, TEMPLATES, Outline, project_files
from wasmcp.toolchains.base import did_you_mean


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
    """Check that links do not lead the files out of a folder, and that no folder has the name of a file.

    Raises:
        ScaffoldError: A link leads out, or a folder is in the way.
    """
    whole = root.resolve()
    outside = [file for file in files if not (root / file).resolve().is_relative_to(whole)]
    if outside:
        raise ScaffoldError(name, ["these lead out of the project through a link:"], files=outside)
    folders = [file for file in files if (root / file).is_dir()]
    if folders:
        raise ScaffoldError(name, ["these are folders, where a file is to go:"], files=folders)


def _is_new(root: Path, name: str, *, force: bool) -> bool:
    """Return true if the folder has to be created; refuse a folder that must not be written into."""
    if not root.exists():
        if root.is_symlink():
            raise ScaffoldError(name, [f"`{root}` is a link to nothing"])
        return True
    if not root.is_dir():
        raise ScaffoldError(name, [f"`{root}` exists already, and is not a folder"])
    if not force and any(entry.name != ".git" for entry in root.iterdir()):
        problem = f"`{root}` exists already, and is not empty: `--force` writes into it, over files of the same names"
        raise ScaffoldError(name, [problem])
    return False
