"""`wasmcp sign`: sign a component in a registry."""

from __future__ import annotations

from pathlib import Path

import click


def signer(key: Path | None, *, keyless: bool) -> None:
    """Check that exactly one of `--key` and `--keyless` is given."""
    if (key is None) != keyless:
        raise click.UsageError("pass either `--key FILE` or `--keyless`")


@click.command("sign")
@click.argument("reference")
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job.")
def command(reference: str, key: Path | None, *, keyless: bool) -> None:
    """Sign a component in a registry, as cosign does, and attach the signature to it.

    The key is ECDSA on P-256 in PEM, as OpenSSL or `cosign generate-key-pair` writes it. Its password is read from
    WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD).

    With --keyless, Sigstore certifies the identity that the CI provides (or SIGSTORE_ID_TOKEN), and records it in a
    public log.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import signatures
    from wasmcp.registry.signing.passwords import password

    signer(key, keyless=keyless)
    resolver = push.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    if key is None:
        tag = signatures.sign_by_identity(resolution.place, resolver)
    else:
        tag = signatures.sign(resolution.place, key, password(), resolver)
    click.echo(f"signed {resolution.exact} ({tag})")
