"""Reports of `wasmcp compose`: the manifest, the bill of materials, and the summary on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from wasmcp.cli.compose_options import Job
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.compose import ComposedServer, ServerMetadata
    from wasmcp.project.spec_components import Prepared


def record(job: Job, composed: ComposedServer, metadata: ServerMetadata, components: Sequence[Prepared]) -> None:
    """Write the requested files next to the server: the manifest and the bill of materials."""
    from wasmcp.project import manifest
    from wasmcp.project.manifest_entry import server_entry
    from wasmcp.project.sbom import render
    from wasmcp.storage.cache import write_atomically

    if job.options.manifest is None and job.options.sbom is None:
        return
    known = all(one.spec.catalogue is not None for one in components)
    entry = server_entry(job.output.name, metadata, [one.entry for one in components], composed, known=known)
    try:
        if job.options.manifest is not None:
            before = manifest.read(job.options.manifest)
            manifest.write(job.options.manifest, {**before, job.output.stem: entry})
        if job.options.sbom is not None:
            write_atomically(job.options.sbom, render(metadata.name, job.output.stem, entry).encode())
    except OSError as error:
        raise click.ClickException(f"`{error.filename}` cannot be written: {error.strerror or error}") from None
    except ModuleNotFoundError:
        raise click.ClickException("`--sbom` needs `cyclonedx-python-lib`: install `wasmcp[build]`") from None


def report(
    job: Job,
    composed: ComposedServer,
    components: Sequence[Prepared],
    replaced: Iterable[str],
    commands: Sequence[str],
) -> None:
    """Print a summary of the composition and the command that runs it."""
    import json

    from wasmcp.compose.grants import denial_warnings
    from wasmcp.storage.digest import of_chunks

    for warning in denial_warnings(composed.denied):
        click.echo(f"warning: {printable(warning)}", err=True)
    if job.options.as_json:
        whole = {
            "output": str(job.output),
            "size": composed.size,
            "digest": of_chunks(composed.chunks),
            "components": [_component_json(one, composed.denied.get(one.spec.name, ())) for one in components],
            "tools": [tool["name"] for tool in composed.tools],
            "imports": list(composed.imports),
            "exports": list(composed.exports),
            "framework": dict(composed.framework),
            "replaced": sorted(replaced),
            "run": list(commands),
        }
        click.echo(json.dumps(whole, indent=2))
        return
    counted = f"components: {len(components)}, known tools: {len(composed.tools)}"
    click.echo(f"{job.output}: {composed.size:,} bytes; {counted}")
    for name, refused in composed.denied.items():
        click.echo(printable(f"imported and not granted: {name}: {', '.join(refused)}"))
    if job.options.verbose:
        for one in components:
            click.echo(printable(f"  {one.spec.name}: {one.source} ({one.digest})"))
            click.echo(printable(f"    {_offered(one)}"))
        for name in sorted(replaced):
            click.echo(f"  {name}: replaced ({composed.framework[name]})")
        for name in composed.imports:
            click.echo(printable(f"  needs {name}"))
    for lead, command in zip(("run it:", *["    or:"] * len(commands)), commands, strict=False):
        click.echo(f"{lead} {command}")


def _names(one: Prepared) -> dict[str, list[str]]:
    """Return the names in a component's catalogue, by kind."""
    catalogue = one.spec.catalogue
    if catalogue is None:
        return {}
    return {
        "tools": list(catalogue.names),
        "resources": [str(item["uri"]) for item in catalogue.resources],
        "templates": [str(item["uriTemplate"]) for item in catalogue.templates],
        "prompts": [str(item["name"]) for item in catalogue.prompts],
    }


def _offered(one: Prepared) -> str:
    if one.spec.catalogue is None:
        return "read at run time"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in _names(one).items() if names) or "offers nothing"


def _component_json(one: Prepared, denied: Sequence[str]) -> dict[str, Any]:
    return {
        "name": one.spec.name,
        "source": one.source,
        "digest": one.digest,
        "grants": sorted(one.spec.grants),
        "denied": list(denied),
        "dynamic": one.spec.catalogue is None,
        "offers": _names(one) or None,
    }
