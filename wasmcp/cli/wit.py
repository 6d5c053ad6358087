"""`wasmcp wit`: write or show the WIT packages for components."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("wit")
def wit_command() -> None:
    """Write or show the WIT packages for components, and their TypeScript types."""


@wit_command.command("deps")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("wit"),
    show_default=True,
    help="The project's WIT directory.",
)
@click.option("--force", is_flag=True, help="Replace files that differ.")
def deps(directory: Path, force: bool) -> None:
    """Write wasmcp's WIT packages to `deps` in a project's WIT directory. Works offline."""
    from wasmcp.project.wit_vendoring import wit_packages, write_deps

    written = write_deps(directory, replace=force)
    for title, path in written.elsewhere.items():
        click.echo(f"{title}: is there already, in {path}", err=True)
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
    from wasmcp.toolchains.typescript.editor_types import write_types

    folder, config = write_types(Path(), directory)
    click.echo(f"{folder}: the modules `wasmcp`, `wasmcp/config`, `wasmcp/kv`, `wasmcp/session` and the WIT")
    if config is not None:
        click.echo(f"{config}: leads editors there; yours to change")


@wit_command.command("show")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str | None, as_json: bool) -> None:
    """List the packages, or print a package, an interface or a world.

    NAME is a package (`wasi:io`, `wasmcp:mcp-v20260728`), an interface or a world (`tools`, `wasi:io/streams`).
    """
    from wasmcp.project.wit_vendoring import wit_packages

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
    from wasmcp.project.wit_vendoring import wit_packages
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
