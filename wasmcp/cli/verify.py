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
@click.option("--attestation", is_flag=True, help="Check and print what was attested of it instead, a line each.")
def command(reference: str, keys: tuple[Path, ...], *, attestation: bool) -> None:
    """Check that a component in a registry is signed by a trusted key; exit with 1 when it is not."""
    import json

    from wasmcp.registry import attestations, publishing, references, signatures
    from wasmcp.registry.layers import find_project

    resolver = publishing.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    namespace = resolver.settings.namespace(resolution.place)
    trusted = keys or [key for policy in resolver.settings.policies for key in policy.keys_of(namespace)]
    if attestation:
        for statement in attestations.verify(resolution.place, trusted, resolver):
            click.echo(json.dumps(statement, ensure_ascii=False))
        return
    key = signatures.verify(resolution.place, trusted, resolver)
    click.echo(f"{resolution.exact} is signed by {key}")
