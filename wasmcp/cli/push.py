"""`wasmcp push`: put a component into a registry."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("push")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("reference")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="Say more about it.")
@click.option("--licence", metavar="SPDX", help="Its licence, e.g. Apache-2.0.")
@click.option("--source", metavar="URL", help="Where its sources are.  [default: what git says]")
@click.option("--revision", help="Their revision.  [default: what git says]")
@click.option("--description", help="What it does.")
@click.option(
    "--sign", "key", metavar="KEY", type=click.Path(dir_okay=False, path_type=Path), help="Sign it with a private key."
)
@click.option("--sign-keyless", "keyless", is_flag=True, help="Sign it by identity: as the CI that this runs in.")
@click.option("--no-catalogue", is_flag=True, help="Do not say what it offers: for what changes that at run time.")
@click.option("--force", is_flag=True, help="Replace a version that is there and is another.")
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
    """Put a component or a composed server into a registry.

    REFERENCE is `ns:name@1.2.3` or `oci://host/repository:tag`. The artifact is that of the CNCF: other tools read it.
    What it offers is found out by booting it in the sandbox and goes with it, so that who composes it need not do so. A
    password of the key is taken from WASMCP_KEY_PASSWORD.
    """
    from wasmcp.cli.progress import say
    from wasmcp.cli.sign import password
    from wasmcp.errors import CatalogueError, CompositionError
    from wasmcp.insight.annotations import grant_annotations
    from wasmcp.project import oci_annotations
    from wasmcp.registry.names.name_scopes import find_project
    from wasmcp.registry.oci import push
    from wasmcp.registry.signing import signatures

    said = oci_annotations.of_checkout(file.resolve().parent) | grant_annotations(file.read_bytes())
    if not no_catalogue:
        try:
            said |= oci_annotations.of_catalogue(file, file.stem)
        except (CatalogueError, CompositionError) as error:
            say(f"what it offers is not known, and not said: {error}")
    for name, value in (
        ("source", source),
        ("revision", revision),
        ("licenses", licence),
        ("description", description),
    ):
        if value:
            said[f"org.opencontainers.image.{name}"] = value
    for annotation in annotations:
        name, separator, value = annotation.partition("=")
        if not separator or not name:
            raise click.UsageError(f"--annotation: `{annotation}` is not KEY=VALUE")
        said[name] = value
    resolver = push.resolver_for(find_project(Path.cwd()))
    pushed = push.push(file, reference, resolver, annotations=said, force=force)
    signed = None if key is None else signatures.sign(pushed.place, key, password(), resolver)
    if keyless:
        signed = signatures.sign_by_identity(pushed.place, resolver)
    if as_json:
        click.echo(json.dumps({"reference": str(pushed.place), "digest": pushed.digest, "signatures": signed}))
    else:
        click.echo(pushed.place)
