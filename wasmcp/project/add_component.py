"""New components of an existing project: source, tests and the lines of `pyproject.toml`, all of them or none."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError, ScaffoldError
from wasmcp.project.atomic_files import write_files
from wasmcp.project.config import Project, load, parse
from wasmcp.project.name_rules import check_component_name
from wasmcp.project.scaffold import check_inside, check_template
from wasmcp.project.template_files import LANGUAGES, Outline
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import did_you_mean

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
        raise ScaffoldError(name, [f"`tool.wasmcp.components.{name}` is there already in `pyproject.toml`"])
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
        raise ScaffoldError(name, ["these files are there already, and are not written over:"], files=there)
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
        problem = f"`pyproject.toml` is laid out so that it cannot be edited: write `{table}` into it yourself"
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
