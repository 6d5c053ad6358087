"""`wasmcp diff`: compare two versions of a server from a client's point of view."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.insight.server_diff import Difference, Side

BREAKING = 3
"""The exit code for breaking differences."""

_EXIT_CODES = f"""\b
Exit codes: 0 no breaking difference, {BREAKING} breaking (--strict: any) difference, 1 error, 2 wrong usage."""


@click.command("diff", epilog=_EXIT_CODES)
@click.argument("old")
@click.argument("new")
@click.option("--strict", is_flag=True, help=f"Exit with {BREAKING} on any difference.")
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff_command(ctx: click.Context, old: str, new: str, *, strict: bool, offline: bool, as_json: bool) -> None:
    """Compare two versions of a server or component from a client's point of view.

    OLD and NEW are files, packages in a registry, aliases or components of the project. Their lists are read from
    FILE.catalogue.json or manifest.json, or by starting them in the sandbox.
    """
    from wasmcp.insight.server_diff import differences

    found = differences(_side(old, offline=offline), _side(new, offline=offline))
    breaking = sum(one.breaking for one in found)
    if as_json:
        document = {"old": old, "new": new, "breaking": breaking, "differences": [one.to_dict() for one in found]}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo("\n".join(_lines(found)))
    if breaking or (strict and found):
        ctx.exit(BREAKING)


def _side(spec: str, *, offline: bool) -> Side:
    from wasmcp.cli.inspect import read_subject
    from wasmcp.compose import inspect_component
    from wasmcp.insight.listing import offers_of
    from wasmcp.insight.roles import read_structure
    from wasmcp.insight.server_diff import Side

    subject = read_subject(spec, offline=offline)
    inspection = inspect_component(subject.data, name=subject.name)
    offers = offers_of(subject.name, subject.path, subject.data, is_server=inspection.is_server)
    structure = read_structure(subject.data, subject.name)
    parts = structure.components if structure.topology.is_composition else []
    grants = tuple((part.name, part.granted) for part in parts)
    rules = {part.name: part.rules for part in parts}
    return Side(
        offers,
        tuple(inspection.imports),
        tuple(inspection.exports),
        grants,
        structure.foreign,
        rules,
        structure.access,
        structure.authorization,
        inspection.skills,
        inspection.apps,
    )


_COLORS = {"added": "green", "removed": "red", "changed": "yellow"}


def _lines(found: Sequence[Difference]) -> Iterator[str]:
    from wasmcp.insight.server_diff import count_text

    for one in found:
        mark = click.style("  breaking", fg="red", bold=True) if one.breaking else ""
        yield f"{click.style(printable(one.headline), fg=_COLORS[one.change])}{mark}"
        yield from (printable(f"    {detail}") for detail in one.details)
    yield count_text(found)
