"""Configuration of a project: ``[tool.wasmcp]`` of a ``pyproject.toml`` as typed values.

.. code-block:: toml

    [tool.wasmcp]
    package = "src/example"               # where `_wasmcp/` goes; detected if there is only one package

    [tool.wasmcp.components.text]
    source = "src/example/text_tools.py"  # compiled; or path = "vendor/text.wasm": a compiled component;
                                          # or package = "acme:text@^1.2": a component in a registry
    language = "python"                   # follows from the suffix of the source
    grants = ["http"]                     # families of host interfaces: env, fs, http, kv, sessions, sockets; and
                                          # middleware: it receives requests for entries of others. A table names
                                          # hosts, variables and buckets: see `wasmcp.compose.grant_rules`
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
    auth = "operator"                     # or "required", "none": the server's authorization
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

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from wasmcp.compose.grant_rules import FsRule, GrantRules, read_grants
from wasmcp.compose.interfaces import GRANTS
from wasmcp.compose.metadata import AUTHORIZATIONS, setting_problem
from wasmcp.environment import AUTHORIZATION
from wasmcp.errors import ConfigError
from wasmcp.host.configuration.declared import DATA, REUSES, Configuration, Directory, Variable
from wasmcp.host.operations.rate_limits import CLIENTS, KINDS, Rate, RateLimits
from wasmcp.package_data import FRAMEWORK_COMPONENTS
from wasmcp.project.model import (
    RUNTIMES,
    ComponentConfig,
    Project,
    ServerConfig,
    SkillFolders,
    find_package,
    namespace_problem,
)
from wasmcp.project.toml_table import (
    ROOT,
    Table,
    check_name,
    check_registry,
    package_reference,
    path_problem,
    read_access,
    read_extensions,
    read_file,
    read_path,
)
from wasmcp.toolchains import LANGUAGES, language_of, toolchain
from wasmcp.toolchains.base import check_options, did_you_mean

SKILL_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OWN = "WASMCP_"
_GRANTS = {"env": "env", "directories": "fs", "keyvalue": "kv"}


def read_configuration(table: Table, components: Iterable[ComponentConfig]) -> Configuration:
    """Read the configuration that a server takes from its operator; its mistakes are collected in the table.

    Args:
        table: The server's table.
        components: The components of the server: one of them must have the grant of each key.
    """
    parts = list(components)
    variables = tuple(_variable(name, below) for name, below in table.tables("env").items())
    directories = tuple(_directory(path, below) for path, below in table.tables("directories").items())
    keyvalue = table.string("keyvalue", "") or ""
    problem = _store_problem(keyvalue)
    if problem is not None:
        table.problem("keyvalue", problem)
    limits = _limits(table)
    for key, grant in _GRANTS.items():
        if key in table and parts and not any(grant in part.grants for part in parts):
            named = ", ".join(f"`{part.name}`" for part in parts)
            table.problem(key, f"reaches no component: none of {named} has the grant `{grant}`")
    readers = [part for part in parts if "env" in part.grants]
    for variable in variables:
        if readers and not any(part.rules.env is None or variable.name in part.rules.env for part in readers):
            table.problem("env", f"declares `{variable.name}`, which no component can read: no rule of `env` names it")
    users = [part for part in parts if "fs" in part.grants]
    for directory in directories:
        own = FsRule(directory.path)
        if users and not any(
            part.rules.fs is None or any(one.covers(own) or own.covers(FsRule(one.path)) for one in part.rules.fs)
            for part in users
        ):
            problem = f"declares `{directory.path}`, which no component can use: no rule of `fs` is about it"
            table.problem("directories", problem)
    reuse = table.choice("reuse", REUSES, REUSES[0])
    return Configuration(variables, directories, keyvalue, limits, table.count("instances"), reuse)


def _limits(table: Table) -> RateLimits:
    """Read the rate limits of a server; its mistakes are collected in the table."""
    below = table.table("limits")
    if below is None:
        return RateLimits()
    by = below.choice("by", CLIENTS, CLIENTS[0])
    rates = {kind: rate for kind in KINDS if (rate := _rate(below, kind)) is not None}
    tools = below.table("tool")
    names = list(tools.items()) if tools is not None else []
    named = {name: rate for name in names if tools is not None and (rate := _rate(tools, name)) is not None}
    below.finish()
    return RateLimits(by, rates, named)


def _rate(table: Table, key: str) -> Rate | None:
    text = table.string(key)
    if text is None:
        return None
    try:
        return Rate.parse(text)
    except ValueError as error:
        table.problem(key, str(error))
        return None


def _variable(name: str, table: Table) -> Variable:
    _check_variable(name, table, "is not a name of an environment variable")
    found = Variable(
        name=name,
        description=_line(table),
        required=table.boolean("required", default=False),
        secret=table.boolean("secret", default=False),
        default=_text(table, "default"),
        choices=tuple(table.strings("choices") or ()),
    )
    if found.default is not None:
        if found.secret:
            table.problem("default", "would put a secret into the wheel: the operator sets it")
        elif found.required:
            table.problem("default", "has no effect: `required` requires a value from the operator")
        elif found.choices and found.default not in found.choices:
            table.problem("default", f"is not one of `choices`: `{found.default}`")
    table.finish()
    return found


def _directory(path: str, table: Table) -> Directory:
    guest = PurePosixPath(path)
    if not guest.is_absolute() or ".." in guest.parts or str(guest) != path:
        table.problems.append(
            f"`{table.path}`: `{path}` must be the path that components see, absolute and without `..` or a `/` at its "
            "end, as in `/data`"
        )
    found = Directory(
        path=path,
        description=_line(table),
        required=table.boolean("required", default=False),
        writable=table.boolean("writable", default=False),
        default=table.string("default"),
        variable=table.string("env", "") or "",
    )
    if found.variable:
        _check_variable(found.variable, table, "is not a name of an environment variable", key="env")
    problem = None if found.default is None else _path_problem(found.default)
    if problem is not None:
        table.problem("default", problem)
    elif found.default is not None and found.required:
        table.problem("default", "has no effect: `required` requires a directory from the operator")
    table.finish()
    return found


def _line(table: Table) -> str:
    text = table.string("description", "") or ""
    if "\n" in text:
        table.problem("description", "must be one line: it is shown by `--help`")
    return text


def _text(table: Table, key: str) -> str | None:
    """Return a string that can be empty."""
    value: Mapping[str, object] = table.some([key])
    return str(value[key]) if value.get(key) == "" else table.string(key)


def _check_variable(name: str, table: Table, sentence: str, key: str = "") -> None:
    place = f"`{table.path}.{key}`: `{name}`" if key else f"`{table.path}`: `{name}`"
    if not VARIABLE.fullmatch(name):
        table.problems.append(f"{place} {sentence}: letters, digits, `_`, `-` and `.`, a letter or `_` first")
    elif name.upper().startswith(_OWN):
        table.problems.append(f"{place} is a name for settings of wasmcp itself, which no component sees")


def _path_problem(text: str) -> str | None:
    """Return what is wrong with a path on the operator's machine, as the end of a sentence."""
    if ".." in PurePosixPath(text).parts:
        return f"must not have `..`: `{text}`"
    anchored = text in {DATA, "~"} or text.startswith((f"{DATA}/", "~/"))
    if anchored or PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return None
    return (
        f"must be absolute, or begin with `~/` (the user's home) or `{DATA}/` (the server's own directory below the "
        f"user's data directory), not `{text}`: where a client starts a server is not known"
    )


def _store_problem(url: str) -> str | None:
    scheme, separator, rest = url.partition(":")
    if not url or url == "memory:":
        return None
    if scheme == "sqlite" and separator and rest:
        return _path_problem(rest)
    return f"must be `memory:` or `sqlite:PATH`, not `{url}`"


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
    grants, rules = _grants(table)
    dynamic = table.boolean("dynamic", default=False)
    if dynamic and "middleware" not in grants:
        named = [*grants, "middleware"]
        table.problem(
            "dynamic",
            "needs the grant `middleware`: a dynamic component receives requests for entries of other components. "
            + ("Set `middleware = true` in its table `grants`" if rules else f"Set `grants = {json.dumps(named)}`"),
        )
    options = _options(table, language)
    if dynamic and language in ("python", "typescript"):
        options = {**options, "dynamic": True}  # its lists are made for each request
    names = table.boolean("names", default=False)
    if "names" in table and given in (["path"], ["package"]):
        table.problem("names", f"has no effect with `{given[0]}`: the component has the names that its build kept")
    values = _values(table)
    extensions = read_extensions(table)
    skills = read_skills(table)
    table.finish()
    file = source or ready or ""
    families = frozenset(grants)
    return ComponentConfig(
        name, file, language, families, dynamic, options, package or "", values, extensions, rules, skills, names
    )


def _grants(table: Table) -> tuple[Sequence[str], GrantRules]:
    """Return the granted families in order, and the rules of those that the table limits."""
    if not isinstance(table.some(["grants"]).get("grants"), dict):
        grants = table.strings("grants") or []
        for grant in grants:
            if grant not in GRANTS:
                table.problem("grants", f"names an unknown family `{grant}`{did_you_mean(grant, GRANTS)}")
        return grants, GrantRules()
    below = table.table("grants")
    given = {} if below is None else below.items()
    families, rules = read_grants(
        given, lambda place, problem: table.problems.append(f"`{table.path}.grants.{place}` {problem}")
    )
    return sorted(families), rules


def read_skills(table: Table) -> SkillFolders:
    """Read the table ``skills`` of a project, a component or a server; its mistakes are collected in the table."""
    below = table.table("skills")
    if below is None:
        return SkillFolders()
    paths = below.texts("paths") or ()
    prefix = below.string("prefix", "") or ""
    if "paths" not in below:
        below.problem("paths", "is missing: it names folders with a `SKILL.md`, for example `skills/*`")
    for path in paths:
        problem = path_problem(path) if path.strip() else "must not be empty"
        if problem is not None:
            below.problem("paths", problem)
    if prefix and not SKILL_PREFIX.fullmatch(prefix):
        below.problem(
            "prefix", f"must be names of letters, digits, `.`, `_` and `-`, with `/` between them: `{prefix}`"
        )
    below.finish()
    return SkillFolders(paths, prefix)


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


def read_server(
    key: str,
    table: Table,
    components: Mapping[str, ComponentConfig],
    project: Mapping[str, Any],
    root: Path,
    *,
    check_files: bool,
    skills: SkillFolders | None = None,
) -> ServerConfig:
    """Read the table of a server; its mistakes are collected in the table. `skills` are those of the project."""
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
        auth=AUTHORIZATIONS[AUTHORIZATIONS.index(table.choice("auth", AUTHORIZATIONS, AUTHORIZATIONS[0]))],
        framework=_framework(table, root, check_files=check_files),
        extensions=read_extensions(table),
        runtime=RUNTIMES[RUNTIMES.index(table.choice("runtime", RUNTIMES, RUNTIMES[0]))],  # the literal, for its type
        settings=_settings(table),
        coerce=table.boolean("coerce", default=False) if "coerce" in table else None,
        access=read_access(table),
        configuration=read_configuration(table, [components[name] for name in names or () if name in components]),
        skills=read_skills(table) if "skills" in table else skills or SkillFolders(),
    )
    if server.auth == "none":
        for name in sorted(set(server.settings) & set(AUTHORIZATION)):
            table.problem("settings", f'has `{name}`, which has no effect with `auth = "none"`')
        if server.configuration.limits.by == "identity":
            table.problem("limits", 'has `by = "identity"`, but a server with `auth = "none"` has no identities')
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
    except OSError as error:
        raise ConfigError([f"`pyproject.toml` in `{root}` cannot be read: {error.strerror or error}"]) from None
    except (ValueError, RecursionError) as error:
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
    table = Table(data, "tool.wasmcp", problems, ROOT)
    package = _package(table, root, pyproject)
    component_tables = table.tables("components")
    components = {
        name: read_component(name, below, root, check_files=check_files) for name, below in component_tables.items()
    }
    server_tables = table.tables("servers")
    skills = read_skills(table)
    metadata = pyproject.get("project")
    project = metadata if isinstance(metadata, dict) else {}  # hatchling reports mistakes in it
    servers = {
        key: read_server(key, below, components, project, root, check_files=check_files, skills=skills)
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
        from wasmcp.registry.names.aliases import project_registry

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
