"""Reader of `env`, `directories` and `keyvalue` of ``[tool.wasmcp.servers.NAME]``: values that the operator sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from wasmcp.host.configuration.declared import DATA, Configuration, Directory, Variable
from wasmcp.project.model import ComponentConfig
from wasmcp.project.toml_table import Table

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
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
    for key, grant in _GRANTS.items():
        if key in table and parts and not any(grant in part.grants for part in parts):
            named = ", ".join(f"`{part.name}`" for part in parts)
            table.problem(key, f"reaches no component: none of {named} has the grant `{grant}`")
    return Configuration(variables, directories, keyvalue)


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
    if not _VARIABLE.fullmatch(name):
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
