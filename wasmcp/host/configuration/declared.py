"""Configuration that a published server takes from its operator: environment variables, directories, a store.

The project declares it in ``[tool.wasmcp.servers.NAME]`` (`env`, `directories`, `keyvalue`). The build writes it to the
manifest next to the server; the server's console script, ``wasmcp run`` and ``wasmcp serve`` read it from there. The
members for environment variables are those of `environmentVariables` in a `server.json` of the MCP registry.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import InvalidConfigurationError, InvalidSettingError
from wasmcp.host.operations.rate_limits import RateLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DATA = "{data}"
"""Prefix of a default that stands for the server's own directory below the user's data directory."""

STORE = "WASMCP_KEYVALUE"
"""The environment variable with the URL of the key-value store, which can contain a password."""

DATA_DIRECTORY = "WASMCP_DATA_DIR"
"""The environment variable with the data directory of all servers."""

Mount = tuple[str, str, bool]
"""A directory that a server sees: the host's path, the guest's path, and True if it is writable."""


@dataclass(frozen=True)
class Variable:
    """An environment variable that a server reads.

    Attributes:
        name: The name in the environment.
        description: One line for the operator, or the empty string.
        required: True if the server does not start without a value.
        secret: True if the value must not be shown.
        default: The value if the operator sets none.
        choices: The accepted values; empty if every value is accepted.
    """

    name: str
    description: str = ""
    required: bool = False
    secret: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: str) -> str | None:
        """Return the error in a value, as the end of a sentence that begins with the name, or None."""
        if self.required and not value:
            return "is empty"
        if self.choices and value not in self.choices:
            listed = ", ".join(f"`{choice}`" for choice in self.choices)
            return f"must be one of {listed}" + ("" if self.secret else f", not `{value}`")
        return None


@dataclass(frozen=True)
class Directory:
    """A directory of the host that a server sees.

    Attributes:
        path: The guest's path.
        description: One line for the operator, or the empty string.
        required: True if the server does not start without it.
        writable: True if the server can write to it.
        default: The host's path if the operator sets none: absolute, or below `~` or `DATA`.
        variable: The environment variable with the host's path, or the empty string.
    """

    path: str
    description: str = ""
    required: bool = False
    writable: bool = False
    default: str | None = None
    variable: str = ""


REUSES = ("process", "request")
"""Lives of an instance: it serves requests as long as the process, which is the default, or only one."""
_REUSED = REUSES[0]


@dataclass(frozen=True)
class Configuration:
    """The declared configuration of one server.

    Attributes:
        variables: The environment variables, in the order of the project's table.
        directories: The directories, in the order of the project's table.
        keyvalue: The store of `wasi:keyvalue`: `memory:` or `sqlite:PATH`; the empty string for the default store.
        limits: The rate limits of each client.
        instances: The number of concurrent requests; None for as many as are of use.
        reuse: One of `REUSES`.
    """

    variables: tuple[Variable, ...] = ()
    directories: tuple[Directory, ...] = ()
    keyvalue: str = ""
    limits: RateLimits = field(default_factory=RateLimits)
    instances: int | None = None
    reuse: str = _REUSED

    def to_manifest(self) -> dict[str, Any]:
        """Return the member `configuration` of a manifest's entry: JSON, without members that are not set."""
        variables = [
            {
                "name": one.name,
                "description": one.description,
                "isRequired": one.required,
                "isSecret": one.secret,
                "default": one.default,
                "choices": list(one.choices),
            }
            for one in self.variables
        ]
        directories = [
            {
                "path": one.path,
                "description": one.description,
                "isRequired": one.required,
                "isWritable": one.writable,
                "default": one.default,
                "variable": one.variable,
            }
            for one in self.directories
        ]
        whole = {
            "environmentVariables": [_set(one) for one in variables],
            "directories": [_set(one) for one in directories],
            "keyvalue": self.keyvalue,
            "limits": self.limits.to_manifest(),
            "instances": self.instances,
            "reuse": None if self.reuse == _REUSED else self.reuse,
        }
        return _set(whole)

    @classmethod
    def of_manifest(cls, member: object) -> Configuration:
        """Parse the member `configuration` of a manifest's entry.

        Raises:
            ValueError: The member does not have the form that `to_manifest` writes.
        """
        if member is None:
            return cls()
        try:
            document = dict(member)  # type: ignore[call-overload]
            variables = tuple(
                Variable(
                    str(one["name"]),
                    str(one.get("description", "")),
                    bool(one.get("isRequired", False)),
                    bool(one.get("isSecret", False)),
                    None if one.get("default") is None else str(one["default"]),
                    tuple(map(str, one.get("choices", ()))),
                )
                for one in document.get("environmentVariables", ())
            )
            directories = tuple(
                Directory(
                    str(one["path"]),
                    str(one.get("description", "")),
                    bool(one.get("isRequired", False)),
                    bool(one.get("isWritable", False)),
                    None if one.get("default") is None else str(one["default"]),
                    str(one.get("variable", "")),
                )
                for one in document.get("directories", ())
            )
            limits = RateLimits.of_manifest(document.get("limits", {}))
            store = str(document.get("keyvalue", ""))
            instances = document.get("instances")
            reuse = REUSES[REUSES.index(document.get("reuse", _REUSED))]
            return cls(variables, directories, store, limits, None if instances is None else _count(instances), reuse)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"`configuration` is malformed: {error!r}") from None


def _count(value: object) -> int:
    """Return an integer above 0.

    Raises:
        ValueError: The value is another one.
    """
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not an integer above 0")
    return value


def _set(document: Mapping[str, Any]) -> dict[str, Any]:
    """Remove members that are not set; an empty default counts as set."""
    empty: tuple[object, ...] = (None, "", False, [], {})
    return {key: value for key, value in document.items() if value not in empty or (key, value) == ("default", "")}


@dataclass(frozen=True)
class Published:
    """A server's file and the description of it in the manifest next to it.

    Attributes:
        path: The file.
        package: The import package that ships it, or the empty string. Without a package the server gets only the
            resources that the operator names, whatever its manifest declares.
        metadata: Its `name`, `version`, `title` and `description`, if they are known.
        configuration: Its declared configuration.
        keeps_values: True if it imports `wasi:keyvalue`.
    """

    path: Path
    package: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    configuration: Configuration = field(default_factory=Configuration)
    keeps_values: bool = False

    @classmethod
    def read(cls, path: Path, package: str = "") -> Published:
        """Read the manifest next to a server's file; without a manifest all fields are empty.

        Raises:
            InvalidConfigurationError: The manifest has an entry for this file that cannot be read.
        """
        import json

        try:
            document = json.loads(path.with_name("manifest.json").read_text("utf-8"))
            if document["format"] != 1:
                return cls(path, package)
            entry = next((one for one in document["servers"].values() if one["file"] == path.name), None)
            if entry is None:
                return cls(path, package)
            metadata = {str(key): str(value) for key, value in entry["metadata"].items() if isinstance(value, str)}
            keeps_values = any(str(name).startswith("wasi:keyvalue/") for name in entry["imports"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path, package)
        try:
            configuration = Configuration.of_manifest(entry.get("configuration"))
        except ValueError as error:
            raise InvalidConfigurationError(path.name, [f"`manifest.json` next to it: {error}"]) from None
        return cls(path, package, metadata, configuration, keeps_values)

    @property
    def name(self) -> str:
        """The server's `name` in the manifest, or the name of its file."""
        return self.metadata.get("name") or self.path.name

    def data_directory(self) -> Path:
        """Return the server's own directory below the user's data directory, without creating it.

        It is named after the import package, so that the console script and `wasmcp serve` share it.
        """
        chosen = os.environ.get(DATA_DIRECTORY)
        if chosen:
            return Path(chosen).absolute() / self.package
        from platformdirs import user_data_path

        return user_data_path("wasmcp", appauthor=False) / self.package

    def keyvalue(self) -> str | None:
        """Return the URL of the default store; None if the server stores no values."""
        chosen = self.configuration.keyvalue
        if not self.package:  # a single file must not write to this machine without the operator's consent
            return None
        if chosen.startswith("sqlite:"):
            return f"sqlite:{self.expanded(chosen.removeprefix('sqlite:'))}"
        if chosen or not self.keeps_values:
            return chosen or None
        return f"sqlite:{self.data_directory() / f'{self.path.stem}.sqlite3'}"

    def expanded(self, text: str) -> Path:
        """Expand `DATA` or `~` at the beginning of a default to the host's path."""
        if text == DATA or text.startswith(f"{DATA}/"):
            return self.data_directory() / text[len(DATA) :].lstrip("/")
        return Path(text).expanduser()


@dataclass(frozen=True)
class Given:
    """Environment, directories and store that an operator gives a server.

    Attributes:
        env: Environment variables.
        directories: Directories.
        keyvalue: The store of `wasi:keyvalue`; None if the operator does not choose one.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    directories: Sequence[Mount] = ()
    keyvalue: str | None = None


_NEEDED = {
    "env": ("wasi:cli/environment@", "`--env {}`: no component of the server is granted `env`"),
    "directories": ("wasi:filesystem/preopens@", "`--dir {}`: no component of the server is granted `fs`"),
    "keyvalue": ("wasi:keyvalue/", "the key-value store `{}`: the server does not use `wasi:keyvalue`"),
}


def operator_store(keyvalue: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the store that the operator chooses: by an argument, or by the variable `WASMCP_KEYVALUE`; else None."""
    return keyvalue if keyvalue is not None else environment.get(STORE) or None


def check_used(given: Given, imports: Iterable[str]) -> None:
    """Check that the server can use the variables, directories and store that the operator names.

    Args:
        given: The operator's variables, directories and store.
        imports: The imports of the composed server.

    Raises:
        InvalidSettingError: No component of the server can use one of them.
    """
    values = {
        "env": sorted(given.env),
        "directories": [guest for _, guest, _ in given.directories],
        "keyvalue": [] if given.keyvalue is None else [given.keyvalue.partition(":")[0]],
    }
    known = tuple(imports)
    problems = [
        f"{text.format(', '.join(values[kind]))}; leave it out, or compose the server with the grant"
        for kind, (prefix, text) in _NEEDED.items()
        if values[kind] and not any(name.startswith(prefix) for name in known)
    ]
    if problems:
        raise InvalidSettingError(*problems)


def complete(server: Published, given: Given, environment: Mapping[str, str]) -> Given:
    """Complete the operator's values by the declared configuration of the server.

    A server of an installed package gets the variables that it declares from the environment, and the defaults of its
    directories and its store. A single file gets only the directories and the store that the operator names, and the
    defaults of its variables.

    Args:
        server: The server.
        given: The operator's values, which take precedence.
        environment: The environment of this process.

    Raises:
        InvalidConfigurationError: Values are missing or invalid; the error names all of them.
    """
    problems: list[str] = []
    env = dict(given.env)
    for variable in server.configuration.variables:
        value = _value(variable, given.env, environment if server.package else {})
        if value is None and variable.required:
            problems.append(_missing_variable(variable, installed=bool(server.package)))
        elif value is not None:
            problem = variable.problem(value)
            if problem is None:
                env[variable.name] = value
            else:
                problems.append(f"`{variable.name}`{_about(variable.description)} {problem}")
    declared = {one.path: one for one in server.configuration.directories}
    directories = [
        # The project decides whether a directory is writable: the operator's path does not change that.
        (host, guest, writable and (guest not in declared or declared[guest].writable))
        for host, guest, writable in given.directories
    ]
    named = {guest for _, guest, _ in directories}
    made: list[Mount] = []
    for directory in server.configuration.directories:
        if directory.path not in named:
            made += _mounts(server, directory, environment, problems)
    keyvalue = server.keyvalue() if given.keyvalue is None else given.keyvalue
    if problems:
        raise InvalidConfigurationError(server.name, problems)
    for path in _to_make(server, [Path(host) for host, _, _ in made], keyvalue if given.keyvalue is None else None):
        _make(server, path)
    return Given(env, (*directories, *made), keyvalue)


def _value(variable: Variable, given: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    for source in (given, environment):
        if variable.name in source:
            return source[variable.name]
    return variable.default


def _missing_variable(variable: Variable, *, installed: bool) -> str:
    advice = f"give `--env {variable.name}`, which takes it from the environment, or `--env {variable.name}=VALUE`"
    if installed:
        advice = (
            f"set it in the environment (`env` in an MCP client's configuration), or give `--env {variable.name}=VALUE`"
        )
    return f"`{variable.name}`{_about(variable.description)} is not set: {advice}"


def _mounts(
    server: Published, directory: Directory, environment: Mapping[str, str], problems: list[str]
) -> Iterator[Mount]:
    """Yield the mount of one declared directory, if any; errors are added to `problems`."""
    named = environment.get(directory.variable, "") if directory.variable and server.package else ""
    about = _about(directory.description)
    if named:
        if Path(named).expanduser().is_dir():
            yield str(Path(named).expanduser()), directory.path, directory.writable
        else:
            problems.append(f"`{directory.variable}`{about} must be the path of a directory, which `{named}` is not")
    elif directory.default is not None and server.package:
        path = server.expanded(directory.default)
        if path.is_dir() or directory.default.startswith(DATA):
            yield str(path), directory.path, directory.writable
        else:
            problems.append(f"`{directory.path}`{about}: `{path}` is not a directory: make it, or {_advice(directory)}")
    elif directory.required:
        problems.append(f"`{directory.path}`{about} is not given: {_advice(directory)}")


def _advice(directory: Directory) -> str:
    option = f"give `--dir HOST:{directory.path}`"
    return f"set `{directory.variable}` to a directory, or {option}" if directory.variable else option


def _about(description: str) -> str:
    return f" ({description})" if description else ""


def _to_make(server: Published, hosts: Sequence[Path], keyvalue: str | None) -> Iterator[Path]:
    """Yield the directories below the server's own that do not exist yet."""
    if not server.package:
        return
    paths = list(hosts)
    if keyvalue is not None and keyvalue.startswith("sqlite:"):
        paths.append(Path(keyvalue.removeprefix("sqlite:")).parent)
    if not paths:
        return
    own = server.data_directory()
    yield from (path for path in paths if path.is_relative_to(own) and not path.is_dir())


def _make(server: Published, path: Path) -> None:
    """Create a directory for data that only its owner can read."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = (
            f"`{path}` for its data cannot be made ({error.strerror or error}): set `{DATA_DIRECTORY}` to a directory "
            "that can be written to, or give `--keyvalue` and `--dir` yourself"
        )
        raise InvalidConfigurationError(server.name, [problem]) from None
