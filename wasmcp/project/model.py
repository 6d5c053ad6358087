"""Project: typed values of ``[tool.wasmcp]``, its version, the folder of its built servers, and their console scripts.

That folder is inside the one import package that the project's wheel includes. Console scripts are entries of
``[project.scripts]``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from wasmcp.compose.access import Access
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.compose.metadata import Authorization
from wasmcp.errors import ConfigError
from wasmcp.host.configuration.declared import Configuration
from wasmcp.host.transports.console_scripts import MODULE, attribute
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import ComponentSource, Toolchain, did_you_mean

DIRECTORY = "_wasmcp"
"""Folder inside the package for the servers and their manifest, nothing else."""

_EXTENDS = re.compile(r"\bextend_path\s*\(|\bdeclare_namespace\s*\(")
_HELP = 'name it: `package = "src/..."` in `[tool.wasmcp]`'


def find_package(root: Path, pyproject: Mapping[str, Any]) -> tuple[str | None, str]:
    """Find the folder of the package in the same way as hatchling.

    Hatchling's own configuration comes first (``packages`` of the wheel target), then its search for a package named
    like the project, then the only package below ``src/``. For a namespace package it is the only package inside,
    because other distributions install into the namespace as well.

    Args:
        root: The project's folder.
        pyproject: The parsed ``pyproject.toml``.

    Returns:
        The folder relative to the root with forward slashes, and the empty string; or None and an error message.
    """
    for path, table in _hatch_tables(pyproject):
        packages = [item.strip("/") for item in table.get("packages", []) if isinstance(item, str)]
        if len(packages) == 1:
            return _inside(root, packages[0], str(pyproject.get("project", {}).get("name", "")), f"`{path}.packages`")
        if packages:
            listed = ", ".join(f"`{item}`" for item in packages)
            return None, f"is needed, because `{path}.packages` has several ({listed}); {_HELP}"
    name = str(pyproject.get("project", {}).get("name", ""))
    for spelling in dict.fromkeys((_spelled(name), name.replace("-", "_"))):
        for folder in (f"src/{spelling}", spelling):
            if spelling and (root / folder / "__init__.py").is_file():
                return folder, ""
    # Hatchling's last guess: a package named like the project in the one namespace at the top of the project.
    spaced = sorted(root.glob(f"*/{_spelled(name)}/__init__.py")) if name else []
    if len(spaced) == 1:
        return spaced[0].parent.relative_to(root).as_posix(), ""
    found = sorted(path.parent.name for path in (root / "src").glob("*/__init__.py"))
    if len(found) == 1:
        return f"src/{found[0]}", ""
    if found:
        return None, f"is needed, because `src` has several packages ({', '.join(f'`{x}`' for x in found)}); {_HELP}"
    return None, f"is needed, because no package is named like the project (`{name}`); {_HELP}"


def shared_by(root: Path, folder: str) -> str:
    """Return why other distributions can install into a package's folder as well; the empty string if they cannot.

    A namespace package has no ``__init__.py`` (PEP 420), or one that extends its ``__path__`` (`pkgutil`,
    `pkg_resources`).
    """
    init = root / folder / "__init__.py"
    if not init.is_file():
        return "has no `__init__.py`" if (root / folder).is_dir() else ""
    text = init.read_text("utf-8", "replace")
    return "extends its `__path__` in `__init__.py`" if _EXTENDS.search(text) else ""


def namespace_problem(root: Path, folder: str, project: str) -> str | None:
    """Return why a package's folder cannot contain the servers, as the end of a sentence, or None.

    A folder named like the project belongs to the project, even without an ``__init__.py``.
    """
    reason = shared_by(root, folder)
    if not reason or folder.rpartition("/")[2] == _spelled(project):
        return None
    return (
        f"is a namespace package (it {reason}), into which other distributions install as well: their servers and "
        f"these would replace each other in `{folder}/{DIRECTORY}`"
    )


def _inside(root: Path, folder: str, project: str, key: str) -> tuple[str | None, str]:
    """Return a package's folder, or for a namespace package the folder of the only package inside."""
    current = folder
    while (problem := namespace_problem(root, current, project)) is not None:
        packages = sorted(path.name for path in (root / current).iterdir() if _is_package(path))
        if len(packages) != 1:
            several = f" and has the packages {', '.join(f'`{one}`' for one in packages)}" if packages else ""
            return None, f"is needed, because {key} names `{folder}`: `{current}` {problem}{several}; {_HELP}"
        current = f"{current}/{packages[0]}"
    return current, ""


def _spelled(name: str) -> str:
    """Return a distribution's name as an import package (PEP 503, with `_`)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _is_package(path: Path) -> bool:
    return path.is_dir() and path.name.isidentifier() and any(path.rglob("*.py")) and path.name != "__pycache__"


def _hatch_tables(pyproject: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return hatchling's tables that can contain ``packages``, the wheel's own first."""
    build = pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    wheel = build.get("targets", {}).get("wheel", {}) if isinstance(build, dict) else {}
    tables = [("tool.hatch.build.targets.wheel", wheel), ("tool.hatch.build", build)]
    return [(path, table) for path, table in tables if isinstance(table, dict)]


Runtime = Literal["wasmcp", "wasmtime", "spin", "wasmcloud"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""Runtime of wasmcp, and those of `wasmcp.compose.composed_server`, each with its draft of `wasi:keyvalue`."""


@dataclass(frozen=True)
class SkillFolders:
    """Table ``skills`` of a project, a component or a server.

    Attributes:
        paths: Patterns of folders with a ``SKILL.md``, relative to the root.
        prefix: The beginning of the paths of the skills in the server; the empty string for none.
    """

    paths: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class ComponentConfig:
    """Table of ``[tool.wasmcp.components]``.

    Attributes:
        name: The key of the table.
        file: The source, or the compiled component if it has no `language`; relative to the root, with forward slashes;
            the empty string for a package.
        language: The language of the source; None for a compiled component or a package.
        grants: Families of host interfaces, of `GRANTS`.
        dynamic: True if its lists change at run time.
        options: The options of its toolchain.
        package: Its reference in a registry: ``ns:name@range`` or an ``oci://`` reference; the empty string for a file.
        values: Its table ``config``: a JSON object.
        extensions: The extensions of MCP that it supports: identifier -> settings.
        rules: The rules of its grants; families without rules are granted as a whole.
        skills: The skills that it carries.
        names: True if it keeps the names of its functions.
    """

    name: str
    file: str
    language: str | None
    grants: frozenset[str]
    dynamic: bool
    options: Mapping[str, object]
    package: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: GrantRules = field(default_factory=GrantRules)
    skills: SkillFolders = field(default_factory=SkillFolders)
    names: bool = False


@dataclass(frozen=True)
class ServerConfig:
    """Table of ``[tool.wasmcp.servers]``, with defaults from ``[project]``.

    Attributes:
        key: The key of the table, and the file's name without its suffix.
        components: Names of components in the order of the chain.
        name: The name of the server for programs.
        title: Its name for people.
        description: Its description.
        website_url: The address of its website.
        instructions: Instructions for the model.
        on_duplicate: ``error`` or ``first``: handling of two tools of the same name.
        environment: True if the framework reads its settings (``WASMCP_*``) from the environment of the process.
        auth: The authorization of HTTP requests, of ``wasmcp.compose.metadata.AUTHORIZATIONS``.
        framework: Framework component -> the file that replaces it, relative to the root.
        extensions: The extensions of MCP that it declares in addition to those of its components: identifier ->
            settings.
        runtime: The target runtime, of ``RUNTIMES``.
        settings: Settings (``WASMCP_*``) that are baked in.
        coerce: True if the tools of its Python components accept JSON in strings; None: set by the components' tables.
        access: Its access rules: the entries that exist under each path of its endpoint.
        configuration: The configuration that it takes from its operator: environment variables, directories, a store.
        skills: Its skills, in addition to those of its components.
    """

    key: str
    components: tuple[str, ...]
    name: str
    title: str | None
    description: str | None
    website_url: str | None
    instructions: str | None
    on_duplicate: Literal["error", "first"]
    framework: Mapping[str, str] = field(default_factory=dict)
    environment: bool = False
    auth: Authorization = "operator"
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runtime: Runtime = "wasmcp"
    settings: Mapping[str, str] = field(default_factory=dict)
    coerce: bool | None = None
    access: Access = field(default_factory=Access)
    configuration: Configuration = field(default_factory=Configuration)
    skills: SkillFolders = field(default_factory=SkillFolders)


@dataclass(frozen=True)
class Project:
    """Project that builds servers.

    Attributes:
        root: Its folder, absolute.
        name: The distribution's name.
        version: The distribution's version, None if dynamic (see `wasmcp.project.model`).
        package: The folder of the import package, relative to the root, with forward slashes.
        components: The components by name, in the order of the file.
        servers: The servers by key, in the order of the file.
    """

    root: Path
    name: str
    version: str | None
    package: str
    components: Mapping[str, ComponentConfig]
    servers: Mapping[str, ServerConfig]

    @property
    def directory(self) -> Path:
        """Folder of the built servers and the manifest."""
        return self.root / self.package / DIRECTORY

    @property
    def manifest(self) -> Path:
        """File of the server manifest."""
        return self.directory / "manifest.json"

    def output(self, server: str) -> Path:
        """Return the file of a server."""
        return self.directory / f"{server}.wasm"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that a build leaves in the tree: hooks add them to a wheel, cleaning removes them."""
        return (*(self.output(key) for key in self.servers), self.manifest)


def import_name(project: Project) -> str:
    """Return the name under which the package with the servers is imported."""
    folder = PurePosixPath(project.package)
    try:
        pyproject = tomllib.loads((project.root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        pyproject = {}
    for _, table in _hatch_tables(pyproject):
        for item in table.get("packages", []):
            if isinstance(item, str) and folder.is_relative_to(item.strip("/")):
                return ".".join([PurePosixPath(item).name, *folder.relative_to(item.strip("/")).parts])
    return ".".join(folder.parts[1:] if folder.parts[0] == "src" else folder.parts)


def source_of(project: Project, config: ComponentConfig) -> tuple[ComponentSource, Toolchain]:
    """Return the source of a component without its dependencies, and the toolchain of its language."""
    path = project.root / config.file
    source = ComponentSource(config.name, path, project.root, options=config.options, grants=config.grants)
    return source, toolchain(config.language or "")


def version_of(project: Project) -> str:
    """Return the version of the project's distribution.

    A dynamic version is computed by hatchling, so that ``hatch build`` accepts a server built by pytest as up to date.
    If hatchling cannot compute it, because hatchling or the plugin of the version's source is not installed or the
    source is missing, the version is that of the installed distribution.

    Raises:
        ConfigError: The version cannot be determined in either way.
    """
    if project.version is not None:
        return project.version
    try:
        return _computed(project)
    except (Exception, SystemExit) as error:  # metadata plugins can raise anything
        installed = _installed(project)
        if installed is None:
            problem = (
                f"`project.version` is dynamic and cannot be computed ({_reason(error)}), and `{project.name}` is not "
                f"installed: {_advice(project, error)}"
            )
            raise ConfigError([problem]) from error
        return installed


def _computed(project: Project) -> str:
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    return str(ProjectMetadata(str(project.root), PluginManager()).version)


def _installed(project: Project) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(project.name)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # the latter for an empty name
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"`{error.name}` is not installed"
    return " ".join(str(error).split()) or type(error).__name__


def _advice(project: Project, error: BaseException) -> str:
    """Return the packages to install: the project, or those that compute its version without it."""
    install = "install it (`pip install -e .`)"
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name.startswith("hatchling"):
        return f"{install}, or hatchling"
    plugins = _required_plugins(project)
    return f"{install}, or {' and '.join(f'`{one}`' for one in plugins)}" if plugins else install


def _required_plugins(project: Project) -> list[str]:
    """Return the requirements of `[build-system]` that are not installed, with the plugin of the version's source."""
    import importlib.metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        document = tomllib.loads((project.root / "pyproject.toml").read_text("utf-8"))
        names = [Requirement(text).name for text in document["build-system"]["requires"]]
    except (OSError, ValueError, KeyError, TypeError, InvalidRequirement):
        return []
    there = {distribution.name for distribution in importlib.metadata.distributions()}
    spellings = {name.lower().replace("_", "-") for name in there if name}
    return [name for name in names if name.lower().replace("_", "-") not in spellings]


_PLACE = "tool.hatch.metadata.hooks.wasmcp"
_SCRIPT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def console_scripts(project: Project, table: Mapping[str, object]) -> dict[str, str]:
    """Return the scripts of the project's servers: name -> entry point.

    Args:
        project: The project.
        table: The table of the metadata hook: `servers`, a table of script names by server (by default all servers: the
            project's name for `default`, and the project's name, a hyphen and the server's for others); `scripts`,
            further scripts.

    Raises:
        ConfigError: The table has mistakes, or a server has a name that an entry point cannot have.
    """
    problems = [
        f"`{_PLACE}.{key}` is unknown; known: `servers`, `scripts`"
        for key in table
        if key not in {"servers", "scripts"}
    ]
    names = _texts(table, "servers", problems)
    if "servers" not in table:
        names = {key: project.name if key == "default" else f"{project.name}-{key}" for key in project.servers}
    scripts = _texts(table, "scripts", problems)
    package = import_name(project)
    attributes: dict[str, str] = {}
    for server, script in names.items():
        if server not in project.servers:
            problems.append(f"`{_PLACE}.servers.{server}` is not a server{did_you_mean(server, project.servers)}")
            continue
        if not _SCRIPT.fullmatch(script):
            problems.append(f"`{_PLACE}.servers.{server}` is not a name of a script: `{script}`")
        if script in scripts:
            problems.append(f"`{_PLACE}` has two scripts `{script}`")
        name = attribute(server)
        if not name.isidentifier() or name.startswith("__"):
            problems.append(f"the server `{server}` cannot have a script without code: begin its name with a letter")
        elif name in attributes:
            problems.append(f"the servers `{attributes[name]}` and `{server}` cannot both have a script: rename one")
        attributes[name] = server
        scripts = {**scripts, script: f"{MODULE}:servers.{package}.{name}"}
    if problems:
        raise ConfigError(problems)
    return scripts


def check_dynamic(pyproject: Mapping[str, Any]) -> None:
    """Check that hatchling runs the metadata hook, which it does for dynamic fields alone.

    Raises:
        ConfigError: The hook has a table, and `scripts` is not in `project.dynamic`.
    """
    hooks = pyproject.get("tool", {}).get("hatch", {}).get("metadata", {}).get("hooks", {})
    if "wasmcp" in hooks and "scripts" not in pyproject.get("project", {}).get("dynamic", []):
        advice = (
            'write `dynamic = ["scripts"]` in `[project]`, and move entries of `[project.scripts]` to '
            f"`[{_PLACE}.scripts]`"
        )
        raise ConfigError([f"`{_PLACE}` has no effect: {advice}"])


def _texts(table: Mapping[str, object], key: str, problems: list[str]) -> dict[str, str]:
    value = table.get(key, {})
    if isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values()):
        return {str(name): str(one) for name, one in value.items()}
    problems.append(f"`{_PLACE}.{key}` must be a table of strings, not {value!r}")
    return {}
