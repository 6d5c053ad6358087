"""`wasmcp graph`: draw the structure of a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wasmcp.insight.diagram import Drawing

_ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".html": "html", ".json": "json"}


@click.command("graph")
@click.argument("spec")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The output file.  [default: standard output]",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["mermaid", "svg", "html", "json"]),
    help="The output format.  [default: by the output's extension, or mermaid]",
)
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
def command(spec: str, output: Path | None, form: str | None, *, offline: bool) -> None:
    """Draw the structure of a server: its components, the calls between them, and their grants.

    SPEC is a file, a package in a registry, an alias or a component of the project. An existing output is overwritten.
    """
    from wasmcp.cli.specs import read_subject
    from wasmcp.insight.diagram import draw
    from wasmcp.storage.cache import write_atomically

    if form is None and output is not None and output.suffix not in _ENDINGS:
        endings = ", ".join(f"`{ending}`" for ending in _ENDINGS)
        raise click.UsageError(f"`{output.name}` ends in none of {endings}: name the format with --format")
    form = form or (_ENDINGS[output.suffix] if output is not None else "mermaid")
    subject = read_subject(spec, offline=offline)
    text = _rendered(draw(subject.data, subject.name), form)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        if not output.parent.is_dir():
            raise FileNotFoundError(2, "No such file or directory")
        write_atomically(output, text.encode())
    except OSError as error:
        raise click.ClickException(f"`{output}` cannot be written: {error.strerror or error}") from None
    click.echo(f"{output}: {form}, {len(text.encode()):,} bytes")


def _rendered(drawing: Drawing, form: str) -> str:
    if form == "mermaid":
        from wasmcp.insight.diagram import mermaid

        return mermaid(drawing)
    if form == "svg":
        from wasmcp.insight.pictures import svg

        return svg(drawing)
    if form == "html":
        from wasmcp.insight.pictures import page

        return page(drawing)
    return json.dumps(drawing.to_dict(), indent=2) + "\n"
