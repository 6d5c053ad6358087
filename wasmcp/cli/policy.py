"""`wasmcp policy`: show the policy of a server, and test it with cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.insight.access import Case

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_OFFLINE = click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")


@click.group("policy")
def policy_command() -> None:
    """Show the policy of a server, and test it with cases."""


@policy_command.command("show")
@click.argument("spec")
@_OFFLINE
@_JSON
def show(spec: str, *, offline: bool, as_json: bool) -> None:
    """Show the effective policy of a server: its rules, and the conditions of its entries.

    SPEC is a file, a package in a registry or an alias.
    """
    from wasmcp.cli.inspect import read_subject
    from wasmcp.insight.access import policy_of, policy_rows
    from wasmcp.insight.roles import read_structure

    subject = read_subject(spec, offline=offline)
    structure = read_structure(subject.data, subject.name)
    if structure.access_unproved:
        click.echo("warning: the policy that this file applies is not that of its record", err=True)
    policy = policy_of(structure.access)
    if as_json:
        click.echo(
            json.dumps({"name": subject.name, "unproved": structure.access_unproved, "policy": policy}, indent=2)
        )
    elif policy is None:
        click.echo(printable(f"{subject.name}: no policy; every principal may send every request"))
    else:
        for effect, text in policy_rows(policy):
            click.echo(printable(f"{effect:<9}  {text}"))


@policy_command.command("test")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("server", required=False)
@_OFFLINE
@_JSON
@click.pass_context
def test(ctx: click.Context, file: Path, server: str | None, *, offline: bool, as_json: bool) -> None:
    """Send the requests of a table of cases to a server, and compare its decisions with the expected ones.

    FILE is TOML with a table `[[case]]` for each request. SERVER is a composed server: a file, a package or an alias;
    by default the one that FILE names as `server`. It runs in the sandbox, without grants, and accepts the tokens of a
    key that is made for the test. Exit code 1 if a decision differs.
    """
    from wasmcp.cli.inspect import read_subject
    from wasmcp.insight.access import read_cases, run_cases

    cases, named = read_cases(file)
    spec = server if server is not None else None if named is None else str(file.parent / named)
    if spec is None:
        raise click.UsageError("name the server: `wasmcp policy test FILE SERVER`, or `server` in FILE")
    subject = read_subject(spec, offline=offline)
    token, settings = _tokens()
    outcomes = list(run_cases(subject.data, subject.name, cases, token, settings))
    failed = [one for one in outcomes if one.problem is not None]
    if as_json:
        click.echo(json.dumps({"failed": len(failed), "cases": [one.to_dict() for one in outcomes]}, indent=2))
    else:
        for one in outcomes:
            click.echo(printable(f"{'failed' if one.problem else 'ok':<6}  {one.case.name}"))
            if one.problem:
                click.echo(printable(f"        {one.problem}"))
        click.echo(f"{len(outcomes)} cases, {len(failed) or 'none'} failed")
    if failed:
        ctx.exit(1)


def _tokens() -> tuple[Any, list[Mapping[str, str]]]:
    """Return a function that makes the token of a case, and the settings with its key in two forms."""
    from wasmcp.auth.access_tokens import SigningKey, mint
    from wasmcp.insight.access import ADDRESS, ISSUER

    key = SigningKey.generate()
    base = {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": ADDRESS, "WASMCP_SERVER_URI": ADDRESS}

    def token(case: Case) -> str:
        return mint(
            key, issuer=ISSUER, audience=[ADDRESS], scopes=case.scopes, subject=case.subject, claims=dict(case.claims)
        )

    keys = json.dumps({"keys": [key.jwk]})
    return token, [{**base, "JWT_JWKS": keys}, {**base, "JWT_PUBLIC_KEY": key.public_pem}]
