"""`wasmcp client-config`: print or install the configuration of an MCP client for a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.distribution.client_configuration import Scope

# As in `wasmcp.distribution.client_configuration`, which is imported when the command runs.
_CLIENTS = ("claude", "claude-code", "vscode", "cursor")


def _pairs(option: str, given: tuple[str, ...], *, values: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name or (values and not separator):
            raise click.UsageError(f"{option}: `{printable(text)}` is not KEY=VALUE")
        found[name] = value if separator else None
    return found


@click.command("client-config")
@click.argument("client", type=click.Choice(_CLIENTS))
@click.argument("target")
@click.argument("arguments", nargs=-1)
@click.option("--name", default="", help="The name of the server.  [default: by the target]")
@click.option("--env", "env", multiple=True, metavar="KEY[=VALUE]", help="A variable; a placeholder without VALUE.")
@click.option("--dir", "directories", multiple=True, metavar="HOST:GUEST[:ro]", help="A directory of the server.")
@click.option("--header", "headers", multiple=True, metavar="KEY=VALUE", help="A header field for a URL.")
@click.option("--install", "do_install", is_flag=True, help="Add the entry to the client's file.")
@click.option("--scope", type=click.Choice(["project", "user"]), help="The client's file.  [default: the first it has]")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Another file than the client's.")
@click.option("--force", is_flag=True, help="Replace another entry of this name.")
def client_config_command(  # noqa: PLR0917 (click passes options by name)
    client: str,
    target: str,
    arguments: tuple[str, ...],
    name: str,
    env: tuple[str, ...],
    directories: tuple[str, ...],
    headers: tuple[str, ...],
    scope: str | None,
    file: Path | None,
    *,
    do_install: bool,
    force: bool,
) -> None:
    """Print the configuration of CLIENT for the server TARGET, or add it to the client's file with --install.

    TARGET is a package on PyPI (`weather`, `weather@1.2`), the path of a console script or of a server's file, or a
    URL. ARGUMENTS after `--` are passed to the server. Required variables and directories that the server declares are
    added automatically.
    """
    from wasmcp.distribution.client_configuration import CLIENTS, Given, client_entry, client_file, install, rendered

    given = Given(
        env=_pairs("--env", env, values=False),
        directories=directories,
        headers=_pairs("--header", headers, values=True),
        arguments=arguments,
        name=name,
    )
    entry = client_entry(CLIENTS[client], target, given)
    if not do_install:
        click.echo(rendered(entry))
        return
    path = file or client_file(CLIENTS[client], cast("Scope | None", scope))
    done = install(entry, path, force=force)
    shown = printable(str(done.file))
    if not done.changed:
        click.echo(f"{shown}: has this entry already")
        return
    click.echo(f"{shown}: `{printable(entry.name)}` added")
    if done.backup is not None:
        click.echo(f"{printable(str(done.backup))}: the file before")
