"""`wasmcp lock`: pin a project's remote components, compilers and dependencies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wasmcp.registry.lock import Lock


@click.command("lock")
@click.option(
    "--project",
    "root",
    default=".",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory of pyproject.toml.",
)
@click.option("--upgrade", "names", multiple=True, metavar="NAME", help="Upgrade this package.  [repeatable]")
@click.option("--upgrade-all", is_flag=True, help="Upgrade all packages.")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if the lock is not up to date.")
@click.option("--offline", is_flag=True, help="Use cached versions, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def command(
    root: Path, names: tuple[str, ...], *, upgrade_all: bool, check: bool, offline: bool, as_json: bool
) -> None:
    """Write `wasmcp.lock`: the project's remote components, compilers and dependencies, by digest.

    Pinned versions stay, unless they are upgraded or the project's requirements change. Commit the file.
    """
    from wasmcp.cli.progress import say
    from wasmcp.project import load, lock_entries
    from wasmcp.registry import lock

    project = load(root)
    toolchains = lock_entries.toolchains(project)
    if check:
        lock_entries.check(project, toolchains)
        return
    options = lock_entries.options_for(project.root, offline=offline, progress=say)
    upgrade = None if upgrade_all else names
    after, changes = lock_entries.relock(project.root, toolchains, options, upgrade=upgrade, project=project)
    lock.write(project.root, after)
    if as_json:
        click.echo(json.dumps([{"name": one.name, "before": one.before, "after": one.after} for one in changes]))
        return
    for one in changes:
        click.echo(f"{one.name}: {one.before or 'new'} -> {one.after or 'gone'}")
    click.echo(f"{lock.NAME}: {len(after.components)} components, {len(after.toolchains)} compilers{_packages(after)}")


def _packages(after: Lock) -> str:
    count = sum(len(needed.distributions) for needed in after.dependencies)
    return f", {count} packages of components" if count else ""
