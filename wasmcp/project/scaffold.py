"""New projects: a package with one component, its tests and everything around it, ready to be built."""

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
    """What was made.

    Attributes:
        root: The project's folder.
        name: The distribution's name.
        package: The import package's.
        outline: The component.
        files: Relative to the folder, in alphabetical order.
    """

    root: Path
    name: str
    package: str
    outline: Outline
    files: tuple[str, ...]


def new_project(
    name: str, language: str, template: str = "tools", *, output: Path | None = None, force: bool = False
) -> NewProject:
    """Make a project: `OUTPUT/NAME/` with everything in it, or nothing at all.

    It is made aside and renamed. In a folder that is there already, files that are in the way are written over only
    with `force`; if that fails midway, they are put back. What else is in the folder stays.

    Args:
        name: The distribution's name.
        language: A key of `wasmcp.project.template_files.LANGUAGES`.
        template: What the component offers: one of `TEMPLATES`.
        output: The folder that the project's goes into; the current one when left out.
        force: Write into a folder that is not empty.

    Raises:
        ScaffoldError: The name cannot be used, there is no such template, something is in the way, or it cannot be
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
        raise ScaffoldError(name, [f"`{root}` cannot be made: {error.strerror or error}"]) from error
    return NewProject(root, name, package, outline, tuple(files))


def check_template(name: str, language: str, template: str) -> None:
    """Make sure that there is such a template.

    Raises:
        ScaffoldError: There is none.
    """
    if language not in LANGUAGES:
        raise ScaffoldError(name, [f"there are no templates in `{language}`{did_you_mean(language, LANGUAGES)}"])
    if template not in TEMPLATES:
        raise ScaffoldError(name, [f"there is no template `{template}`{did_you_mean(template, TEMPLATES)}"])
    if template not in LANGUAGES[language].templates:
        there = ", ".join(f"`{one}`" for one in LANGUAGES[language].templates)
        raise ScaffoldError(name, [f"there is no template `{template}` in {LANGUAGES[language].title}, only {there}"])


def check_inside(root: Path, name: str, files: Mapping[str, str] | Iterable[str]) -> None:
    """Make sure that no link leads what is written out of a folder, and that no folder is where a file goes.

    Raises:
        ScaffoldError: One does.
    """
    whole = root.resolve()
    outside = [file for file in files if not (root / file).resolve().is_relative_to(whole)]
    if outside:
        raise ScaffoldError(name, ["these lead out of the project through a link:"], files=outside)
    folders = [file for file in files if (root / file).is_dir()]
    if folders:
        raise ScaffoldError(name, ["these are folders, where a file is to go:"], files=folders)


def _is_new(root: Path, name: str, *, force: bool) -> bool:
    """Tell whether the folder is to be made; refuse what may not be written into."""
    if not root.exists():
        if root.is_symlink():
            raise ScaffoldError(name, [f"`{root}` is a link to nothing"])
        return True
    if not root.is_dir():
        raise ScaffoldError(name, [f"`{root}` is there already, and no folder"])
    if not force and any(entry.name != ".git" for entry in root.iterdir()):
        problem = f"`{root}` is there already, and not empty: `--force` writes into it, over files of the same names"
        raise ScaffoldError(name, [problem])
    return False
