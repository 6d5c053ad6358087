"""`wasmcp verify`: verify the signatures of a component."""

from __future__ import annotations

from pathlib import Path

import click


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
def command(
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
