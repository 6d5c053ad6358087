"""``[tool.wasmcp]`` of a ``pyproject.toml`` as typed values: what a project builds.

.. code-block:: toml

    [tool.wasmcp]
    package = "src/example"               # where `_wasmcp/` goes; found by itself when there is only one package

    [tool.wasmcp.components.text]
    source = "src/example/text_tools.py"  # compiled; or path = "vendor/text.wasm": a component as it is;
                                          # or package = "acme:text@^1.2": one of a registry
    language = "python"                   # follows from the ending of the source
    grants = ["http"]                     # families of host interfaces: env, fs, http, kv, sessions, sockets
    dynamic = false                       # true: its lists change at run time, so it is asked each time
    dependencies = ["inflection>=0.5"]    # options of the language's toolchain, here or in a table named after it:
    [tool.wasmcp.components.text.python]
    [tool.wasmcp.components.text.extensions]
    "com.example/shapes" = {}             # extensions of MCP that it supports, with their settings
    [tool.wasmcp.components.text.config]  # what its code reads with `wasmcp.guest.config`; any keys
    greeting = "Hello"

    [tool.wasmcp.servers.default]
    components = ["text"]                 # order = order of the chain
    name = "example"                      # [project] name by default
    title = "Example"
    description = "..."                   # [project] description by default
    website-url = "https://..."           # [project.urls] Homepage by default
    instructions = "..."
    on-duplicate = "error"                # or "first": two components offer a tool of the same name
    environment = false                   # true: WASMCP_* settings come from the environment under any runtime
    framework = {method-not-found = "vendor/end.wasm"}  # components of the framework that are replaced
    [tool.wasmcp.servers.default.extensions]
    "com.example/shapes" = {}             # extensions of MCP that it announces, with their settings

    [tool.wasmcp.aliases]                 # for the command line; see `wasmcp.registry.config`
    calc = "acme:calc@1.0.0"
    [tool.wasmcp.profiles.dev]
    components = ["text", "calc"]

All mistakes are found before any is reported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from wasmcp.errors import ConfigError
from wasmcp.project.location import DIRECTORY, find_package
from wasmcp.project.reader import Table
from wasmcp.project.remote import check_registry, package_reference
from wasmcp.resources import FRAMEWORK_COMPONENTS
from wasmcp.toolchains import LANGUAGES, language_of, toolchain
from wasmcp.toolchains.base import check_options, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GRANTS = ("env", "fs", "sockets", "http", "kv", "sessions")
"""The families of `wasmcp.compose.contracts.GRANTS`; importing the composer would cost more than a fresh build."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_NAME_RULE = "1 to 64 lower-case letters, digits, `-`, `_` and `.`, a letter or digit at both ends"


@dataclass(frozen=True)
class ComponentConfig:
    """One table of ``[tool.wasmcp.components]``.

    Attributes:
        name: The key of the table.
        file: The source, or the component itself when `language` is None; relative to the root, forward slashes; the
            empty string for a package.
        language: Which toolchain compiles it; None for a component as it is.
        grants: Families of host interfaces, of `GRANTS`.
        dynamic: Its lists change at run time.
        options: The options of its toolchain.
        package: What it is in a registry: ``ns:name@range`` or an ``oci://`` reference; the empty string for a file.
        values: Its table ``config``: a JSON object.
        extensions: The extensions of MCP that it supports: identifier -> settings.
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


@dataclass(frozen=True)
class ServerConfig:
    """One table of ``[tool.wasmcp.servers]``; what it leaves out comes from ``[project]``.

    Attributes:
        key: The key of the table, and the file's name without its ending.
        components: Names of components in the order of the chain.
        name: What the server calls itself.
        title: Its name for people.
        description: What it is for.
        website_url: Where to read more.
        instructions: How to use it, for the model.
        on_duplicate: ``error`` or ``first``: what to do about two tools of one name.
        environment: Whether the framework reads its settings (``WASMCP_*``) from the environment it runs in.
        framework: Component of the framework -> the file that replaces it, relative to the root.
        extensions: The extensions of MCP that it announces beside those of its components: identifier -> settings.
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
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """A project that builds servers.

    Attributes:
        root: Its folder, absolute.
        name: The distribution's name.
        version: The distribution's version, None when it is dynamic (see `wasmcp.project.version`).
        package: The folder of the import package, relative to the root, forward slashes.
        components: By name, in the order of the file.
        servers: By key, in the order of the file.
    """

    root: Path
    name: str
    version: str | None
    package: str
    components: Mapping[str, ComponentConfig]
    servers: Mapping[str, ServerConfig]

    @property
    def directory(self) -> Path:
        """Where the built servers and the manifest go."""
        return self.root / self.package / DIRECTORY

    @property
    def manifest(self) -> Path:
        """The file that says what was built, from what."""
        return self.directory / "manifest.json"

    def output(self, server: str) -> Path:
        """Return the file of a server."""
        return self.directory / f"{server}.wasm"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that a build leaves in the tree: what hooks add to a wheel, and what cleaning removes."""
        return (*(self.output(key) for key in self.servers), self.manifest)


def load(root: Path, *, check_files: bool = True) -> Project:
    """Read and check the configuration of the project in a folder.

    Args:
        root: The folder with the ``pyproject.toml``.
        check_files: Also that the files it names are there; to clean, they need not be.

    Raises:
        ConfigError: There is no such file, it is not TOML, or ``[tool.wasmcp]`` has mistakes; all of them are listed.
    """
    root = root.absolute()  # not resolved: hatchling compares paths as they were given to it
    try:
        pyproject = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"there is no `pyproject.toml` in `{root}`"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"not TOML: {error}"]) from None
    return parse(pyproject, root, check_files=check_files)


def parse(pyproject: Mapping[str, Any], root: Path, *, check_files: bool = True) -> Project:
    """Check a parsed ``pyproject.toml`` and return what it configures; the arguments are those of `load`.

    Raises:
        ConfigError: ``[tool.wasmcp]`` is missing or has mistakes.
    """
    data = pyproject.get("tool", {}).get("wasmcp")
    if data is None:
        raise ConfigError(["`tool.wasmcp` is missing: a project names its components and servers there"])
    problems: list[str] = []
    if not isinstance(data, dict):
        raise ConfigError(["`tool.wasmcp` must be a table"])
    table = Table(data, "tool.wasmcp", problems)
    package = _package(table, root, pyproject)
    component_tables = table.tables("components")
    components = {
        name: _component(name, below, root, check_files=check_files) for name, below in component_tables.items()
    }
    server_tables = table.tables("servers")
    metadata = pyproject.get("project")
    project = metadata if isinstance(metadata, dict) else {}  # hatchling says what is wrong with it
    servers = {
        key: _server(key, below, components, project, root, check_files=check_files)
        for key, below in server_tables.items()
    }
    check_registry(table, data, root)
    if not components and "components" not in data:
        problems.append("`tool.wasmcp.components` is missing: a server is made of at least one component")
    if not servers and "servers" not in data:
        listed = ", ".join(f'"{name}"' for name in components)
        problems.append(
            "`tool.wasmcp.servers` is missing: a table a server, most projects have one: "
            f"`[tool.wasmcp.servers.default]` with `components = [{listed}]`"
        )
    _check_shortcuts(table, data)
    table.finish()
    if problems:
        raise ConfigError(problems)
    version = project.get("version")
    return Project(
        root, str(project.get("name", "")), version if isinstance(version, str) else None, package, components, servers
    )


def _check_shortcuts(table: Table, data: Mapping[str, Any]) -> None:
    """Check aliases and profiles, which only the command line uses."""
    table.table("aliases")
    table.table("profiles")
    if "aliases" in table or "profiles" in table:
        from wasmcp.registry.layers import project_registry

        try:
            project_registry(data)
        except ConfigError as error:
            table.problems.extend(error.problems)


def _package(table: Table, root: Path, pyproject: Mapping[str, Any]) -> str:
    if "package" in table:
        folder = (_path(table, "package", root) or "").rstrip("/")
        if folder and not (root / folder).is_dir():
            table.problem("package", f"is not a folder of the project: `{folder}`")
        return folder
    found, problem = find_package(root, pyproject)
    if found is None:
        table.problem("package", problem)
    return found or ""


def _path(table: Table, key: str, root: Path) -> str | None:
    """Return a path that stays inside the project, because a source distribution must carry what it names."""
    value = table.string(key)
    if value is None:
        return None
    path = PurePosixPath(value)
    if "\\" in value:
        table.problem(key, f"must be written with forward slashes, not `{value}`")
    elif path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", value):
        table.problem(key, f"must be a path inside the project, relative to its folder, not `{value}`")
    elif not (root / value).resolve().is_relative_to(root.resolve()):
        table.problem(key, f"leads out of the project through a link: `{value}`")
    else:
        return path.as_posix()
    return None


def _file(table: Table, key: str, root: Path, *, check: bool) -> str | None:
    value = _path(table, key, root)
    if check and value is not None and not (root / value).is_file():
        kind = "is a folder, not a file" if (root / value).is_dir() else "does not exist"
        table.problem(key, f"{kind}: `{value}`")
    return value


def _component(name: str, table: Table, root: Path, *, check_files: bool) -> ComponentConfig:
    _check_name(name, table)
    source = _file(table, "source", root, check=check_files)
    ready = _file(table, "path", root, check=check_files)
    package = package_reference(table)
    given = [key for key in ("source", "path", "package") if key in table]
    if len(given) != 1:
        found = f"not {' and '.join(f'`{key}`' for key in given)}" if given else "and has none of them"
        table.problems.append(
            f"`{table.path}` must have one of `source` (to be compiled), `path` (a component as it is) and `package` "
            f"(one of a registry), {found}"
        )
    language = _language(table, source)
    grants = table.strings("grants") or []
    for grant in grants:
        if grant not in GRANTS:
            table.problem("grants", f"names an unknown family `{grant}`{did_you_mean(grant, GRANTS)}")
    dynamic = table.boolean("dynamic", default=False)
    options = _options(table, language)
    values = _values(table)
    extensions = _extensions(table)
    table.finish()
    file = source or ready or ""
    return ComponentConfig(name, file, language, frozenset(grants), dynamic, options, package or "", values, extensions)


def _values(table: Table) -> dict[str, Any]:
    """Return the table ``config`` of a component, all of it JSON."""
    below = table.table("config")
    if below is None:
        return {}
    values = below.items()
    for key, value in values.items():
        if not _is_json(value):
            below.problem(key, f"must be what JSON has (a date as a string, no infinity), not {value!r}")
    return values


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value))


def _options(table: Table, language: str | None) -> dict[str, object]:
    """Return the options of a component's toolchain: from its own table, or from one named after the language."""
    found: dict[str, object] = {}
    for other in LANGUAGES:
        below = table.table(other) if other in table else None
        if below is not None and other != language:
            what = f"its language is `{language}`" if language else "it is not compiled"
            table.problem(other, f"has no effect: {what}")
        elif below is not None:
            found = below.items()
            table.problems.extend(check_options(toolchain(other), found, below.path))
    if language is not None:
        tools = toolchain(language)
        direct = table.some(option.name for option in tools.options)
        table.problems.extend(check_options(tools, direct, table.path))
        for key in direct.keys() & found.keys():
            table.problem(key, f"is given twice: also in `{table.path}.{language}`")
        found = {**found, **direct}
    return found


def _language(table: Table, source: str | None) -> str | None:
    configured = table.string("language")
    if configured is not None and configured not in LANGUAGES:
        table.problem("language", f"names an unknown language `{configured}`{did_you_mean(configured, LANGUAGES)}")
        return None
    if "path" in table and configured is not None:
        table.problem("language", "has no effect: `path` names a component as it is")
    if "package" in table and configured is not None:
        table.problem("language", "has no effect: a package is not compiled")
    if configured is not None or source is None:
        return configured
    language = language_of(Path(source))
    if language is None:
        endings = ", ".join(f"`{suffix}`" for suffixes in LANGUAGES.values() for suffix in suffixes)
        advice = "; a component as it is goes under `path`" if source.endswith((".wasm", ".wat")) else ""
        table.problem("source", f"has no known ending ({endings}): `{source}`{advice}")
    return language


def _server(
    key: str,
    table: Table,
    components: Mapping[str, ComponentConfig],
    project: Mapping[str, Any],
    root: Path,
    *,
    check_files: bool,
) -> ServerConfig:
    _check_name(key, table)
    names = table.strings("components")
    if not names:
        table.problem("components", "is missing or empty: a server is made of at least one component")
    for name in names or ():
        if name not in components:
            table.problem("components", f"names an unknown component `{name}`{did_you_mean(name, components)}")
    urls = project.get("urls", {})
    urls = urls if isinstance(urls, dict) else {}
    homepage = next((str(url) for label, url in urls.items() if label.lower() == "homepage"), None)
    description = project.get("description")
    server = ServerConfig(
        key=key,
        components=tuple(names or ()),
        name=table.string("name") or str(project.get("name", "")),
        title=table.string("title"),
        description=table.string("description", description if isinstance(description, str) else None),
        website_url=table.string("website-url", homepage),
        instructions=table.string("instructions"),
        on_duplicate="first" if table.choice("on-duplicate", ("error", "first"), "error") == "first" else "error",
        environment=table.boolean("environment", default=False),
        framework=_framework(table, root, check_files=check_files),
        extensions=_extensions(table),
    )
    table.finish()
    return server


def _extensions(table: Table) -> dict[str, Any]:
    below = table.table("extensions")
    if below is None:
        return {}
    # Here: reading a configuration to find everything fresh must not import how components are read.
    from wasmcp.declares import extension_problem

    extensions = below.items()
    for identifier, settings in extensions.items():
        problem = extension_problem(identifier, settings)
        if problem is not None:
            below.problem(f'"{identifier}"', problem)
    return extensions


def _framework(table: Table, root: Path, *, check_files: bool) -> dict[str, str]:
    below = table.table("framework")
    if below is None:
        return {}
    files = {name: _file(below, name, root, check=check_files) for name in FRAMEWORK_COMPONENTS if name in below}
    for name in below.items():
        if name not in FRAMEWORK_COMPONENTS:
            below.problem(name, f"is no component of the framework{did_you_mean(name, FRAMEWORK_COMPONENTS)}")
    return {name: file for name, file in files.items() if file is not None}


def _check_name(name: str, table: Table) -> None:
    if not _NAME.fullmatch(name):
        table.problems.append(f"`{table.path}`: `{name}` is not a usable name: {_NAME_RULE}")
