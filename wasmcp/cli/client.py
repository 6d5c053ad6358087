"""Commands of the client: `wasmcp list`, `call`, `read` and `prompt`, with their options, exit codes and elicitations.

In an elicitation on the terminal forms are filled in, and URLs are shown. Specification: client/elicitation.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.cli.progress import StatusLine, say
from wasmcp.client.texts import Field, fields
from wasmcp.errors import ArgumentsError, ConnectionFailedError, RequestError, TaskCancelledError, UnansweredInputError
from wasmcp.host.configuration.command_options import environment, number
from wasmcp.protocol import REVISIONS
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.client.connection import Client
    from wasmcp.client.targets import Target

TOOL_ERROR = 3
ERROR_RESPONSE = 4
NO_CONNECTION = 5
EXIT_CODES = """\b
Exit codes: 0 success, 1 error, 2 wrong usage, 3 tool error, 4 error response,
5 no connection or no response in time, 130 interrupted."""

_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COMMAND = "wasmcp.command"
_START = 60.0  # seconds for the first response of a program
_COMPILATION = 300.0  # seconds for that of a composed server, which may have to be compiled
_MARGIN = 5.0  # seconds: this client reports the time limit before the server does


class ClientCommand(click.Command):
    """Command whose target can be a command line after `--`, instead of the argument TARGET."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the command line after `--` out of the arguments."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[at + 1 :])
            if not args[at + 1 :]:
                raise click.UsageError("a command must follow `--`", ctx)
            args = ["command", *args[:at]]  # in the place of TARGET
        return super().parse_args(ctx, args)


@dataclass(frozen=True)
class Options:
    """Options of a connection.

    Attributes:
        target: The server.
        timeout: Seconds for each request.
        revision: The revision to use; None for the latest that both support.
        log_level: The level from which log messages are requested; None for no messages.
        verbose: Show the standard error of the server.
        as_json: Print the result as JSON.
    """

    target: Target
    timeout: float
    revision: str | None
    log_level: str | None
    verbose: bool
    as_json: bool


def client_command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Return the decorator of a command with a target and the options of a connection.

    The function gets an `Options` as its first argument.
    """
    options = [
        click.argument("target"),
        click.option("--name", metavar="SERVER", help="The server's name in a package.  [default: default]"),
        click.option("--env", "variables", multiple=True, metavar="KEY[=VALUE]", help="Pass an environment variable."),
        click.option("--dir", "folders", multiple=True, metavar="HOST[:GUEST[:ro]]", help="Grant access to a folder."),
        click.option("--keyvalue", metavar="URL", help="Key-value store of a server's file or package."),
        click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="HTTP header field."),
        click.option("--token", metavar="VARIABLE", help="Environment variable with a bearer token."),
        click.option("--timeout", type=number, default="60", metavar="SECONDS", help="Time limit.  [default: 60]"),
        click.option("--protocol", "revision", type=click.Choice(REVISIONS), help="Revision.  [default: the latest]"),
        click.option(
            "--log-level",
            type=click.Choice((*_LEVELS, "none")),
            default="info",
            help="Log messages to show.  [default: info]",
            metavar="LEVEL",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Show the standard error of the server."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ]

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(target: str, **given: Any) -> None:
            own = {key: given.pop(key) for key in _OWN}
            with _exit_codes():
                function(_options(target, **own), **given)

        wrapped: Any = run
        for option in reversed(options):
            wrapped = option(wrapped)
        return click.command(name, cls=ClientCommand, epilog=EXIT_CODES)(wrapped)

    return decorate


_OWN = (
    "name",
    "variables",
    "folders",
    "keyvalue",
    "headers",
    "token",
    "timeout",
    "revision",
    "log_level",
    "verbose",
    "as_json",
)


def _options(
    target: str,
    *,
    name: str | None,
    variables: Sequence[str],
    folders: Sequence[str],
    keyvalue: str | None,
    headers: Sequence[str],
    token: str | None,
    timeout: float,
    revision: str | None,
    log_level: str,
    verbose: bool,
    as_json: bool,
) -> Options:
    """Check the options of a command line.

    Raises:
        UsageError: A value is not valid, or an option has no effect on this target.
        ConnectionFailedError: The target cannot be found.
    """
    from wasmcp.client import targets
    from wasmcp.host.transports.stdio_server import server_name

    if not 0 < timeout < 1e9:
        raise click.UsageError(f"--timeout must be a number of seconds above 0, not {timeout:g}")
    try:
        env = environment(variables)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    fields = _fields(headers, token)
    command: tuple[str, ...] | None = click.get_current_context().meta.get(_COMMAND)
    ours = {"--name": name, "--dir": folders, "--keyvalue": keyvalue}
    if command is not None or targets.is_url(target):
        _refuse_unused({**ours, **({} if command is not None else {"--env": env})}, "a file or package")
    if targets.is_url(target):
        _refuse_unused({"--verbose": verbose}, "a process that this command starts")
    if command is not None or not targets.is_url(target):
        _refuse_unused({"--header": headers, "--token": token}, "a URL")
    if command is not None:
        found = targets.of_command(command, env)
    elif targets.is_url(target):
        found = targets.of_url(target, fields)
    else:
        if name is not None:
            try:
                server_name(target, name)
            except ValueError as error:
                raise click.UsageError(str(error)) from None
        given = ["--timeout", f"{timeout + _MARGIN:f}".rstrip("0").rstrip(".")]
        given += ["--name", name] if name is not None else []
        given += [part for folder in folders for part in ("--dir", folder)]
        given += ["--keyvalue", keyvalue] if keyvalue is not None else []
        found = targets.of_name(target, given, env)
        if not found.is_composed:
            _refuse_unused(ours, "a server that wasmcp has composed")
    level = None if log_level == "none" else log_level
    return Options(found, timeout, revision, level, verbose, as_json)


def _refuse_unused(options: dict[str, Any], kind: str) -> None:
    used = [name for name, value in options.items() if value]
    if used:
        raise click.UsageError(f"{', '.join(used)} applies to {kind} only: leave it out")


def _fields(headers: Sequence[str], token: str | None) -> dict[str, str]:
    """Return the header fields of a command line, with the values of environment variables."""
    fields: dict[str, str] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not _FIELD.fullmatch(name.strip()):
            raise click.UsageError("--header must be 'NAME: VALUE'")
        fields[name.strip()] = _clean(name, _VARIABLE.sub(lambda found: _variable(found[1]), value.strip()))
    if token is not None:
        fields["Authorization"] = f"Bearer {_clean('--token', _variable(token).strip())}"
    return fields


def _clean(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value:
        raise click.UsageError(f"{name}: the value must be printable ASCII, and not empty")
    return value


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None and not _NAME.fullmatch(name):  # it can be the token itself, which must not get into logs
        raise click.UsageError("--token must be the name of an environment variable that has the token, not the token")
    if value is None:
        raise click.UsageError(f"the environment variable `{name}` is not set")
    return value


@contextmanager
def connected(options: Options) -> Iterator[Client]:
    """Connect to the server; show its progress, log messages and forms on the terminal.

    Raises:
        ClickException: The connection failed, or the server returned an error response.
    """
    from wasmcp.client import texts
    from wasmcp.client.connection import Callbacks, Client

    shown = StatusLine()

    def log(params: dict[str, Any]) -> None:
        shown.line(texts.log_message(params))

    statuses: list[str] = []

    def task(state: dict[str, Any]) -> None:
        status, message = str(state.get("status")), state.get("statusMessage")
        if statuses[-1:] != [status]:
            statuses.append(status)
            shown.line(printable(f"task {state.get('taskId')}: {status}"))
        if isinstance(message, str):
            shown.update(printable(message))

    def form(params: dict[str, Any]) -> dict[str, Any]:
        shown.clear()
        return elicit(params)

    callbacks = Callbacks(
        on_progress=lambda params: shown.update(texts.progress(params)),
        on_log=log if options.log_level is not None else lambda _: None,
        on_note=lambda text: shown.line(f"note: {text}"),
        on_task=task,
        elicit=form if sys.stdin.isatty() and sys.stderr.isatty() else None,
    )
    transport = options.target.open(
        options.timeout, (lambda text: shown.line(printable(text))) if options.verbose else None
    )
    try:
        with Client(
            options.target.shown,
            transport,
            callbacks,
            timeout=options.timeout,
            start_timeout=0 if options.target.url else _COMPILATION if options.target.is_composed else _START,
            is_composed=options.target.is_composed,
            revision=options.revision,
            log_level=options.log_level,
        ) as client:
            yield client
    except (RequestError, ConnectionFailedError):
        shown.clear()
        lines = [] if options.verbose else transport.diagnostics()
        if lines:
            say("standard error of the server:")
            say("\n".join(f"  {printable(line)}" for line in lines))
        raise
    finally:
        shown.clear()


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Convert errors to messages and exit codes."""
    try:
        yield
    except ArgumentsError as error:
        lines = "\n".join(f"  {printable(problem)}" for problem in error.problems)
        raise click.UsageError(f"the arguments are not valid:\n{lines}") from None
    except RequestError as error:
        raise _Ended(_described(error), ERROR_RESPONSE) from None
    except (TaskCancelledError, UnansweredInputError) as error:
        raise _Ended(str(error), ERROR_RESPONSE) from None
    except ConnectionFailedError as error:
        raise _Ended(str(error), NO_CONNECTION) from None


def _described(error: RequestError) -> str:
    from wasmcp.client.texts import pretty

    return f"{error}\n{pretty(error.data)}" if error.data is not None else str(error)


class _Ended(click.ClickException):
    """Error with an exit code of its own."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(printable(text, keep="\n\t"))
        self._code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """The exit code."""
        return self._code


def base_arguments(text: str | None) -> dict[str, Any]:
    """Return the arguments that `--arguments` names: JSON, `@FILE`, or `-` for standard input.

    Raises:
        ArgumentsError: The text is not a JSON object, or the file cannot be read.
    """
    from wasmcp.client.texts import json_object

    if text is None:
        return {}
    try:
        if text == "-":
            return json_object(sys.stdin.read())
        if text.startswith("@"):
            return json_object(Path(text[1:]).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentsError(f"`{text}` cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return json_object(text)


def similar(name: str, known: Sequence[str]) -> str:
    """Return a hint of the known names that are similar; or the empty string."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3)
    shown = ", ".join(f"`{printable(one)}`" for one in near)
    return f"`{printable(name)}` is not in the list of the server: did you mean {shown}?" if near else ""


def echo_lines(lines: Iterator[str]) -> None:
    """Print lines that are escaped already."""
    for line in lines:
        click.echo(line)


@client_command("list")
def list_command(options: Options) -> None:
    """List the tools, resources, resource templates and prompts of a server.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`: wasmcp list -- npx -y @modelcontextprotocol/server-everything
    """
    from wasmcp.client import texts
    from wasmcp.errors import RequestError
    from wasmcp.protocol import CODES, LISTS

    with connected(options) as client:
        found = {}
        for one in LISTS:
            if one.capability not in client.capabilities:
                continue
            try:
                found[one.kind] = client.list_all(one.method, one.member)
            except RequestError as error:
                if error.code != CODES["method_not_found"]:  # resources without templates
                    raise
        server, revision, instructions = client.server, client.revision, client.instructions
        capabilities = client.capabilities
    if options.as_json:
        document = {
            "target": options.target.shown,
            "protocol": revision,
            "server": server,
            "capabilities": capabilities,
            "instructions": instructions,
            **{one.kind: found.get(one.kind, []) for one in LISTS},
        }
        click.echo(texts.pretty(document))
    else:
        echo_lines(texts.lists(server, revision, found))


_named = click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
_base = click.option(
    "-a", "--arguments", "base", metavar="JSON", help="Arguments: JSON, @FILE, or - for standard input."
)


@client_command("call")
@click.argument("tool")
@_named
@_base
def call_command(options: Options, tool: str, arguments: tuple[str, ...], base: str | None) -> None:
    """Call a tool of a server, and print its result.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`: wasmcp call echo message=hello -- npx -y @modelcontextprotocol/server-everything

    NAME=VALUE has the type that the tool's schema gives NAME; arrays and objects are JSON, and a NAME of an array can
    be repeated.
    """
    from wasmcp.client import texts
    from wasmcp.client.texts import tool_arguments
    from wasmcp.errors import RequestError

    given = base_arguments(base)
    with connected(options) as client:
        tools = {str(one.get("name")): one for one in client.list_all("tools/list", "tools")}
        schema = tools[tool].get("inputSchema") if tool in tools else None
        whole = tool_arguments(arguments, given, schema)
        hint = "" if tool in tools else similar(tool, list(tools))
        try:
            result = client.request("tools/call", {"name": tool, "arguments": whole}, progress=True)
        except RequestError:
            if hint:
                say(hint)
            raise
    is_error = result.get("isError") is True
    if is_error and hint:
        say(hint)
    if options.as_json:
        click.echo(texts.pretty(result))
    else:
        for text in texts.blocks(result):
            click.echo(text, err=is_error)
    if is_error:
        raise SystemExit(TOOL_ERROR)


@client_command("read")
@click.argument("uri")
@click.option(
    "-o",
    "--output",
    type=FilePath(dir_okay=False, path_type=Path),
    help="Write the contents to this file, byte for byte.",
)
def read_command(options: Options, uri: str, output: Path | None) -> None:
    """Read a resource of a server, and print its contents.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`. Control characters are escaped, and binary contents are described; with --output they are written unchanged.
    """
    from wasmcp.client import texts
    from wasmcp.host.client.types import ResourceResult

    with connected(options) as client:
        result = client.request("resources/read", {"uri": uri}, progress=True)
    if output is not None:
        from wasmcp.file_writing import write_atomically

        data = ResourceResult.from_wire(result).data
        try:
            write_atomically(output, data)
        except OSError as error:
            raise click.ClickException(f"`{output}` cannot be written: {error.strerror or error}") from None
        click.echo(f"{output}: {len(data):,} bytes", err=options.as_json)
    if options.as_json:
        click.echo(texts.pretty(result))
    elif output is None:
        for part in result.get("contents", []):
            click.echo(texts.contents(part) if isinstance(part, dict) else texts.pretty(part))


@client_command("prompt")
@click.argument("prompt")
@_named
@_base
def prompt_command(options: Options, prompt: str, arguments: tuple[str, ...], base: str | None) -> None:
    """Get a prompt of a server, and print its messages.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`.
    """
    from wasmcp.client import texts
    from wasmcp.client.texts import prompt_arguments

    whole = prompt_arguments(arguments, base_arguments(base))
    with connected(options) as client:
        params = {"name": prompt, "arguments": whole} if whole else {"name": prompt}
        result = client.request("prompts/get", params, progress=True)
    if options.as_json:
        click.echo(texts.pretty(result))
    else:
        echo_lines(texts.messages(result))


_ACCEPT, _DECLINE, _CANCEL = "a", "d", "c"
_ACTIONS = {_ACCEPT: "accept", _DECLINE: "decline", _CANCEL: "cancel"}


def elicit(params: dict[str, Any]) -> dict[str, Any]:
    """Show the elicitation of a server, and return the result of the user's input.

    Texts of the server are escaped. No URL is opened.
    """
    _say("")
    _say(f"The server requests input: {printable(str(params.get('message', '')), keep=chr(10))}")
    try:
        if params.get("mode") == "url":
            return _url(params)
        return _form(params)
    except EOFError:
        _say("")
        return {"action": "cancel"}


def _url(params: dict[str, Any]) -> dict[str, Any]:
    url = str(params.get("url", ""))
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    _say(f"Open this address in a browser, if you trust `{printable(host)}`:")
    _say(f"  {printable(url)}")
    return {"action": _action("[a] accept (opened)  [d] decline  [c] cancel")}


def _form(params: dict[str, Any]) -> dict[str, Any]:
    form = list(fields(params))
    if form:
        _say("An empty line takes the default; end of input (Ctrl-D) cancels.")
    content: dict[str, Any] = {}
    for one in form:
        value = _value(one)
        if value is not None:
            content[one.name] = value
    action = _action("[a] accept and send  [d] decline  [c] cancel")
    return {"action": action, "content": content} if action == "accept" else {"action": action}


def _value(one: Field) -> Any:
    """Read the value of a field; None for a field that stays empty."""
    described = f" - {printable(one.description)}" if one.description else ""
    _say(f"{printable(one.title)}{described}")
    for position, (_, title) in enumerate(one.choices, 1):
        _say(f"  {position}) {printable(title)}")
    kinds = {"boolean": "y/n", "integer": "integer", "number": "number", "array": "several, separated by commas"}
    facts = [kinds[one.kind]] if one.kind in kinds else []
    facts += ["required" if one.is_required else "optional"]
    facts += [f"default {printable(str(one.default))}"] if one.default is not None else []
    while True:
        text = _read(f"  ({', '.join(facts)}): ").strip()
        if not text and one.default is not None:
            return one.default
        if not text and not one.is_required:
            return None
        if not text and one.kind != "string":
            _say("  a value is required")
            continue
        try:
            return one.value(text)
        except ValueError as error:
            _say(f"  {error}")


def _action(prompt: str) -> str:
    while True:
        text = _read(f"{prompt}: ").strip().lower()[:1]
        if text in _ACTIONS:
            return _ACTIONS[text]


def _read(prompt: str) -> str:
    """Read a line; standard output is for results.

    Raises:
        EOFError: The input has ended.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
