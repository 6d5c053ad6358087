"""`wasmcp cache`, `doctor`, `warm`, `client-config`: caches, tools, servers and MCP clients of this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.host.configuration.command_options import number
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.distribution.client_configuration import Scope

_UNUSED_DAYS = 30.0


@click.group("cache")
def cache_command() -> None:
    """Show and prune the caches: components from registries, and compiled code."""


@cache_command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, as_json: bool) -> None:
    """Show the location and size of the caches."""
    from wasmcp.storage import caches

    found = caches()
    if as_json:
        entries = {one.name: {"path": str(one.path), "files": one.files, "bytes": one.size} for one in found}
        click.echo(json.dumps(entries))
        return
    for one in found:
        click.echo(f"{one.name:<12} {one.files:>7,} files {one.size / 1024:>12,.0f} KB  {one.path}")


@cache_command.command("prune")
@click.option("--days", type=number, metavar="N", help="Remove files unused for this many days.  [default: 30]")
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
def prune(days: float | None, *, everything: bool) -> None:
    """Remove components and compiled code that were not used recently."""
    from wasmcp.storage import prune as prune_caches

    if everything and days is not None:
        raise click.UsageError("--all removes everything, however long it was unused: leave out --days")
    if days is not None and days < 0:
        raise click.UsageError(f"--days must be 0 or more, not {days:g}")
    unused = 0.0 if everything else _UNUSED_DAYS if days is None else days
    size, files = 0, 0
    for one in prune_caches(unused):
        size, files = size + one.size, files + one.files
    click.echo(f"removed {files:,} files, {size / 1024:,.0f} KB")


_EXIT_CODES = """\b
Exit codes: 0 no problem (notes do not count), 1 a problem was found, 2 wrong usage."""
_MARKS = {"ok": ("✓", "green"), "note": ("○", "yellow"), "problem": ("✗", "red")}


@click.command("doctor", epilog=_EXIT_CODES)
@click.option(
    "--project",
    "root",
    type=FilePath(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The project to check.  [default: the nearest project]",
)
@click.option("--offline", is_flag=True, help="Contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, root: Path | None, *, offline: bool, as_json: bool) -> None:
    """Check compilers, caches, configuration and registries, and show how to fix what is missing."""
    from wasmcp.insight.doctor import PROBLEM, examine
    from wasmcp.registry.names.aliases import find_project

    root = root.absolute() if root is not None else find_project(Path.cwd())
    found = []
    group = ""
    for finding in examine(root, offline=offline):
        found.append(finding)
        if as_json:
            continue
        if finding.group != group:
            group = finding.group
            click.echo(f"{group}:")
        mark, color = _MARKS[finding.status]
        mark = mark if _can_print(mark) else finding.status
        click.echo(f"  {click.style(mark, fg=color)} {finding.name}: " + finding.found.replace("\n", "\n    "))
        if finding.advice:
            click.echo(f"      {finding.advice}")
    problems = sum(finding.status == PROBLEM for finding in found)
    if as_json:
        document = {"problems": problems, "findings": [finding.to_dict() for finding in found]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("no problem" if not problems else "1 problem" if problems == 1 else f"{problems} problems")
    if problems:
        ctx.exit(1)


def _can_print(mark: str) -> bool:
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@click.command("warm")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
def warm_command(servers: tuple[str, ...]) -> None:
    """Compile servers before their first start.

    SERVER is the file of a composed server, or an import package that ships servers. The result is stored in the
    user's cache (WASMCP_CACHE_DIR), for this version of wasmtime and this kind of processor.
    """
    from wasmcp.host.engine import compile_cache
    from wasmcp.host.transports.stdio_server import find_servers

    for name in servers:
        for path in find_servers(name):
            compiled: list[bool] = []
            compile_cache.load(path, on_compile=lambda compiled=compiled: compiled.append(True))  # type: ignore[misc]
            click.echo(f"{path}: {'compiled' if compiled else 'already compiled'}")


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
@click.option("--file", type=FilePath(dir_okay=False, path_type=Path), help="A file instead of the client's.")
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
        click.echo(f"{shown}: already has this entry")
        return
    click.echo(f"{shown}: `{printable(entry.name)}` added")
    if done.backup is not None:
        click.echo(f"{printable(str(done.backup))}: backup of the previous file")
