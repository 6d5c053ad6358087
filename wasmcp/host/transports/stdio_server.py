"""Running a server for a client of the stdio transport, from the start of the process to the end of its input."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wasmcp.errors import ArtifactError, WasmcpError
from wasmcp.host.configuration.declared import Given, Published, check_used, complete
from wasmcp.host.configuration.settings import from_environment, limits_for
from wasmcp.host.configuration.staleness import warn_if_stale
from wasmcp.host.engine import standard_error
from wasmcp.host.engine.limits import Limits
from wasmcp.host.transports.stdio import Session, private_stdout, quiet, read_lines
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wasmcp.host.client.server import Server
    from wasmcp.host.mcp.manifest_responder import Standin

_LINES = "\n\t"
"""The control characters that a message on standard error may have."""


def find_server(target: str | os.PathLike[str], server: str = "default") -> Path:
    """Find a composed server: a file, or one of those that an import package ships in `_wasmcp`.

    The package is not imported.

    Raises:
        ArtifactError: There is no such file, package or server.
    """
    found = find_servers(target)
    if found == [Path(target)]:
        return found[0]
    for path in found:
        if path.stem == server:
            return path
    there = ", ".join(f"`{path.stem}`" for path in found)
    raise ArtifactError(os.fspath(target), f"ships no server `{server}`: it has {there}")


def find_servers(target: str | os.PathLike[str]) -> list[Path]:
    """Find all servers that a target stands for: the file itself, or what an import package ships in `_wasmcp`.

    Raises:
        ArtifactError: There is no such file or package, or it ships none.
    """
    text = os.fspath(target)
    if _is_file(text):
        path = Path(text)
        if not path.is_file():
            raise ArtifactError(text, "is not there" if not path.exists() else "is no file")
        return [path]
    from importlib.util import find_spec

    try:
        spec = find_spec(text)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(text, "is neither a file nor an installed package")
    folders = [Path(location) / "_wasmcp" for location in spec.submodule_search_locations]
    found = sorted(file for folder in folders for file in folder.glob("*.wasm"))
    if not found:
        raise ArtifactError(text, "is a package that ships no server: build it with `hatch build`")
    return found


def _is_file(target: str) -> bool:
    """Tell whether a target means a file, and not an import package."""
    return target.endswith(".wasm") or os.sep in target or Path(target).is_file()


def published(target: str | os.PathLike[str], server: str = "default") -> Published:
    """Find a composed server and what its manifest tells an operator.

    Raises:
        ArtifactError: There is no such file, package or server.
        InvalidConfigurationError: The manifest cannot be read.
    """
    text = os.fspath(target)
    return Published.read(find_server(target, server), "" if _is_file(text) else text)


def _shipped(target: str | os.PathLike[str], server: str) -> Published:
    """Find the server of a console script, whose package is trusted as its own code is, also by the file's path."""
    found = published(target, server)
    folder = found.path.absolute().parent
    return replace(found, package=folder.parent.name) if not found.package and folder.name == "_wasmcp" else found


def run(
    target: str | os.PathLike[str],
    server: str = "default",
    *,
    arguments: Sequence[str] | None = None,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    keyvalue: str | None = None,
) -> None:
    """Serve a client over standard input and output until the input ends: the whole of a console script.

    The script takes the options of `wasmcp run`; they count before the arguments of this function. The environment
    variables, directories and the store that the project declares in ``[tool.wasmcp.servers.NAME]`` are passed on to
    the components that are granted them. Only MCP is written to standard output. What the server's components print,
    and what goes wrong, is on standard error.

    Args:
        target: The import package that ships the server, or a composed server's file.
        server: Which of the package's servers.
        arguments: The command line; that of the process when left out.
        limits: What the server may use.
        env: Environment variables that it sees besides those that the project declares.
        directories: What it sees of the file system besides: ``(host path, guest path, writable)``.
        instances: How many requests it answers at a time; the number of cores by default.
        keyvalue: Where `wasi:keyvalue` keeps values: `memory:` or `sqlite:PATH`. By default in a file below the user's
            data directory (`WASMCP_DATA_DIR`); in memory for a server's file.

    Raises:
        SystemExit: With status 1 when the server cannot be run, 2 for wrong usage, 130 when it was interrupted, 0 after
            `--help` and `--version`.
    """
    told = sys.argv[1:] if arguments is None else list(arguments)
    given = Given(dict(env or {}), tuple(directories), keyvalue)
    with exits():
        if not told:
            _run(_shipped(target, server), given, limits, instances)
            return
        from wasmcp.host.configuration import command_options

        found = _shipped(target, command_options.chosen_name(told) or server)
        parser = command_options.script_parser(Path(sys.argv[0]).name, found, limits)
        parsed = parser.parse_args(told)
        chosen, _, many = command_options.read_options(parser, parsed)
        bounded = command_options.limits(parsed.timeout, parsed.memory, limits)
        _run(found, command_options.merged(given, chosen), bounded, many or instances)


def run_given(
    target: str | os.PathLike[str],
    server: str = "default",
    given: Given | None = None,
    limits: Limits | None = None,
    instances: int | None = None,
) -> None:
    """Serve a client over standard input and output with what an operator gives, as `wasmcp run` does.

    Args:
        target: A composed server's file, or an import package that ships one.
        server: Which of the package's servers.
        given: What the operator gives by name.
        limits: What the server may use.
        instances: How many requests it answers at a time; the number of cores by default.

    Raises:
        SystemExit: With status 1 when the server cannot be run, 130 when it was interrupted.
    """
    with exits():
        _run(published(target, server), given or Given(), limits, instances)


@contextmanager
def exits() -> Iterator[None]:
    """Turn what goes wrong into the exit code and the message of a process that serves stdio."""
    standard_error.replace_stream()
    try:
        yield
    except WasmcpError as error:
        sys.stderr.write(f"wasmcp: {printable(str(error), keep=_LINES)}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        _leave(130)


def _run(server: Published, given: Given, limits: Limits | None, instances: int | None) -> None:
    whole = complete(server, given, os.environ)
    settings = from_environment(os.environ, whole.env)
    warn_if_stale(server.path)
    _serve(
        server.path,
        given,
        {
            "limits": limits_for(settings, limits),
            "settings": settings,
            "instances": instances,
            "env": dict(whole.env),
            "directories": tuple(whole.directories),
            "keyvalue": whole.keyvalue,
        },
    )


def _serve(path: Path, named: Given, given: dict[str, Any]) -> None:
    from wasmcp.host.engine import compile_cache

    limits: Limits = given["limits"]
    data = None if compile_cache.cached(path) else compile_cache.read_component(path)
    output = private_stdout()
    session = Session(
        quiet(output, lambda: _leave(0)),
        limits,
        None if data is None else _standin(path, data),
    )
    opened: list[Server] = []
    errors: list[Exception] = []

    def load() -> None:
        from wasmcp.host.client.server import open_server

        try:
            opened.append(open_server(path, **given, echo_stderr=True, on_compile=lambda: compiling_notice(path)))
            check_used(named, opened[0].imports)
            if given["settings"]:
                opened[0].boot()
            session.ready(opened[0])
        except Exception as error:  # noqa: BLE001 - raised below, on the thread that ends the process
            errors.append(error)
            session.failed()

    def read() -> None:
        read_lines(0, limits.request, session.line)
        output.end_if_unread(limits.http.write_time, _leave_unread)
        session.drain()

    if data is None:
        load()
        if not errors:
            read()
    else:
        # On a thread of its own, to be left behind reading when there will be no server.
        reader = threading.Thread(target=read, name="wasmcp-stdin", daemon=True)
        reader.start()
        load()
        while not errors and reader.is_alive():
            reader.join(1)  # a signal that comes just before a wait is handled after it
    if errors:
        raise errors[0]
    failure = opened[0].pool.failure
    opened[0].close()
    standard_error.flush()
    if failure is not None:
        raise failure


def _standin(path: Path, data: bytes) -> Standin | None:
    from hashlib import sha256

    from wasmcp.host.mcp.manifest_responder import Standin

    return Standin.beside(path, f"sha256:{sha256(data).hexdigest()}")


def compiling_notice(path: Path) -> None:
    """Write on standard error why the start takes seconds, and why the next one will too if there is no cache."""
    from wasmcp.host.engine import compile_cache

    reason = compile_cache.problem()
    when = f"this happens at each start, for there is no cache: {reason}" if reason else "this happens once"
    sys.stderr.write(f"wasmcp: compiling {path.name} for this machine; {when}\n")
    sys.stderr.flush()


def _leave_unread() -> NoReturn:
    """End the process: the client has closed its input and does not read the output either."""
    sys.stderr.write("wasmcp: the client has closed the input and does not read the output: ending\n")
    _leave(1)


def _leave(status: int) -> NoReturn:
    """End at once: the client is gone, and threads that still run for it are of no use."""
    standard_error.flush()
    os._exit(status)
