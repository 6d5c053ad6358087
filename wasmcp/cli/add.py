"""`wasmcp add`: add to a project."""

from __future__ import annotations

from pathlib import Path

import click

from wasmcp.project.template_files import LANGUAGES, TEMPLATES


@click.group("add")
def command() -> None:
    """Add to a project that is there."""


@command.command("component")
@click.argument("name")
@click.option("-l", "--language", required=True, type=click.Choice(list(LANGUAGES)), help="What it is written in.")
@click.option(
    "-t", "--template", type=click.Choice(TEMPLATES), default="tools", show_default=True, help="What it offers."
)
@click.option(
    "--server", metavar="SERVER", help="The server it becomes a part of.  [default: the only one, or default]"
)
@click.option(
    "--project",
    "root",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's folder.  [default: the one around this folder]",
)
def component(name: str, language: str, template: str, server: str | None, root: Path | None) -> None:
    """Add a component NAME: its source, a test, and its lines in pyproject.toml.

    The names of what it offers begin with NAME. No file is written over.
    """
    from wasmcp.cli.new import say_what_rust_lacks
    from wasmcp.project.add_component import add_component
    from wasmcp.registry.names.name_scopes import find_project

    folder = root or find_project(Path.cwd()) or Path()
    added = add_component(folder, name, language, template, server=server)
    click.echo(f"added the component {name} to the server {added.server}:")
    for file in added.files:
        click.echo(f"  {file}")
    click.echo("  pyproject.toml (changed)")
    if language == "rust":
        say_what_rust_lacks()
    click.echo("\nnext:")
    if language != "rust":
        click.echo(f'  pip install "wasmcp[{added.outline.extra}]"  # its compiler, if it is not there')
    click.echo("  pytest")
