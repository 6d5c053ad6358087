"""`wasmcp versions`: list the versions of a package."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("versions")
@click.argument("reference")
@click.option("--offline", is_flag=True, help="List cached versions, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(reference: str, *, offline: bool, as_json: bool) -> None:
    """List the versions of a package, highest first.

    REFERENCE is `ns:name`, optionally with a range such as `@^1.2` to filter, or `oci://host/repository`.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.oci.references import Package

    resolver = push.resolver_for(find_project(Path.cwd()), offline=offline)
    asked = references.parse(reference)
    place = resolver.settings.place(asked) if isinstance(asked, Package) else asked
    found = resolver.versions(place, reference)
    versions = asked.range.choose(found) if isinstance(asked, Package) and asked.range.text else sorted(found)[::-1]
    if as_json:
        click.echo(json.dumps([str(version) for version in versions]))
    else:
        for version in versions:
            click.echo(version)
