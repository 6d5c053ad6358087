"""`wasmcp cache`: show and prune the user's caches."""

from __future__ import annotations

import json

import click

from wasmcp.host.configuration.command_options import number


@click.group("cache")
def command() -> None:
    """Show and prune the caches: components from registries, and compiled code."""


@command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, as_json: bool) -> None:
    """Show the location and size of the caches."""
    from wasmcp.storage.cache import caches

    found = caches()
    if as_json:
        entries = {one.name: {"path": str(one.path), "files": one.files, "bytes": one.size} for one in found}
        click.echo(json.dumps(entries))
        return
    for one in found:
        click.echo(f"{one.name:<12} {one.files:>7,} files {one.size / 1024:>12,.0f} KB  {one.path}")


@command.command("prune")
@click.option("--days", default="30", show_default=True, help="Remove files unused for this many days.", type=number)
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
def prune(days: float, *, everything: bool) -> None:
    """Remove components and compiled code that were not used recently."""
    from wasmcp.storage.cache import prune as prune_caches

    if days < 0:
        raise click.UsageError(f"--days must be 0 or more, not {days:g}")
    size, files = 0, 0
    for one in prune_caches(0.0 if everything else days):
        size, files = size + one.size, files + one.files
    click.echo(f"removed {files:,} files, {size / 1024:,.0f} KB")
