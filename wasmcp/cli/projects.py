"""`wasmcp new`, `add`, `import`, `schema` and `wit`: new projects and components, and what editors and tools need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.project.template_files import LANGUAGES, TEMPLATES
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.migration import Imported


_LANGUAGE = click.option(
    "-l", "--language", required=True, type=click.Choice(list(LANGUAGES)), help="The component's language."
)
_TEMPLATE = click.option(
    "-t",
    "--template",
    type=click.Choice(TEMPLATES),
    default="tools",
    show_default=True,
    help="The example to use.",
)


@click.command("new")
@click.argument("name")
@_LANGUAGE
@_TEMPLATE
@click.option(
    "-o",
    "--output",
    type=FilePath(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The parent of the project's directory.  [default: the current directory]",
)
@click.option("--force", is_flag=True, help="Write into a directory that is not empty, and overwrite files.")
def new_command(name: str, language: str, template: str, output: Path | None, *, force: bool) -> None:
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
        print_missing_rust_tools()
    click.echo("\nnext:")
    steps = [
        (f"cd {root}", ""),
        ("python -m venv .venv", ""),
        (activate, ""),
        ('pip install -e ".[test]"', "" if language == "rust" else "also installs the compiler"),
        ("pytest", "builds the server and calls it"),
        (name, "serves over standard input and output"),
        ("make", f"writes the component to {made.outline.component}.wasm, for `wasmcp compose`"),
    ]
    width = max(len(step) for step, _ in steps)
    for step, meaning in steps:
        click.echo(f"  {step:<{width}}  # {meaning}" if meaning else f"  {step}")


def print_missing_rust_tools() -> None:
    """Print the tools that Rust needs and that are missing; no extra of wasmcp installs them."""
    from wasmcp.toolchains.rust import needs

    for need in needs():
        if need.advice:
            click.echo(f"\nto build it, `{need.name}` is needed ({need.found}): {need.advice}")


@click.group("add")
def add_command() -> None:
    """Add to an existing project."""


@add_command.command("component")
@click.argument("name")
@_LANGUAGE
@_TEMPLATE
@click.option("--server", metavar="SERVER", help="The server to add it to.  [default: the only one, or default]")
@click.option(
    "--project",
    "root",
    metavar="DIRECTORY",
    type=FilePath(exists=True, file_okay=False, path_type=Path),
    help="The project's directory.  [default: the nearest project]",
)
def component(name: str, language: str, template: str, server: str | None, root: Path | None) -> None:
    """Add the component NAME: its source, a test, and its entries in pyproject.toml.

    The names of its tools, resources and prompts begin with NAME. Existing files are not overwritten.
    """
    from wasmcp.project.scaffold import add_component
    from wasmcp.registry.names.aliases import find_project

    folder = root or find_project(Path.cwd()) or Path()
    added = add_component(folder, name, language, template, server=server)
    click.echo(f"added the component {name} to the server {added.server}:")
    for file in added.files:
        click.echo(f"  {file}")
    click.echo("  pyproject.toml (changed)")
    if language == "rust":
        print_missing_rust_tools()
    click.echo("\nnext:")
    if language != "rust":
        click.echo(f'  pip install "wasmcp[{added.outline.extra}]"  # its compiler, unless installed')
    click.echo("  pytest")


NOT_WHOLE = 3
"""The exit code if the project was made and lines were not carried."""


@click.group("import")
def import_command() -> None:
    """Convert a server that was written for another library to a project."""


@import_command.command("fastmcp")
@click.argument("source")
@click.option("--name", help="The project's name.  [default: that of the server]")
@click.option(
    "-o",
    "--output",
    type=FilePath(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The parent of the project's directory.  [default: the current directory]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def fastmcp(ctx: click.Context, source: str, name: str | None, output: Path | None, *, as_json: bool) -> None:
    """Make a project of a server for FastMCP or the official SDK.

    SOURCE is a Python file (with the package around it), a package's directory, a project's directory, or the name of
    an installed package. Nothing of it is executed. Its files are copied, the imports of the libraries are changed, and
    packages, grants and environment variables are written into `pyproject.toml`. Existing files are never overwritten.

    Exit code 3: the project was made, and the lines that the report names were not carried.
    """
    from wasmcp.migration import import_fastmcp

    made = import_fastmcp(source, name=name, output=output)
    if as_json:
        click.echo(json.dumps(made.to_dict(), indent=2))
    else:
        _print(made)
    if not made.is_whole:
        ctx.exit(NOT_WHOLE)


def _print(made: Imported) -> None:
    click.echo(f"created {made.root}: {', '.join(made.capabilities)} in the component `{made.component}`")
    click.echo(f"  source        {made.source}")
    for label, values in (
        ("dependencies", made.dependencies),
        ("left out", made.left),
        ("not imported", made.apart),
    ):
        if values:
            click.echo(f"  {label:<13} {printable(', '.join(values))}")
    for grant, reason in sorted(made.needs.grants.items()):
        click.echo(f"  grant         {grant}: {printable(reason)}")
    for kind in ("changed", "not carried", "check"):
        found = [finding for finding in made.findings if finding.kind == kind]
        if found:
            click.echo(f"\n{kind}:")
        for finding in found:
            click.echo(f"  {printable(finding.file)}:{finding.line}: {printable(finding.message)}")
    carried = made.code_lines - made.lost_lines
    click.echo(f"\n{carried} of {made.code_lines} lines of code were carried ({made.share:.1%})")


@click.command("schema")
@click.option("--pyproject", is_flag=True, help="The schema of a whole pyproject.toml, for editors.")
@click.option("--output", "-o", type=FilePath(dir_okay=False, path_type=Path), help="Write it to a file.")
def schema_command(*, pyproject: bool, output: Path | None) -> None:
    """Print the JSON Schema of [tool.wasmcp].

    Editors complete and check the table with it. `validate-pyproject` finds it automatically.
    """
    from wasmcp.project.tool_schema import pyproject_schema, schema

    text = json.dumps(pyproject_schema() if pyproject else schema(), indent=1)
    if output is None:
        click.echo(text)
    else:
        output.write_text(f"{text}\n", "utf-8")


@click.group("wit")
def wit_command() -> None:
    """Write or show the WIT packages for components, and their TypeScript types."""


@wit_command.command("deps")
@click.option(
    "--dir",
    "directory",
    type=FilePath(file_okay=False, path_type=Path),
    default=Path("wit"),
    show_default=True,
    help="The project's WIT directory.",
)
@click.option("--force", is_flag=True, help="Replace files that differ.")
def deps(directory: Path, force: bool) -> None:
    """Write wasmcp's WIT packages to `deps` in a project's WIT directory. Works offline."""
    from wasmcp.project.scaffold import wit_packages, write_deps

    written = write_deps(directory, replace=force)
    for title, path in written.elsewhere.items():
        click.echo(f"{title}: already exists in {path}", err=True)
    titles = ", ".join(package.title for package in wit_packages() if package.title not in written.elsewhere)
    click.echo(
        f"{directory / 'deps'}: {len(written.files)} files written, {len(written.unchanged)} unchanged: {titles}"
    )


@wit_command.command("types")
@click.option(
    "--dir",
    "directory",
    default=".wasmcp",
    show_default=True,
    help="The directory for the types, within the project; exclude it from version control.",
)
def types(directory: str) -> None:
    """Write the types of the modules that TypeScript components import, for editors. Builds do not need them.

    Also writes a `tsconfig.json` for editors, unless one exists.
    """
    from wasmcp.toolchains.typescript.toolchain import write_types

    folder, config = write_types(Path(), directory)
    click.echo(f"{folder}: the modules `wasmcp`, `wasmcp/config`, `wasmcp/kv`, `wasmcp/session` and the WIT")
    if config is not None:
        click.echo(f"{config}: refers editors to these types; edit it as needed")


@wit_command.command("show")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str | None, as_json: bool) -> None:
    """List the packages, or print a package, an interface or a world.

    NAME is a package (`wasi:io`, `wasmcp:mcp-v20260728`), an interface or a world (`tools`, `wasi:io/streams`).
    """
    from wasmcp.project.scaffold import wit_packages

    packages = wit_packages()
    if name is not None:
        text = _text(name)
        click.echo(json.dumps({"name": name, "wit": text}, indent=2) if as_json else text)
    elif as_json:
        listed = [
            {
                "name": package.name,
                "version": package.version,
                "interfaces": package.items("interface"),
                "worlds": package.items("world"),
            }
            for package in packages
        ]
        click.echo(json.dumps(listed, indent=2))
    else:
        for package in packages:
            click.echo(package.title)
            for kind in ("interface", "world"):
                if names := package.items(kind):
                    click.echo(f"  {kind}s: {', '.join(names)}")


def _text(name: str) -> str:
    from wasmcp.project.scaffold import wit_packages
    from wasmcp.toolchains.base import did_you_mean

    packages = wit_packages()
    bare = name.partition("@")[0]
    owner, _, item = bare.rpartition("/")
    known = []
    for package in packages:
        if bare == package.name:
            return "\n".join(text.rstrip() + "\n" for text in package.files.values()).rstrip()
        if owner in ("", package.name) and (text := package.item(item)) is not None:
            return text
        known += [package.name, *package.items("interface"), *package.items("world")]
    raise click.ClickException(f"unknown package, interface or world `{name}`{did_you_mean(name, known)}")
