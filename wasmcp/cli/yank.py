"""`wasmcp yank`: yank a version."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("yank")
@click.argument("reference")
@click.option("--reason", default="", help="The reason, shown to users of the version.")
@click.option("--undo", is_flag=True, help="Restore the version.")
def command(reference: str, reason: str, *, undo: bool) -> None:
    """Mark a version as withdrawn.

    Ranges no longer select it. Projects that have locked it still get it, by its digest.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push

    resolver = push.resolver_for(find_project(Path.cwd()))
    push.yank(reference, resolver, None if undo else reason or "no reason was given")
    click.echo(f"{reference} is {'back' if undo else 'withdrawn'}")
