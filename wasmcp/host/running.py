"""Running a server for a client of the stdio transport, from the start of the process to the end of its input."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wasmcp.errors import ArtifactError, WasmcpError
from wasmcp.host.limits import Limits
from wasmcp.host.settings import from_environment, limits_for
from wasmcp.host.stdio import Session, private_stdout, quiet, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.server import Server
    from wasmcp.host.standin import Standin


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
    path = Path(text)
    if path.suffix == ".wasm" or path.is_file() or os.sep in text:
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


def run(
    target: str | os.PathLike[str],
    server: str = "default",
    *,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    keyvalue: str | None = None,
) -> None:
    """Serve a client over standard input and output until the input ends: the whole of a console script.

    Only MCP is written to standard output. What the server's components print, and what goes wrong, is on standard
    error.

    Args:
        target: A composed server's file, or the import package that ships it.
        server: Which of the package's servers.
        limits: What the server may use.
        env: The environment variables it sees; none by default.
        directories: What it sees of the file system: ``(host path, guest path, writable)``; nothing by default.
        instances: How many requests it answers at a time; the number of cores by default.
        keyvalue: Where `wasi:keyvalue` keeps values: `memory:`, which is the default, or `sqlite:PATH`.

    Raises:
        SystemExit: With status 1 when the server cannot be run, 130 when it was interrupted.
    """
    settings = from_environment(os.environ)
    given: dict[str, Any] = {
        "limits": limits_for(settings, limits),
        "settings": settings,
        "env": dict(env or {}),
        "directories": tuple(directories),
        "instances": instances,
        "keyvalue": keyvalue,
    }
    try:
        _serve(find_server(target, server), given)
    except WasmcpError as error:
        sys.stderr.write(f"wasmcp: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        _leave(130)


def _serve(path: Path, given: dict[str, Any]) -> None:
    from wasmcp.host import cache

    limits: Limits = given["limits"]
    data = None if cache.cached(path) else cache.read_component(path)
    session = Session(
        quiet(private_stdout(), lambda: _leave(0)),
        limits,
        None if data is None else _standin(path, data),
    )
    opened: list[Server] = []
    errors: list[Exception] = []

    def load() -> None:
        from wasmcp.host.server import open_server

        try:
            opened.append(open_server(path, **given, echo_stderr=True, on_compile=lambda: compiling_notice(path)))
            if given["settings"]:
                opened[0].boot()
            session.ready(opened[0])
        except Exception as error:  # noqa: BLE001 - raised below, on the thread that ends the process
            errors.append(error)
            session.failed()

    def read() -> None:
        read_lines(0, limits.request, session.line)
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
        if not errors:
            reader.join()
    if errors:
        raise errors[0]
    opened[0].close()


def _standin(path: Path, data: bytes) -> Standin | None:
    from hashlib import sha256

    from wasmcp.host.standin import Standin

    return Standin.beside(path, f"sha256:{sha256(data).hexdigest()}")


def compiling_notice(path: Path) -> None:
    """Write on standard error why the start takes seconds, and why the next one will too if there is no cache."""
    from wasmcp.host import cache

    reason = cache.problem()
    when = f"this happens at each start, for there is no cache: {reason}" if reason else "this happens once"
    sys.stderr.write(f"wasmcp: compiling {path.name} for this machine; {when}\n")
    sys.stderr.flush()


def _leave(status: int) -> NoReturn:
    """End at once: the client is gone, and threads that still run for it are of no use."""
    sys.stderr.flush()
    os._exit(status)
