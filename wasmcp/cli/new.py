"""`wasmcp new`: create a project."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wasmcp.project.template_files import LANGUAGES, TEMPLATES


@click.command("new")
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
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The parent of the project's directory.  [default: the current directory]",
)
@click.option("--force", is_flag=True, help="Write into a directory that is not empty, and overwrite files.")
def command(name: str, language: str, template: str, output: Path | None, *, force: bool) -> None:
    """Create the project NAME: a Python package that builds an MCP server, with a component, tests and CI.

    It builds and passes its tests without changes. Nothing is downloaded.
    """
    from wasmcp.project.scaffold import new_project

    made = new_project(name, language, template, output=output, force=force)
    try:
        root = os.path.relpath(made.root)
    except ValueError:  # on another drive of Windows
        root = str(made.root)
    activate = r".venv\Scripts\activate" if os.name == "nt" else ". .venv/bin/activate"
    click.echo(f"created {root}: an MCP server with a component in {LANGUAGES[language].title} ({made.outline.source})")
    if language == "rust":
        say_what_rust_lacks()
    click.echo("\nnext:")
    steps = [
        (f"cd {root}", ""),
        ("python -m venv .venv", ""),
        (activate, ""),
        ('pip install -e ".[test]"', "" if language == "rust" else "the compiler comes along"),
        ("pytest", "builds the server and calls it"),
        (name, "serves over standard input and output"),
        ("make", f"leaves the component by itself in {made.outline.component}.wasm, for `wasmcp compose`"),
    ]
    width = max(len(step) for step, _ in steps)
    for step, meaning in steps:
        click.echo(f"  {step:<{width}}  # {meaning}" if meaning else f"  {step}")


def say_what_rust_lacks() -> None:
    """Print the tools that Rust needs and that are missing; no extra of wasmcp installs them."""
    from wasmcp.toolchains.rust.toolchain import needs

    for need in needs():
        if need.advice:
            click.echo(f"\nto build it, `{need.name}` is needed ({need.found}): {need.advice}")
