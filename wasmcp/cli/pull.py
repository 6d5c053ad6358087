"""`wasmcp pull`: pull components from registries."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("pull")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Copy it to this file (one REFERENCE only)."
)
@click.option(
    "--deps-dir", type=click.Path(file_okay=False, path_type=Path), help="Copy it to this directory, under its name."
)
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    references: tuple[str, ...], output: Path | None, deps_dir: Path | None, *, offline: bool, as_json: bool
) -> None:
    """Pull components from registries into the user's cache.

    REFERENCE is `ns:name`, optionally with `@1.2.3` or a range such as `@^1.2`, or `oci://host/repository`, with `:tag`
    or `@sha256:...`. Prints the path of each file.
    """
    from wasmcp.cli.progress import Bar, say
    from wasmcp.registry.fetch_options import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci.blob_store import writing
    from wasmcp.registry.oci.pull import fetch
    from wasmcp.storage.cache import write_atomically

    if output is not None and len(references) > 1:
        raise click.UsageError("--output is for one REFERENCE; use --deps-dir for several")
    options = FetchOptions(root=find_project(Path.cwd()), offline=offline, deps_dir=deps_dir, progress=say, bar=Bar())
    for reference in references:
        fetched = fetch(reference, options)
        path = fetched.path
        if output is not None:
            with writing(output):
                write_atomically(output, path.read_bytes())
            path = output
        if as_json:
            entry = {"reference": fetched.reference, "digest": fetched.digest, "path": str(path)}
            click.echo(json.dumps(entry))
        else:
            click.echo(path)
