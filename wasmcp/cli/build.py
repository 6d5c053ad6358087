"""`wasmcp build`: build a project's servers, as `hatch build` and pytest do."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("build")
@click.argument("servers", nargs=-1, metavar="[SERVER...]")
@click.option(
    "--project",
    "root",
    default=".",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder with the pyproject.toml.",
)
@click.option("--force", is_flag=True, help="Compose also what has not changed.")
def command(servers: tuple[str, ...], root: Path, *, force: bool) -> None:
    """Build the servers of a project, those that changed.

    SERVER is a table of `[tool.wasmcp.servers]`; all of them by default. Compiled components are kept in the user's
    cache (WASMCP_CACHE_DIR). Prints the path of each server; progress goes to standard error.
    """
    from wasmcp.errors import ConfigError
    from wasmcp.project import build, load, plan
    from wasmcp.toolchains.base import did_you_mean

    project = load(root)
    unknown = [name for name in servers if name not in project.servers]
    if unknown:
        problem = "there is no server `{}` in `tool.wasmcp.servers`{}"
        raise ConfigError([problem.format(name, did_you_mean(name, project.servers)) for name in unknown])
    paths = build(
        plan(project),
        servers=servers or None,
        progress=lambda line: click.echo(line, err=True),
        force=force,
    )
    for path in paths:
        click.echo(path)
