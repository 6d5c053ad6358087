"""`wasmcp schema`: print the JSON Schema of `[tool.wasmcp]`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema")
@click.option("--pyproject", is_flag=True, help="The schema of a whole pyproject.toml, for editors.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
def command(*, pyproject: bool, output: Path | None) -> None:
    """Print the JSON Schema of [tool.wasmcp].

    Editors complete and check the table with it. `validate-pyproject` finds it by itself.
    """
    from wasmcp.project.tool_schema import pyproject_schema, schema

    text = json.dumps(pyproject_schema() if pyproject else schema(), indent=1)
    if output is None:
        click.echo(text)
    else:
        output.write_text(f"{text}\n", "utf-8")
