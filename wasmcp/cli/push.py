"""`wasmcp push`: push a component to a registry."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("push")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("reference")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="An annotation.  [repeatable]")
@click.option("--licence", metavar="SPDX", help="Its licence, e.g. Apache-2.0.")
@click.option("--source", metavar="URL", help="The URL of its sources.  [default: from git]")
@click.option("--revision", help="The revision of its sources.  [default: from git]")
@click.option("--description", help="A description.")
@click.option(
    "--sign", "key", metavar="KEY", type=click.Path(dir_okay=False, path_type=Path), help="Sign it with a private key."
)
@click.option("--sign-keyless", "keyless", is_flag=True, help="Sign it with the identity of the CI job.")
@click.option("--no-catalogue", is_flag=True, help="Attach no catalogue: for lists that change at run time.")
@click.option("--force", is_flag=True, help="Replace an existing version with different content.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(  # noqa: PLR0917 (click passes options by name)
    file: Path,
    reference: str,
    annotations: tuple[str, ...],
    licence: str | None,
    source: str | None,
    revision: str | None,
    description: str | None,
    key: Path | None,
    *,
    keyless: bool,
    no_catalogue: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Push a component or a composed server to a registry.

    REFERENCE is `ns:name@1.2.3` or `oci://host/repository:tag`. The artifact has the CNCF's format for WebAssembly,
    which other tools read. It is started in the sandbox and its catalogue is attached, so that composing it need not
    start it again. The key's password is read from WASMCP_KEY_PASSWORD.
    """
    from wasmcp.cli.progress import say
    from wasmcp.distribution.publishing import Publication, publish
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push
    from wasmcp.registry.signing.passwords import password

    more = {}
    for annotation in annotations:
        name, separator, value = annotation.partition("=")
        if not separator or not name:
            raise click.UsageError(f"--annotation: `{annotation}` is not KEY=VALUE")
        more[name] = value
    publication = Publication(
        facts={"source": source, "revision": revision, "licenses": licence, "description": description},
        annotations=more,
        catalogue=not no_catalogue,
        key=key,
        password=password(),
        keyless=keyless,
        force=force,
    )
    pushed = publish(file, reference, push.resolver_for(find_project(Path.cwd())), publication, say)
    if as_json:
        found = {"reference": pushed.place, "digest": pushed.digest, "signatures": pushed.signatures}
        click.echo(json.dumps(found))
    else:
        click.echo(pushed.place)
