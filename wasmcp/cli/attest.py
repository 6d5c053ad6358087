"""`wasmcp attest`: attach a signed statement to a component in a registry."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click


@click.command("attest")
@click.argument("reference")
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job.")
@click.option(
    "--statement",
    required=True,
    type=click.File("rb"),
    help="An in-toto statement, such as the output of `wasmcp provenance`; `-` for standard input.",
)
def command(reference: str, key: Path | None, statement: BinaryIO, *, keyless: bool) -> None:
    """Sign a statement about a component in a registry, as cosign does, and attach it to the component.

    The key's password is read from WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD). For --keyless see `wasmcp sign`.
    `wasmcp verify --attestation` verifies the statement.
    """
    from wasmcp.cli.sign import signer
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import attestations
    from wasmcp.registry.signing.passwords import password

    signer(key, keyless=keyless)
    resolver = push.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    tag = attestations.attest(resolution.place, statement.read(), key, password(), resolver)
    click.echo(f"attested {resolution.exact} ({tag})")
