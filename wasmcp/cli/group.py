"""The commands and their one-line descriptions; what a command imports is imported when it is run."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from wasmcp import __version__
from wasmcp.environment import check_ours
from wasmcp.errors import WasmcpError
from wasmcp.terminal import printable

# Name -> (module, one line). A module has a click command `command`.
_COMMANDS = {
    "add": ("wasmcp.cli.add", "Add a component to a project."),
    "attest": ("wasmcp.cli.attest", "Put a signed statement beside a component in a registry."),
    "build": ("wasmcp.cli.build", "Build the project's servers."),
    "cache": ("wasmcp.cli.cache", "Show and prune what is kept between commands."),
    "compose": ("wasmcp.cli.compose", "Compose a server, or a part of one, from components."),
    "diff": ("wasmcp.cli.diff", "Show how two versions of a server differ, and what breaks."),
    "doctor": ("wasmcp.cli.doctor", "Look for what this machine lacks, and say what to do."),
    "graph": ("wasmcp.cli.graph", "Draw how a server is put together."),
    "inspect": ("wasmcp.cli.inspect", "Show what a component or a server is made of."),
    "lock": ("wasmcp.cli.lock", "Pin a project's remote components and compilers."),
    "new": ("wasmcp.cli.new", "Make a project."),
    "provenance": ("wasmcp.cli.provenance", "Print how a server came about, and what is in it."),
    "pull": ("wasmcp.cli.pull", "Get components out of registries."),
    "push": ("wasmcp.cli.push", "Put a component into a registry."),
    "registry": ("wasmcp.cli.registry", "Keep aliases of components and profiles of servers."),
    "run": ("wasmcp.cli.run", "Serve over standard input and output."),
    "search": ("wasmcp.cli.search", "List the packages of registries."),
    "serve": ("wasmcp.cli.serve", "Serve over HTTP."),
    "sign": ("wasmcp.cli.sign", "Sign a component that is in a registry."),
    "verify": ("wasmcp.cli.verify", "Check who has signed a component."),
    "versions": ("wasmcp.cli.versions", "List the versions of a package."),
    "warm": ("wasmcp.cli.warm", "Compile servers ahead of their first start."),
    "wit": ("wasmcp.cli.wit", "Write or show the WIT packages that components are built against."),
    "yank": ("wasmcp.cli.yank", "Withdraw a version of a package."),
}

# Commands that look at the environment themselves: more of it (`run`, `serve`), or to report it (`doctor`).
_JUDGE_THEMSELVES = {"doctor", "run", "serve"}

EXIT_CODES = """\b
Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted."""


class Commands(click.Group):
    """A group that loads a command when it is run or asked for its help, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse to run a command with a misspelt setting in the environment."""
        name, command, rest = super().resolve_command(ctx, args)
        if name not in _JUDGE_THEMSELVES and "--help" not in rest and not ctx.resilient_parsing:
            check_ours(os.environ)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn what a user can mend into a message."""
        if os.environ.get("NO_COLOR"):  # no-color.org; click takes colours away itself where there is no terminal
            ctx.color = False
        try:
            return super().invoke(ctx)
        except WasmcpError as error:
            raise click.ClickException(printable(str(error), keep="\n\t")) from None
        except OSError as error:
            from wasmcp.storage.failures import storage_error

            found = storage_error(error)
            if found is None:
                raise
            raise click.ClickException(printable(str(found), keep="\n\t")) from None


@click.command(cls=Commands, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="wasmcp")
def commands() -> None:
    """MCP servers made of WebAssembly components."""
