"""Reader of one table of ``[tool.wasmcp.components]``."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from wasmcp.compose.interfaces import GRANTS
from wasmcp.project.model import ComponentConfig
from wasmcp.project.registry_keys import package_reference
from wasmcp.project.table_keys import check_name, read_extensions, read_file
from wasmcp.project.toml_table import Table
from wasmcp.toolchains import LANGUAGES, language_of, toolchain
from wasmcp.toolchains.base import check_options, did_you_mean


def read_component(name: str, table: Table, root: Path, *, check_files: bool) -> ComponentConfig:
    """Read the table of a component; its mistakes are collected in the table."""
    check_name(name, table)
    source = read_file(table, "source", root, check=check_files)
    ready = read_file(table, "path", root, check=check_files)
    package = package_reference(table)
    given = [key for key in ("source", "path", "package") if key in table]
    if len(given) != 1:
        found = f"not {' and '.join(f'`{key}`' for key in given)}" if given else "but it has none of them"
        table.problems.append(
            f"`{table.path}` must have one of `source` (to be compiled), `path` (a compiled component) and `package` "
            f"(a component in a registry), {found}"
        )
    language = _language(table, source)
    grants = table.strings("grants") or []
    for grant in grants:
        if grant not in GRANTS:
            table.problem("grants", f"names an unknown family `{grant}`{did_you_mean(grant, GRANTS)}")
    dynamic = table.boolean("dynamic", default=False)
    if dynamic and language == "python":
        table.problem("dynamic", "has no effect: the lists of a Python component are fixed when it is built")
    elif dynamic and "middleware" not in grants:
        table.problem(
            "dynamic",
            "needs the grant `middleware`: a dynamic component receives requests for entries of other components. "
            f"Set `grants = {json.dumps([*grants, 'middleware'])}`",
        )
    options = _options(table, language)
    values = _values(table)
    extensions = read_extensions(table)
    table.finish()
    file = source or ready or ""
    return ComponentConfig(name, file, language, frozenset(grants), dynamic, options, package or "", values, extensions)


def _values(table: Table) -> dict[str, Any]:
    """Return the table ``config`` of a component; its values must be JSON."""
    below = table.table("config")
    if below is None:
        return {}
    values = below.items()
    for key, value in values.items():
        if not _is_json(value):
            below.problem(key, f"must be a JSON value (a date as a string, no infinity), not {value!r}")
    return values


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value))


def _options(table: Table, language: str | None) -> dict[str, object]:
    """Return the options of a component's toolchain: from its own table, or from a table named after the language."""
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
        table.problem("language", "has no effect: `path` names a compiled component")
    if "package" in table and configured is not None:
        table.problem("language", "has no effect: a package is not compiled")
    if configured is not None or source is None:
        return configured
    language = language_of(Path(source))
    if language is None:
        endings = ", ".join(f"`{suffix}`" for suffixes in LANGUAGES.values() for suffix in suffixes)
        advice = "; a compiled component goes under `path`" if source.endswith((".wasm", ".wat")) else ""
        table.problem("source", f"has no known ending ({endings}): `{source}`{advice}")
    return language
