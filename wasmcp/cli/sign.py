"""`wasmcp sign`: sign a component that is in a registry."""

from __future__ import annotations

import os
from pathlib import Path

import click


def password() -> bytes | None:
    """Return the password of a private key, from the environment."""
    found = os.environ.get("WASMCP_KEY_PASSWORD", os.environ.get("COSIGN_PASSWORD"))
    return None if found is None else found.encode()


@click.command("sign")
@click.argument("reference")
@click.option("--key", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The private key.")
def command(reference: str, key: Path) -> None:
    """Sign a component that is in a registry, as cosign does, and put the signature beside it.

    The key is ECDSA on P-256 in PEM: as OpenSSL or `cosign generate-key-pair` writes it. Its password is taken from
    WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD).
    """
    from wasmcp.registry import publishing, references, signatures
    from wasmcp.registry.layers import find_project

    resolver = publishing.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    tag = signatures.sign(resolution.place, key, password(), resolver)
    click.echo(f"signed {resolution.exact} ({tag})")
