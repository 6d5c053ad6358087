"""`wasmcp verify`: check who has signed a component."""

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
    help="A public key that is trusted; may be repeated.  [default: those that the policies name]",
)
@click.option(
    "--identity",
    metavar="WHO",
    help="Who is trusted to have signed by identity: an e-mail address or a URI; `*` stands for any characters.",
)
@click.option("--issuer", metavar="URL", help="The identity provider that vouches for --identity.")
@click.option(
    "--trusted-root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another root of trust for identities than that of the public Sigstore.",
)
@click.option("--attestation", is_flag=True, help="Check and print what was attested of it instead, a line each.")
def command(
    reference: str,
    keys: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    trusted_root: Path | None,
    *,
    attestation: bool,
) -> None:
    """Check that a component in a registry is signed by whom is trusted; exit with 1 when it is not.

    Trusted are those that --key and --identity name; without them those that the policies name.
    """
    import json

    from wasmcp.registry.names.name_scopes import find_project
    from wasmcp.registry.names.namespace_policy import Trust, merged
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.signing import attestations, signatures
    from wasmcp.registry.signing.keyless import Identity

    if (identity is None) != (issuer is None):
        raise click.UsageError("--identity and --issuer go together: anybody can claim a name at some provider")
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
