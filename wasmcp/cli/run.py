"""`wasmcp run`: a server over standard input and output. Parsed without click, which costs as much as the server."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from wasmcp.host.limits import Limits

_EPILOG = """\
The server sees no environment variable and no file that it is not given here. Only MCP is written to standard
output. Exit codes: 0 the input ended, 1 the server cannot be run, 2 wrong usage, 130 interrupted."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SystemExit: With the command's exit code, where it is not 0.
    """
    from wasmcp.host.running import run

    if len(arguments) == 1 and not arguments[0].startswith("-"):
        run(arguments[0])  # what clients are mostly configured with needs no parser
        return
    import argparse

    parser = argparse.ArgumentParser(
        prog="wasmcp run",
        description="Serve over standard input and output.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", help="a composed server's file, or an import package that ships one")
    parser.add_argument("--name", default="default", help="which of the package's servers (default: %(default)s)")
    add_grants(parser)
    given = parser.parse_args(arguments)
    run(given.server, given.name, **host_options(parser, given))


def add_grants(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a server may see and use."""
    parser.add_argument("--env", action="append", default=[], metavar="KEY[=VALUE]", help="let it see a variable")
    parser.add_argument(
        "--dir", action="append", default=[], metavar="HOST[:GUEST[:ro]]", help="let it see a directory (`:ro`: read)"
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="time a request may take (default: 60)")
    parser.add_argument("--memory", type=int, metavar="MIB", help="memory of each component (default: 1024)")
    parser.add_argument("--instances", type=int, metavar="N", help="requests answered at a time (default: the cores)")
    parser.add_argument("--keyvalue", metavar="URL", help="values are kept in `memory:` (default) or `sqlite:PATH`")


def host_options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> dict[str, Any]:
    """Turn those options into what `wasmcp.host` takes; wrong ones end with a usage message."""
    try:
        return {
            "limits": limits(given.timeout, given.memory),
            "env": environment(given.env),
            "directories": [directory(text) for text in given.dir],
            "instances": given.instances,
            "keyvalue": given.keyvalue,
        }
    except ValueError as error:
        parser.error(str(error))


def limits(timeout: float | None, memory: int | None) -> Limits:
    """Make the limits.

    Raises:
        ValueError: A limit is not above zero.
    """
    from wasmcp.host.limits import Limits

    if timeout is not None and not timeout > 0:
        raise ValueError(f"--timeout must be above 0, not {timeout:g}")
    if memory is not None and memory <= 0:
        raise ValueError(f"--memory must be above 0, not {memory}")
    default = Limits()
    return Limits(
        timeout=default.timeout if timeout is None else timeout,
        memory=default.memory if memory is None else memory << 20,
    )


def environment(given: Sequence[str]) -> dict[str, str]:
    """Read `KEY=VALUE` as it stands and `KEY` from our own environment.

    Raises:
        ValueError: A variable has no name, or is not set.
    """
    result = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not key:
            raise ValueError(f"--env must be KEY or KEY=VALUE, not `{item}`")
        if not equals:
            if key not in os.environ:
                raise ValueError(f"--env {key}: there is no such environment variable; give `{key}=VALUE`")
            value = os.environ[key]
        result[key] = value
    return result


def directory(item: str) -> tuple[str, str, bool]:
    """Read `HOST`, `HOST:GUEST` or `HOST:GUEST:ro`; without GUEST the guest sees it under its own name.

    Raises:
        ValueError: It is of another form, or there is no such directory.
    """
    parts = item.split(":")
    writable = True
    if parts[-1] == "ro":
        writable = False
        parts.pop()
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise ValueError(f"--dir must be HOST, HOST:GUEST or HOST:GUEST:ro, not `{item}`")
    host, guest = parts[0], parts[-1]
    if not os.path.isdir(host):  # noqa: PTH112 - pathlib is not needed on this path otherwise
        raise ValueError(f"--dir {item}: `{host}` is no directory")
    return host, guest, writable


def __getattr__(name: str) -> Any:
    """Make the click command when the group asks for it, so that `wasmcp run` itself never imports click."""
    if name != "command":
        raise AttributeError(f"module `wasmcp.cli.run` has no attribute `{name}`")
    import click

    @click.command("run", add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        """Serve over standard input and output."""
        main(arguments)

    return command


if __name__ == "__main__":
    main(sys.argv[1:])
