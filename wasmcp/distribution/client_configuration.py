"""Configuration of MCP clients: the entry with which a client starts a server or connects to it, and its file.

Source: the documentation of Claude Desktop, Claude Code, VS Code and Cursor; docs/guides/client-configuration.md.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from wasmcp.distribution.commented_json import CommentedJsonError, loads, with_item, with_member
from wasmcp.distribution.descriptions import OperatorInput, operator_inputs
from wasmcp.errors import ClientConfigurationError
from wasmcp.file_writing import write_atomically
from wasmcp.host.configuration.declared import Configuration, Published
from wasmcp.terminal import without_password

Scope = Literal["project", "user"]

_PACKAGE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:(?:@|==)[A-Za-z0-9][A-Za-z0-9.+!_-]*)?")
_MANIFEST = "_wasmcp/manifest.json"


@dataclass(frozen=True)
class Client:
    """A client.

    Attributes:
        key: Its name on the command line.
        title: Its name for people.
        servers: The member with the servers.
        placeholder: The function that makes the client's placeholder for a value; None if it has none.
        typed: True if entries have a member `type`.
        urls: True if entries can have a URL.
        files: The file in the project and in the user's home directory, by scope; functions of the platform.
    """

    key: str
    title: str
    servers: str
    placeholder: Callable[[OperatorInput], str] | None
    typed: bool
    urls: bool
    files: Mapping[Scope, Callable[[], Path]]


def _application(name: str, *parts: str) -> Path:
    """Return a file in the folder of a desktop application."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base.joinpath(name, *parts)


def _dashed(one: OperatorInput) -> str:
    return one.name.replace("_", "-")


def _upper(one: OperatorInput) -> str:
    return one.variable or one.name.upper()


CLIENTS: Mapping[str, Client] = {
    client.key: client
    for client in (
        Client(
            "claude",
            "Claude Desktop",
            "mcpServers",
            None,
            typed=False,
            urls=False,
            files={"user": lambda: _application("Claude", "claude_desktop_config.json")},
        ),
        Client(
            "claude-code",
            "Claude Code",
            "mcpServers",
            lambda one: f"${{{_upper(one)}}}",
            typed=True,
            urls=True,
            files={"project": lambda: Path.cwd() / ".mcp.json", "user": lambda: Path.home() / ".claude.json"},
        ),
        Client(
            "vscode",
            "VS Code",
            "servers",
            lambda one: f"${{input:{_dashed(one)}}}",
            typed=True,
            urls=True,
            files={
                "project": lambda: Path.cwd() / ".vscode" / "mcp.json",
                "user": lambda: _application("Code", "User", "mcp.json"),
            },
        ),
        Client(
            "cursor",
            "Cursor",
            "mcpServers",
            lambda one: f"${{env:{_upper(one)}}}",
            typed=False,
            urls=True,
            files={
                "project": lambda: Path.cwd() / ".cursor" / "mcp.json",
                "user": lambda: Path.home() / ".cursor" / "mcp.json",
            },
        ),
    )
}
"""The clients, by their names on the command line."""


@dataclass(frozen=True)
class Entry:
    """Entry of a server in a client's configuration.

    Attributes:
        client: The client.
        name: The name of the server.
        value: The entry.
        inputs: Declarations of the values that VS Code prompts for.
        missing: The values that the user has to fill in, because this client has no placeholders.
        file: The file on this machine that the client runs; None for a package or a URL.
    """

    client: Client
    name: str
    value: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]] = ()
    missing: tuple[str, ...] = ()
    file: Path | None = None

    def document(self) -> dict[str, Any]:
        """Return a configuration with this entry alone."""
        inputs = {"inputs": [dict(one) for one in self.inputs]} if self.inputs else {}
        return {**inputs, self.client.servers: {self.name: dict(self.value)}}


@dataclass(frozen=True)
class Given:
    """Values on the command line.

    Attributes:
        env: Variable -> its value, or None for a placeholder.
        directories: `HOST:GUEST` or `HOST:GUEST:ro`.
        headers: Header fields for a URL.
        arguments: Further arguments of the server.
        name: The name of the server; empty: by the target.
    """

    env: Mapping[str, str | None] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    name: str = ""


def client_entry(client: Client, target: str, given: Given) -> Entry:
    """Return the entry of a server.

    Args:
        client: The client.
        target: A package on PyPI, the path of a script or of a server's file, or a URL.
        given: The values on the command line.

    Raises:
        ClientConfigurationError: The target or a value does not fit the client; the error lists all reasons.
    """
    if target.lower().startswith(("http://", "https://")):
        return _url_entry(client, target, given)
    problems = [f"`--header {name}` is for URLs" for name in given.headers]
    path = Path(target).expanduser()
    file = None
    if target.endswith(".wasm") or "/" in target or "\\" in target:
        file = _absolute(path)
        command, options = ("uvx", ["wasmcp", "run", str(file)]) if file.suffix == ".wasm" else (str(file), [])
        known = Published.read(path).configuration if target.endswith(".wasm") and path.is_file() else None
        default = path.stem
    elif (match := _PACKAGE.fullmatch(target)) is not None:
        command, options, default = "uvx", [target.replace("==", "@")], match[1]
        known = _declared(match[1])
    else:
        raise ClientConfigurationError(
            client.key, [f"`{target}` is not a package (`weather`, `weather@1.2`), a path or a URL"]
        )
    is_file = target.endswith(".wasm")
    inputs = _inputs(known, given, problems, exact=not is_file)
    arguments, filled = _directory_arguments(client, inputs, given, problems)
    env = {}
    for one in inputs:
        if one.variable:
            text = given.env.get(one.variable)
            env[one.variable] = _placeholder(client, one) if text is None else text
            filled += [one] if text is None else []
    if is_file:
        arguments = [*(word for name in env for word in ("--env", name)), *arguments]
    if problems:
        raise ClientConfigurationError(client.key, problems)
    found: dict[str, Any] = {
        **({"type": "stdio"} if client.typed else {}),
        "command": command,
        "args": [*options, *arguments, *given.arguments],
        "env": env,
    }
    value = {key: item for key, item in found.items() if item not in ([], {})}
    name = given.name or default
    if client.placeholder is None:
        return Entry(client, name, value, missing=tuple(one.title for one in filled), file=file)
    prompts = [_vscode_input(one) for one in filled] if client.key == "vscode" else ()
    return Entry(client, name, value, prompts, file=file)


def _url_entry(client: Client, url: str, given: Given) -> Entry:
    problems = []
    parts = urlsplit(url)
    if not client.urls:
        problems.append(
            f"{client.title} has no entries for URLs: add the URL as a connector in its settings. Its maker's servers "
            "connect to it over the internet"
        )
    if not parts.hostname or parts.username is not None or parts.password is not None or re.search(r"\s", url):
        problems.append(f"`{without_password(url)}` is not a URL of an endpoint; credentials belong in `--header`")
    problems += [f"`--env {name}` is for servers that the client starts" for name in given.env]
    problems += [f"`--dir {text}` is for servers that the client starts" for text in given.directories]
    problems += [f"`{text}` is an argument, which a URL does not have" for text in given.arguments]
    if problems:
        raise ClientConfigurationError(client.key, problems)
    headers = {"headers": dict(given.headers)} if given.headers else {}
    value = {**({"type": "http"} if client.typed else {}), "url": url, **headers}
    return Entry(client, given.name or str(parts.hostname), value)


def _absolute(path: Path) -> Path:
    if path.is_absolute() or re.match(r"[A-Za-z]:[\\/]", str(path)):
        return path
    return path.resolve() if ".." in path.parts else path.absolute()


def _declared(package: str) -> Configuration | None:
    """Return the declared configuration of a package: of the project in the current folder, or of an installed one."""
    name = _normal(package)
    try:
        document = tomllib.loads((Path.cwd() / "pyproject.toml").read_text("utf-8"))
        if _normal(str(document.get("project", {}).get("name", ""))) == name:
            from wasmcp.project.config import parse

            servers = parse(document, Path.cwd(), check_files=False).servers
            return servers["default"].configuration if "default" in servers else None
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    from importlib import metadata

    try:
        files = metadata.distribution(name).files or ()
    except (metadata.PackageNotFoundError, ValueError):
        return None
    manifest = next((file for file in files if file.as_posix().endswith(_MANIFEST)), None)
    if manifest is None:
        return None
    return Published.read(Path(str(manifest.locate())).with_name("default.wasm")).configuration


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _inputs(known: Configuration | None, given: Given, problems: list[str], *, exact: bool) -> list[OperatorInput]:
    """Return the values of an entry: the required ones that are declared, and those on the command line.

    Args:
        known: The declared configuration; None if it is not known.
        given: The values on the command line.
        problems: Extended by undeclared variables.
        exact: True if undeclared variables do not reach the server.
    """
    declared = [] if known is None else list(operator_inputs(known))
    by_variable = {one.variable: one for one in declared if one.variable}
    guests = {text.split(":")[1] for text in given.directories if text.count(":")}
    found = [
        one
        for one in declared
        if (one.required and one.directory not in guests) or (one.variable and one.variable in given.env)
    ]
    for name in given.env:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
            problems.append(f"`--env {name}`: not a name of an environment variable")
        elif name not in by_variable:
            if exact and known is not None:
                listed = ", ".join(f"`{one}`" for one in by_variable) or "none"
                problems.append(f"`--env {name}`: the server declares no such variable (declared: {listed})")
            found.append(OperatorInput(re.sub(r"[^a-z0-9]+", "_", name.lower()), name, variable=name, secret=True))
    return found


def _directory_arguments(
    client: Client, inputs: Sequence[OperatorInput], given: Given, problems: list[str]
) -> tuple[list[str], list[OperatorInput]]:
    """Return the options for directories, and the values among them that the client's user gives."""
    arguments: list[str] = []
    for text in given.directories:
        host, _, rest = text.partition(":")
        if not host or not rest.startswith("/"):
            problems.append(f"`--dir {text}` must be HOST:GUEST or HOST:GUEST:ro, with the path that components see")
            continue
        arguments += ["--dir", f"{Path(host).expanduser().absolute()}:{rest}"]
    asked = [one for one in inputs if one.directory and not one.variable]
    for one in asked:
        arguments += ["--dir", f"{_placeholder(client, one)}:{one.directory}"]
    return arguments, asked


def _placeholder(client: Client, one: OperatorInput) -> str:
    return f"<{one.title}>" if client.placeholder is None else client.placeholder(one)


def _vscode_input(one: OperatorInput) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "pickString" if one.choices else "promptString",
        "id": _dashed(one),
        "description": one.description or one.title,
    }
    if one.choices:
        found["options"] = list(one.choices)
    if one.default is not None:
        found["default"] = one.default
    if one.secret and not one.choices:
        found["password"] = True
    return found


def client_file(client: Client, scope: Scope | None) -> Path:
    """Return the file of a client; by default that of the project, if the client has one.

    Raises:
        ClientConfigurationError: The client has no such file.
    """
    chosen: Scope = next(iter(client.files)) if scope is None else scope
    if chosen not in client.files:
        raise ClientConfigurationError(client.key, [f"{client.title} has no configuration of a {chosen}"])
    return client.files[chosen]()


@dataclass(frozen=True)
class Installed:
    """Result of an installation.

    Attributes:
        file: The file.
        backup: The copy of the file before the change; None for a new or unchanged file.
        changed: True if the file was written.
    """

    file: Path
    backup: Path | None
    changed: bool


def install(entry: Entry, file: Path, *, force: bool = False) -> Installed:
    """Add an entry to a client's file, whose comments and other entries stay as they are.

    The file is replaced atomically; a copy of it stays next to it.

    Args:
        entry: The entry.
        file: The file, which can be missing.
        force: Replace another entry of this name.

    Raises:
        ClientConfigurationError: Values or the server's file are missing, the client's file cannot be understood, or it
            has another entry of this name. The file is unchanged.
    """
    client = entry.client
    problems = []
    if entry.file is not None and entry.file.is_absolute() and not entry.file.is_file():
        built = "build the server" if entry.file.suffix == ".wasm" else "install the package of the script"
        problems = [f"`{entry.file}` is not a file: {built}, or correct the path"]
    if entry.missing or problems:
        problems += [
            f"`{name}` needs a value, {client.title} has no placeholders: `--env {name}=VALUE` or `--dir HOST:{name}`"
            for name in entry.missing
        ]
        raise ClientConfigurationError(client.key, problems, file=str(file))
    path = file.resolve() if file.is_symlink() else file
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = b""
    except OSError as error:
        raise ClientConfigurationError(client.key, [f"cannot be read: {error.strerror}"], file=str(file)) from None
    try:
        text = before.decode() if before.strip() else "{}\n"
        after = _merged(entry, text, force=force)
    except (CommentedJsonError, UnicodeDecodeError) as error:
        problem = f"is not a configuration with `{client.servers}`: {error}. Correct it, or name another with `--file`"
        raise ClientConfigurationError(client.key, [problem], file=str(file)) from None
    if after is None:
        raise ClientConfigurationError(
            client.key,
            [f"has another server `{entry.name}`: give `--name OTHER`, or `--force` to replace it"],
            file=str(file),
        )
    if after.encode() == before:
        return Installed(file, None, changed=False)
    backup = _backup(path, before) if before else None
    write_atomically(path, after.encode(), path.stat().st_mode & 0o777 if before else 0o600)
    return Installed(file, backup, changed=True)


def _merged(entry: Entry, text: str, *, force: bool) -> str | None:
    """Return a document with the entry; None if it has another one of this name."""
    document = loads(text)
    if not isinstance(document, dict):
        raise CommentedJsonError("the document must be an object")
    servers = document.get(entry.client.servers, {})
    there = servers.get(entry.name) if isinstance(servers, dict) else None
    inputs = document.get("inputs", [])
    known = {one.get("id") for one in inputs if isinstance(one, dict)} if isinstance(inputs, list) else set()
    for one in entry.inputs:
        if one["id"] not in known:
            text = with_item(text, "inputs", dict(one))
    if there == dict(entry.value):
        return text
    if there is not None and not force:
        return None
    return with_member(text, [entry.client.servers, entry.name], dict(entry.value))


def _backup(path: Path, data: bytes) -> Path:
    """Write a copy to the first free name; only its owner can read it, as it can contain secrets."""
    number = 0
    while True:
        candidate = path.with_name(f"{path.name}.bak{number or ''}")
        try:
            handle = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return candidate


def rendered(entry: Entry) -> str:
    """Return a configuration with this entry alone, as JSON."""
    return json.dumps(entry.document(), indent=2, ensure_ascii=False)
