"""Commands and their one-line descriptions; a command's module is imported when the command runs."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from wasmcp import __version__
from wasmcp.environment import check_ours
from wasmcp.errors import WasmcpError
from wasmcp.terminal import printable

# Name -> (module, one line). A module has a click command `NAME_command` for each name.
_COMMANDS = {
    "add": ("wasmcp.cli.projects", "Add a component to a project."),
    "attest": ("wasmcp.cli.registry", "Attach a signed statement to a component in a registry."),
    "build": ("wasmcp.cli.build", "Build the project's servers."),
    "cache": ("wasmcp.cli.machine", "Show and prune the user's caches."),
    "call": ("wasmcp.cli.client", "Call a tool of a server."),
    "client-config": ("wasmcp.cli.machine", "Print or install the configuration of an MCP client."),
    "compose": ("wasmcp.cli.compose", "Compose a server or a handler from components."),
    "deploy": ("wasmcp.cli.deploy", "Write the manifests of a deployment."),
    "dev": ("wasmcp.cli.build", "Serve a project while it is edited, with a playground."),
    "diff": ("wasmcp.cli.inspect", "Compare two versions of a server, and show breaking changes."),
    "doctor": ("wasmcp.cli.machine", "Check this machine for missing tools and wrong configuration."),
    "graph": ("wasmcp.cli.inspect", "Draw the structure of a server."),
    "import": ("wasmcp.cli.projects", "Convert a server of another library to a project."),
    "inspect": ("wasmcp.cli.inspect", "Show the contents of a component or a server."),
    "jwt": ("wasmcp.cli.jwt", "Make and check access tokens, and run a local issuer."),
    "list": ("wasmcp.cli.client", "List the tools, resources and prompts of a server."),
    "lock": ("wasmcp.cli.build", "Pin a project's remote components and compilers."),
    "new": ("wasmcp.cli.projects", "Create a project."),
    "prompt": ("wasmcp.cli.client", "Get a prompt of a server."),
    "policy": ("wasmcp.cli.inspect", "Show and test the policy of a server."),
    "provenance": ("wasmcp.cli.build", "Print the provenance or the bill of materials of a server."),
    "pull": ("wasmcp.cli.registry", "Pull components from registries."),
    "push": ("wasmcp.cli.registry", "Push a component to a registry."),
    "read": ("wasmcp.cli.client", "Read a resource of a server."),
    "registry": ("wasmcp.cli.registry", "Manage aliases of components and profiles of servers."),
    "run": ("wasmcp.cli.run", "Serve over standard input and output."),
    "schema": ("wasmcp.cli.projects", "Print the JSON Schema of [tool.wasmcp]."),
    "search": ("wasmcp.cli.registry", "List the packages of registries."),
    "serve": ("wasmcp.cli.serve", "Serve over HTTP."),
    "sign": ("wasmcp.cli.registry", "Sign a component in a registry."),
    "verify": ("wasmcp.cli.registry", "Verify the signatures of a component."),
    "versions": ("wasmcp.cli.registry", "List the versions of a package."),
    "warm": ("wasmcp.cli.machine", "Compile servers before their first start."),
    "wit": ("wasmcp.cli.projects", "Write or show the WIT packages for components."),
    "yank": ("wasmcp.cli.registry", "Yank a version of a package."),
}

# Commands that check the environment themselves: for more variables, or to report it (`doctor`).
_JUDGE_THEMSELVES = {"dev", "doctor", "run", "serve"}

EXIT_CODES = """\b
Exit codes: 0 success, 1 error, 2 wrong usage, 130 interrupted."""


class Commands(click.Group):
    """Group that imports a command's module only to run it or to show its help, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Reject unknown settings in the environment before a command runs."""
        name, command, rest = super().resolve_command(ctx, args)
        if name not in _JUDGE_THEMSELVES and "--help" not in rest and not ctx.resilient_parsing:
            check_ours(os.environ)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and convert expected errors to messages."""
        if os.environ.get("NO_COLOR"):  # no-color.org; without a terminal, click itself omits colors
            ctx.color = False
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        except WasmcpError as error:
            raise click.ClickException(printable(str(error), keep="\n\t")) from None
        except OSError as error:
            from wasmcp.storage import storage_error

            found = storage_error(error)
            if found is None:
                raise
            raise click.ClickException(printable(str(found), keep="\n\t")) from None


@click.command(cls=Commands, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="wasmcp")
def commands() -> None:
    """Build, compose and run MCP servers made of WebAssembly components."""
