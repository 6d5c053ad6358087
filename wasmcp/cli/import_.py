"""`wasmcp import`: make a project of a server that was written for another library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.migration import Imported

NOT_WHOLE = 3
"""The exit code if the project was made and lines were not carried."""


@click.group("import")
def command() -> None:
    """Make a project of a server that was written for another library."""


@command.command("fastmcp")
@click.argument("source")
@click.option("--name", help="The project's name.  [default: that of the server]")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
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
