"""Reader of one table of ``[tool.wasmcp.servers]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wasmcp.compose.baked_settings import setting_problem
from wasmcp.package_data import FRAMEWORK_COMPONENTS
from wasmcp.project.configuration_table import read_configuration
from wasmcp.project.model import RUNTIMES, ComponentConfig, ServerConfig
from wasmcp.project.table_keys import check_name, read_extensions, read_file
from wasmcp.project.toml_table import Table
from wasmcp.toolchains.base import did_you_mean


def read_server(
    key: str,
    table: Table,
    components: Mapping[str, ComponentConfig],
    project: Mapping[str, Any],
    root: Path,
    *,
    check_files: bool,
) -> ServerConfig:
    """Read the table of a server; its mistakes are collected in the table."""
    check_name(key, table)
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
        extensions=read_extensions(table),
        runtime=RUNTIMES[RUNTIMES.index(table.choice("runtime", RUNTIMES, RUNTIMES[0]))],  # the literal, for its type
        settings=_settings(table),
        coerce=table.boolean("coerce", default=False) if "coerce" in table else None,
        configuration=read_configuration(table, [components[name] for name in names or () if name in components]),
    )
    if server.settings and server.environment:
        table.problem(
            "settings", "and `environment = true` are mutually exclusive: settings are baked in or read at run time"
        )
    table.finish()
    return server


def coercing(
    servers: Mapping[str, ServerConfig], tables: Mapping[str, Table], components: Mapping[str, ComponentConfig]
) -> dict[str, ComponentConfig]:
    """Return the components with the ``coerce`` of their servers as their own option; mistakes are collected.

    A component is compiled once for all servers, so they must agree. Its own option overrides theirs.
    """
    found = dict(components)
    for key, server in servers.items():
        for name in server.components if server.coerce is not None else ():
            component = components.get(name)
            if component is None or "coerce" in component.options:
                continue
            others = [
                other
                for other, config in servers.items()
                if name in config.components and config.coerce != server.coerce
            ]
            if component.language != "python":
                what = "compiled already" if component.language is None else f"in {component.language}"
                tables[key].problem(
                    "coerce", f"is for components in Python, and `{name}` is {what}: set it in the tables of the others"
                )
            elif others:
                tables[key].problem(
                    "coerce",
                    f"differs from `tool.wasmcp.servers.{others[0]}`, which has the component `{name}` too: a "
                    f"component is compiled once. Set it in both, or in `tool.wasmcp.components.{name}`",
                )
            else:
                found[name] = replace(component, options={**component.options, "coerce": server.coerce})
    return found


def _settings(table: Table) -> dict[str, str]:
    below = table.table("settings")
    if below is None:
        return {}
    given = below.items()
    for name, value in given.items():
        problem = setting_problem(name, value)
        if problem:
            below.problem(name, problem)
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _framework(table: Table, root: Path, *, check_files: bool) -> dict[str, str]:
    below = table.table("framework")
    if below is None:
        return {}
    files = {name: read_file(below, name, root, check=check_files) for name in FRAMEWORK_COMPONENTS if name in below}
    for name in below.items():
        if name not in FRAMEWORK_COMPONENTS:
            below.problem(name, f"is not a framework component{did_you_mean(name, FRAMEWORK_COMPONENTS)}")
    return {name: file for name, file in files.items() if file is not None}
