"""Stdio server: a process that serves one client until the end of its input."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wasmcp.errors import ArtifactError, WasmcpError
from wasmcp.host.configuration.declared import Given, Published, check_used, complete, operator_store
from wasmcp.host.configuration.settings import from_environment, limits_for
from wasmcp.host.configuration.staleness import warn_if_stale
from wasmcp.host.engine import logs
from wasmcp.host.engine.limits import Limits
from wasmcp.host.transports.stdio import StdioSession, private_stdout, quiet, read_lines
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wasmcp.host.client.server import Server
    from wasmcp.host.operations.rate_limits import RateLimits
    from wasmcp.host.operations.tracing import Tracing

_FIRST_LINE = 0.05
"""Maximum seconds that a line at the start is processed before the server is loaded."""
_SWITCH_INTERVAL = 0.0005
"""Seconds between switches of threads while the server is loaded, next to the thread that answers lists."""
_LINES = "\n\t"
"""Control characters that are not escaped in messages on standard error."""


def find_server(target: str | os.PathLike[str], server: str = "default") -> Path:
    """Find a composed server: a file, or one of the servers that an import package ships in `_wasmcp`.

    The package is not imported.

    Raises:
        ArtifactError: The file, package or server does not exist.
    """
    found = find_servers(target)
    if found == [Path(target)]:
        return found[0]
    for path in found:
        if path.stem == server:
            return path
    there = ", ".join(f"`{path.stem}`" for path in found)
    raise ArtifactError(os.fspath(target), f"does not ship a server `{server}`: it has {there}")


def find_servers(target: str | os.PathLike[str]) -> list[Path]:
    """Find all servers of a target: the file itself, or the servers that an import package ships in `_wasmcp`.

    Raises:
        ArtifactError: The file or package does not exist, or the package does not ship a server.
    """
    text = os.fspath(target)
    if text.startswith("oci://"):
        raise ArtifactError(text, "is in a registry: `wasmcp pull` fetches it and prints the path of its file")
    if is_file(text):
        path = Path(text)
        if not path.is_file():
            raise ArtifactError(text, "does not exist" if not path.exists() else "is not a file")
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
        raise ArtifactError(text, "is a package without a server: build it with `hatch build`")
    return found


def is_file(target: str) -> bool:
    """Return True if a target is a file, not an import package."""
    return target.endswith(".wasm") or os.sep in target or Path(target).is_file()


def server_name(target: str, option: str | None) -> str:
    """Return the name of the server of a target, by the option `--name` of a command.

    Raises:
        ValueError: The option is given for a file, which is one server.
    """
    if option is not None and is_file(target):
        raise ValueError(f"--name is the name of a server of a package, and `{target}` is a file: leave it out")
    return "default" if option is None else option


def published(target: str | os.PathLike[str], server: str = "default") -> Published:
    """Find a composed server and its description in the manifest.

    Raises:
        ArtifactError: The file, package or server does not exist.
        InvalidConfigurationError: The manifest cannot be read.
    """
    text = os.fspath(target)
    return Published.read(find_server(target, server), "" if is_file(text) else text)


def _shipped(target: str | os.PathLike[str], server: str) -> Published:
    """Find the server of a console script. Its package is trusted like the script, also if the target is a path."""
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
    reuse: str | None = None,
) -> None:
    """Serve a client over standard input and output until the input ends: the main function of a console script.

    The script has the options of `wasmcp run`, which take precedence over the arguments of this function. The
    environment variables, directories and the store that the project declares in ``[tool.wasmcp.servers.NAME]`` are
    passed to the components with the grant for them. Only MCP is written to standard output. Output of the server's
    components, and errors, are written to standard error.

    Args:
        target: The import package that ships the server, or a composed server's file.
        server: The name of the package's server.
        arguments: The command line; by default that of the process.
        limits: The limits of the server.
        env: Environment variables that the server sees in addition to those that the project declares.
        directories: Directories that the server sees in addition, as ``(host path, guest path, writable)``.
        instances: Maximum number of concurrent requests; by default the one that the project declares, or as many as
            are of use (see docs/guides/running.md).
        reuse: `process` or `request`, see `open_server`; by default the one that the project declares.
        keyvalue: The store of `wasi:keyvalue`: `memory:`, `sqlite:PATH` or `redis://HOST`. By default the one of the
            environment variable `WASMCP_KEYVALUE`, or a file below the user's data directory (`WASMCP_DATA_DIR`);
            `memory:` for a server's file.

    Raises:
        SystemExit: With status 1 if the server cannot be run, 2 for wrong usage, 130 if it was interrupted, 0 after
            `--help` and `--version`.
    """
    command_line = sys.argv[1:] if arguments is None else list(arguments)
    given = Given(dict(env or {}), tuple(directories), keyvalue)
    with exits():
        if not command_line:
            _run(_shipped(target, server), given, limits, instances, reuse, traces=None)
            return
        from wasmcp.host.configuration import command_options

        found = _shipped(target, command_options.chosen_name(command_line) or server)
        parser = command_options.script_parser(Path(sys.argv[0]).name, found, limits)
        parsed = parser.parse_args(command_line)
        if found.path == Path(target) and parsed.name != found.path.stem:
            parser.error(f"--name must be `{found.path.stem}`, the only server, not `{parsed.name}`")
        chosen, _, pooling = command_options.read_options(parser, parsed)
        bounded = command_options.limits(parsed.timeout, parsed.memory, limits)
        many, how = pooling.instances or instances, pooling.reuse or reuse
        logs.set_up(verbose=pooling.verbose)
        _run(found, command_options.merged(given, chosen), bounded, many, how, traces=pooling.traces)


def run_given(
    target: str | os.PathLike[str],
    server: str = "default",
    given: Given | None = None,
    limits: Limits | None = None,
    instances: int | None = None,
    *,
    reuse: str | None = None,
    verbose: bool = False,
    traces: bool | None = None,
) -> None:
    """Serve a client over standard input and output with the operator's values, as `wasmcp run` does.

    Args:
        target: A composed server's file, or an import package that ships one.
        server: The name of the package's server.
        given: The operator's environment, directories and store.
        limits: The limits of the server.
        instances: Maximum number of concurrent requests; by default the one that the project declares, or as many as
            are of use (see docs/guides/running.md).
        reuse: `process` or `request`, see `open_server`; by default the one that the project declares.
        verbose: Log details, such as the bound of instances.
        traces: Export traces for OpenTelemetry; None to do so if variables `OTEL_*` enable it.

    Raises:
        SystemExit: With status 1 if the server cannot be run, 130 if it was interrupted.
    """
    with exits():
        logs.set_up(verbose=verbose)
        _run(published(target, server), given or Given(), limits, instances, reuse, traces=traces)


@contextmanager
def exits() -> Iterator[None]:
    """Convert errors to the exit code and the message of a process that serves stdio."""
    logs.set_up()
    try:
        yield
    except WasmcpError as error:
        sys.stderr.write(f"wasmcp: {printable(str(error), keep=_LINES)}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        _leave(130)


def _run(
    server: Published,
    given: Given,
    limits: Limits | None,
    instances: int | None,
    reuse: str | None,
    *,
    traces: bool | None,
) -> None:
    given = replace(given, keyvalue=operator_store(given.keyvalue, os.environ))
    whole = complete(server, given, os.environ)
    settings = from_environment(os.environ, whole.env)
    warn_if_stale(server.path)
    tracing = _tracing(server, traces)
    _serve(
        server.path,
        given,
        {
            "limits": limits_for(settings, limits),
            "settings": settings,
            "instances": server.configuration.instances if instances is None else instances,
            "reuse": server.configuration.reuse if reuse is None else reuse,
            "env": dict(whole.env),
            "directories": tuple(whole.directories),
            "keyvalue": whole.keyvalue,
        },
        server.configuration.limits,
        tracing,
    )


def _tracing(server: Published, traces: bool | None) -> Tracing | None:
    """Return the traces of this process; None if they are disabled. Without an option and a variable nothing is loaded.

    Raises:
        HostError: The variables `OTEL_*` are invalid, or the extra is missing.
    """
    if traces is None and not any(name.startswith("OTEL_") for name in os.environ):
        return None
    from wasmcp.host.operations.tracing import of_process

    return of_process(traces, server.name, server.metadata.get("version"))


def _serve(path: Path, named: Given, given: dict[str, Any], rates: RateLimits, tracing: Tracing | None) -> None:
    """Serve the client. Lists are answered from the manifest while the server is compiled, or loaded with wasmtime.

    Loading takes a tenth of a second: if lists call a component, they wait for it.
    """
    from wasmcp.host.engine import compile_cache
    from wasmcp.host.mcp.manifest_responder import ManifestResponder

    limits: Limits = given["limits"]
    responder = ManifestResponder.of_file(path)
    if responder is not None and not responder.has_fixed_lists and compile_cache.cached(path):
        responder = None
    output = private_stdout()
    session = StdioSession(
        quiet(output, lambda: _leave(0, tracing)),
        limits,
        responder,
        rates,
        tracing,
    )
    opened: list[Server] = []
    errors: list[Exception] = []

    def load() -> None:
        from wasmcp.host.client.server import open_server

        try:
            opened.append(
                open_server(
                    path,
                    **given,
                    echo_stderr=True,
                    quick_start=True,
                    on_compile=lambda: compiling_notice(path),
                    on_built=None if tracing is None else tracing.built,
                )
            )
            check_used(named, opened[0].imports)
            if given["settings"] or logs.is_verbose():
                opened[0].boot()
                opened[0].pool.log_bound()
            session.ready(opened[0])
        except Exception as error:  # noqa: BLE001 - raised below, on the thread that ends the process
            errors.append(error)
            session.failed()

    begun = threading.Event()

    def take(line: bytes) -> None:
        session.line(line)
        begun.set()

    def read() -> None:
        read_lines(0, limits.request, take)
        begun.set()
        output.end_if_unread(limits.http.write_time, _leave_unread)
        session.drain()

    # On a separate thread, which is abandoned in its read if the server cannot be opened.
    reader = threading.Thread(target=read, name="wasmcp-stdin", daemon=True)
    _load_beside(reader, begun, load)
    while not errors and reader.is_alive():
        reader.join(1)  # a signal that comes just before a wait is handled after it
    if errors:
        if tracing is not None:
            tracing.close()
        raise errors[0]
    failure = opened[0].pool.failure
    opened[0].close()
    if tracing is not None:
        tracing.close()
    logs.flush()
    if failure is not None:
        raise failure


def _load_beside(reader: threading.Thread, begun: threading.Event, load: Callable[[], None]) -> None:
    """Load the server, and let the thread that reads lines answer lists at the same time.

    Args:
        reader: The thread, which is started.
        begun: Event of the first line that it has processed.
        load: Function that loads the server.
    """
    has_input = bool(select.select([0], [], [], 0)[0])
    reader.start()
    if has_input:
        begun.wait(_FIRST_LINE)  # otherwise it would take turns with the imports of wasmtime
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    load()
    sys.setswitchinterval(interval)


def compiling_notice(path: Path) -> None:
    """Log a notice of the compilation, with the reason if the cache cannot be used."""
    from wasmcp.host.engine import compile_cache

    reason = compile_cache.problem()
    when = f"this happens at each start without a cache: {reason}" if reason else "this happens once"
    facts = {"path": path, "reason": reason}
    logs.log(logs.ENGINE, logs.INFO, f"compiling {path.name} for this machine; {when}", **facts)


def _leave_unread() -> NoReturn:
    """End the process: the client has closed its input and does not read the output either."""
    logs.log(logs.TRANSPORTS, logs.ERROR, "the client has closed the input and does not read the output: ending")
    _leave(1)


def _leave(status: int, tracing: Tracing | None = None) -> NoReturn:
    """End the process at once: the client has disconnected, so running threads are no longer needed."""
    if tracing is not None:
        tracing.close()
    logs.flush()
    os._exit(status)
