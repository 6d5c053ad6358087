"""Console scripts of a project's servers, as entries of ``[project.scripts]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wasmcp.errors import ConfigError
from wasmcp.host.transports.console_scripts import MODULE, attribute
from wasmcp.project.model import Project, import_name
from wasmcp.toolchains.base import did_you_mean

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
