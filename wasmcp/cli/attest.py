"""`wasmcp attest`: put a signed statement beside a component in a registry."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click


@click.command("attest")
@click.argument("reference")
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign by identity: as the CI that this runs in.")
@click.option(
    "--statement",
    required=True,
    type=click.File("rb"),
    help="An in-toto statement, such as `wasmcp provenance` prints; `-` for standard input.",
)
def command(reference: str, key: Path | None, statement: BinaryIO, *, keyless: bool) -> None:
    """Sign a statement about a component that is in a registry, as cosign does, and put it beside it.

    A password of the key is taken from WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD); for --keyless see `wasmcp sign`.
    `wasmcp verify --attestation` checks the statement.
    """
    from wasmcp.cli.sign import password, signer
    from wasmcp.registry.names.name_scopes import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import attestations

    signer(key, keyless=keyless)
    resolver = push.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    tag = attestations.attest(resolution.place, statement.read(), key, password(), resolver)
    click.echo(f"attested {resolution.exact} ({tag})")
