"""`wasmcp inspect`: what a component or a server is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wasmcp.compose import Inspection


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, as_json: bool) -> None:
    """Show what a component or a server is made of.

    Its tools are shown where FILE.catalogue.json or a manifest.json beside it tells them.
    """
    from wasmcp.compose import inspect_component

    try:
        data = file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"`{file}` cannot be read: {error.strerror or error}") from None
    inspection = inspect_component(data, name=file.name)
    tools = _tools(file, data)
    if as_json:
        click.echo(json.dumps({**inspection.to_dict(), "tools": tools}, indent=2))
    else:
        click.echo("\n".join(_lines(file, inspection, tools)))


def _tools(file: Path, data: bytes) -> list[dict[str, Any]] | None:
    """Return the tools that are known without running anything, or None."""
    from wasmcp.compose import Catalogue

    digest = f"sha256:{sha256(data).hexdigest()}"
    sidecar = file.with_name(f"{file.name}.catalogue.json")
    if sidecar.is_file():
        catalogue = Catalogue.from_json(sidecar.read_bytes(), source=file.name)
        if catalogue.digest in ("", digest):
            return [dict(tool) for tool in catalogue.tools]
    try:
        manifest = json.loads(file.with_name("manifest.json").read_text("utf-8"))
        for entry in manifest["servers"].values():
            if entry["digest"] == digest and entry["catalogue"] is not None:
                return list(entry["catalogue"]["tools"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no manifest, or one of somebody else
    return None


def _lines(file: Path, inspection: Inspection, tools: list[dict[str, Any]] | None) -> Iterator[str]:
    offered = " and ".join(f"`{capability}`" for capability in inspection.capabilities)
    what = "a server" if inspection.is_server else f"a component that offers {offered}" if offered else "a component"
    yield f"{file.name}: {what}, {inspection.size:,} bytes"
    yield from _table("exports", _kinds(inspection.exports))
    yield from _table("imports", _kinds(inspection.imports))
    nested = [(part.name or part.kind, f"{part.size:>12,} bytes") for part in inspection.nested]
    yield from _table("made of", nested)
    if tools is not None:
        rows = [(str(tool["name"]), _first_line(str(tool.get("description", "")))) for tool in tools]
        yield from _table("tools", rows)


def _kinds(entries: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, "" if kind == "instance" else kind) for name, kind in entries.items()]


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = list(rows)
    yield ""
    yield f"{title}:" if rows else f"{title}: nothing"
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"  {name:<{width}}  {text}".rstrip()
