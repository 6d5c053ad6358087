"""`wasmcp add`: add a component to a project."""

from __future__ import annotations

from pathlib import Path

import click

from wasmcp.project.template_files import LANGUAGES, TEMPLATES


@click.group("add")
def command() -> None:
    """Add to an existing project."""


@command.command("component")
@click.argument("name")
@click.option("-l", "--language", required=True, type=click.Choice(list(LANGUAGES)), help="The component's language.")
@click.option(
    "-t",
    "--template",
    type=click.Choice(TEMPLATES),
    default="tools",
    show_default=True,
    help="The example to use.",
)
@click.option("--server", metavar="SERVER", help="The server to add it to.  [default: the only one, or default]")
@click.option(
    "--project",
    "root",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's directory.  [default: the nearest project]",
)
def component(name: str, language: str, template: str, server: str | None, root: Path | None) -> None:
    """Add the component NAME: its source, a test, and its entries in pyproject.toml.

    The names of its tools, resources and prompts begin with NAME. Existing files are not overwritten.
    """
    from wasmcp.cli.new import say_what_rust_lacks
    from wasmcp.project.scaffold import add_component
    from wasmcp.registry.names.aliases import find_project

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
        click.echo(f'  pip install "wasmcp[{added.outline.extra}]"  # its compiler, unless installed')
    click.echo("  pytest")
