"""Configuration of a project: ``[tool.wasmcp]`` of a ``pyproject.toml`` as typed values.

.. code-block:: toml

    [tool.wasmcp]
    package = "src/example"               # where `_wasmcp/` goes; detected if there is only one package

    [tool.wasmcp.components.text]
    source = "src/example/text_tools.py"  # compiled; or path = "vendor/text.wasm": a compiled component;
                                          # or package = "acme:text@^1.2": a component in a registry
    language = "python"                   # follows from the suffix of the source
    grants = ["http"]                     # families of host interfaces: env, fs, http, kv, sessions, sockets; and
                                          # middleware: it receives requests for entries of others
    dynamic = false                       # true: its lists are read at run time, because they change;
                                          # needs the grant middleware
    dependencies = ["inflection>=0.5"]    # options of the language's toolchain, here or in a table named after it:
    [tool.wasmcp.components.text.python]
    [tool.wasmcp.components.text.extensions]
    "com.example/shapes" = {}             # extensions of MCP that it supports, with their settings
    [tool.wasmcp.components.text.config]  # read by its code with `wasmcp.guest.config`; any keys
    greeting = "Hello"

    [tool.wasmcp.servers.default]
    components = ["text"]                 # order = order of the chain
    name = "example"                      # [project] name by default
    title = "Example"
    description = "..."                   # [project] description by default
    website-url = "https://..."           # [project.urls] Homepage by default
    instructions = "..."
    on-duplicate = "error"                # or "first": handling of tools of the same name
    environment = false                   # true: WASMCP_* settings come from the environment under any runtime
    runtime = "wasmcp"                    # or "wasmtime", "spin", "wasmcloud": the target runtime
    framework = {method-not-found = "vendor/end.wasm"}  # replacements of framework components
    keyvalue = "sqlite:{data}/values.sqlite3"  # the store of wasi:keyvalue by default
    [tool.wasmcp.servers.default.env]     # set by the operator: variables for the grant `env`,
    API_KEY = {description = "Key of the service", required = true, secret = true}
    UNITS = {default = "metric", choices = ["metric", "imperial"]}
    [tool.wasmcp.servers.default.directories]  # directories for the grant `fs`, by the path that components see
    "/notes" = {writable = true, default = "{data}/notes", env = "NOTES_DIR"}
    [tool.wasmcp.servers.default.extensions]
    "com.example/shapes" = {}             # extensions of MCP that it declares, with their settings

    [tool.wasmcp.aliases]                 # for the command line; see `wasmcp.registry.names.aliases`
    calc = "acme:calc@1.0.0"
    [tool.wasmcp.profiles.dev]
    components = ["text", "calc"]

All mistakes are reported together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError
from wasmcp.project.component_table import read_component
from wasmcp.project.model import ComponentConfig, Project, ServerConfig
from wasmcp.project.package_directory import find_package, namespace_problem
from wasmcp.project.registry_keys import check_registry
from wasmcp.project.server_table import coercing, read_server
from wasmcp.project.table_keys import read_path
from wasmcp.project.toml_table import Table

__all__ = ["ComponentConfig", "Project", "ServerConfig", "load", "parse"]


def load(root: Path, *, check_files: bool = True) -> Project:
    """Read and check the configuration of the project in a folder.

    Args:
        root: The folder with the ``pyproject.toml``.
        check_files: Check also that the files it names exist; cleaning does not need them.

    Raises:
        ConfigError: The file is missing or not TOML, or ``[tool.wasmcp]`` has mistakes; all of them are listed.
    """
    root = root.absolute()  # not resolved: hatchling compares paths as it received them
    try:
        pyproject = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"`pyproject.toml` not found in `{root}`"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"not TOML: {error}"]) from None
    return parse(pyproject, root, check_files=check_files)


def parse(pyproject: Mapping[str, Any], root: Path, *, check_files: bool = True) -> Project:
    """Check a parsed ``pyproject.toml`` and return the project; the arguments are those of `load`.

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
        name: read_component(name, below, root, check_files=check_files) for name, below in component_tables.items()
    }
    server_tables = table.tables("servers")
    metadata = pyproject.get("project")
    project = metadata if isinstance(metadata, dict) else {}  # hatchling reports mistakes in it
    servers = {
        key: read_server(key, below, components, project, root, check_files=check_files)
        for key, below in server_tables.items()
    }
    components = coercing(servers, server_tables, components)
    check_registry(table, data, root)
    if not components and "components" not in data:
        problems.append("`tool.wasmcp.components` is missing: a server is made of at least one component")
    if not servers and "servers" not in data:
        listed = ", ".join(f'"{name}"' for name in components)
        problems.append(
            "`tool.wasmcp.servers` is missing: one table per server, most projects have one: "
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
        from wasmcp.registry.names.name_scopes import project_registry

        try:
            project_registry(data)
        except ConfigError as error:
            table.problems.extend(error.problems)


def _package(table: Table, root: Path, pyproject: Mapping[str, Any]) -> str:
    if "package" in table:
        folder = (read_path(table, "package", root) or "").rstrip("/")
        if folder and not (root / folder).is_dir():
            table.problem("package", f"is not a folder of the project: `{folder}`")
        name = str(pyproject.get("project", {}).get("name", ""))
        if folder and (root / folder).is_dir() and (problem := namespace_problem(root, folder, name)) is not None:
            table.problem("package", f"names `{folder}`, which {problem}; name a package inside it")
        return folder
    found, problem = find_package(root, pyproject)
    if found is None:
        table.problem("package", problem)
    return found or ""
