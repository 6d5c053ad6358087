"""`wasmcp sign`, `attest` and `verify`: signatures of components in registries, and signed statements about them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click


def signer(key: Path | None, *, keyless: bool) -> None:
    """Check that exactly one of `--key` and `--keyless` is given."""
    if (key is None) != keyless:
        raise click.UsageError("pass either `--key FILE` or `--keyless`")


@click.command("sign")
@click.argument("reference")
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job.")
def sign_command(reference: str, key: Path | None, *, keyless: bool) -> None:
    """Sign a component in a registry, as cosign does, and attach the signature to it.

    The key is ECDSA on P-256 in PEM, as OpenSSL or `cosign generate-key-pair` writes it. Its password is read from
    WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD).

    With --keyless, Sigstore certifies the identity that the CI provides (or SIGSTORE_ID_TOKEN), and records it in a
    public log.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import signatures
    from wasmcp.registry.signing.keys import password

    signer(key, keyless=keyless)
    resolver = push.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    if key is None:
        tag = signatures.sign_by_identity(resolution.place, resolver)
    else:
        tag = signatures.sign(resolution.place, key, password(), resolver)
    click.echo(f"signed {resolution.exact} ({tag})")


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
def attest_command(reference: str, key: Path | None, statement: BinaryIO, *, keyless: bool) -> None:
    """Sign a statement about a component in a registry, as cosign does, and attach it to the component.

    The key's password is read from WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD). For --keyless see `wasmcp sign`.
    `wasmcp verify --attestation` verifies the statement.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import attestations
    from wasmcp.registry.signing.keys import password

    signer(key, keyless=keyless)
    resolver = push.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    tag = attestations.attest(resolution.place, statement.read(), key, password(), resolver)
    click.echo(f"attested {resolution.exact} ({tag})")


@click.command("verify")
@click.argument("reference")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A trusted public key.  [repeatable]  [default: those of the policies]",
)
@click.option(
    "--identity",
    metavar="WHO",
    help="A trusted identity: an e-mail address or a URI; `*` matches any characters.",
)
@click.option("--issuer", metavar="URL", help="The identity provider of --identity.")
@click.option(
    "--trusted-root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A root of trust to use instead of the public Sigstore instance.",
)
@click.option("--attestation", is_flag=True, help="Verify and print attestations instead, one per line.")
def verify_command(
    reference: str,
    keys: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    trusted_root: Path | None,
    *,
    attestation: bool,
) -> None:
    """Verify that a component in a registry has a trusted signature; exit with 1 if not.

    --key and --identity select the trusted signers; by default those of the policies.
    """
    import json

    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.names.namespace_policy import Trust, merged
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import attestations, signatures
    from wasmcp.registry.signing.keyless import Identity

    if (identity is None) != (issuer is None):
        raise click.UsageError("--identity and --issuer go together: names are unique only within a provider")
    resolver = push.resolver_for(find_project(Path.cwd()))
    asked = references.parse(reference)
    resolution = resolver.resolve(asked)
    namespace = asked.namespace if isinstance(asked, references.Package) else None
    named = Trust(keys, (Identity(identity, issuer),) if identity and issuer else (), trusted_root)
    trust = named or merged(
        one for policy in resolver.settings.policies for one in policy.trusts(resolution.place, namespace)
    )
    if attestation:
        for statement in attestations.verify(resolution.place, trust, resolver):
            click.echo(json.dumps(statement))
        return
    who = signatures.verify(resolution, trust, resolver)
    click.echo(f"{resolution.exact} is signed by {who}")
