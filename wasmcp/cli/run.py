"""`wasmcp run`: serve over stdio. Its options are those of console scripts, parsed without click."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """\
The file of a server gets only the environment variables and directories given here; an installed package also gets
those declared in [tool.wasmcp.servers.NAME]. Only MCP is written to standard output. Exit codes: 0 the
input ended, 1 the server cannot be run, 2 wrong usage, 130 interrupted."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SystemExit: With the command's exit code, where it is not 0.
    """
    from wasmcp.host.transports.stdio_server import run_given, server_name

    if len(arguments) == 1 and not arguments[0].startswith("-"):
        run_given(arguments[0])  # the most common command line of clients needs no parser
        return
    import argparse

    from wasmcp.host.configuration.command_options import add_options, read_options

    parser = argparse.ArgumentParser(
        prog="wasmcp run",
        description="Serve over standard input and output.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("server", help="a composed server's file, or an import package that ships one")
    parser.add_argument("--name", help="name of the package's server (default: default)")
    add_options(parser)
    parsed = parser.parse_args(arguments)
    given, limits, pooling = read_options(parser, parsed)
    try:
        name = server_name(parsed.server, parsed.name)
    except ValueError as error:
        parser.error(str(error))
    run_given(parsed.server, name, given, limits, **pooling._asdict())


def __getattr__(name: str) -> Any:
    """Create the click command on access, so that `wasmcp run` itself never imports click."""
    if name != "run_command":
        raise AttributeError(f"module `wasmcp.cli.run` has no attribute `{name}`")
    import click

    @click.command("run", add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def run_command(arguments: tuple[str, ...]) -> None:
        """Serve over standard input and output."""
        main(arguments)

    return run_command


if __name__ == "__main__":
    main(sys.argv[1:])
