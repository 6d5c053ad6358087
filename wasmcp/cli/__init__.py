"""Console script: modules of commands, each imported only when one of its commands runs.

MCP clients start `wasmcp run`, so it is dispatched before click is imported.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        from wasmcp.cli.run import main as run

        run(arguments[1:])
        return
    from wasmcp.cli.group import commands

    commands(prog_name="wasmcp")
