"""`wasmcp jwt`: keys and access tokens for development, and a local issuer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.registry.signing.signers import password
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.auth.access_tokens import SigningKey, VerificationKeys

# As in `wasmcp.auth.access_tokens`, which needs the extra `auth`.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_FILE = FilePath(path_type=Path)


def _pairs(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """Parse values of `NAME=JSON`; what is not JSON is a text."""
    found: dict[str, Any] = {}
    for item in given:
        name, separator, text = item.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"`{printable(item)}` is not NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found


def _words(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Split values at spaces: scopes are often written in one text."""
    return tuple(dict.fromkeys(word for item in given for word in item.split()))


_TOKEN = click.argument("token", default="-", metavar="[TOKEN]")
_ALGORITHM = click.option("--algorithm", type=click.Choice(_ALGORITHMS), help="The signature algorithm.")
_SCOPES = click.option("--scope", "scopes", multiple=True, callback=_words, help="A scope; can be repeated.")


def _given(argument: str) -> str:
    """Return the token of an argument, or of standard input."""
    return (sys.stdin.read(1 << 20) if argument == "-" else argument).strip()


@click.group("jwt")
def jwt_command() -> None:
    """Make and check access tokens, for development and tests (the extra `auth`).

    Servers verify tokens by themselves: see the guide "Authorization".
    """


@jwt_command.command("keygen")
@click.argument("key", type=_FILE)
@click.option(
    "--algorithm", type=click.Choice(_ALGORITHMS), default="ES256", show_default=True, help="The signature algorithm."
)
@click.option(
    "--bits",
    type=click.Choice(["2048", "3072", "4096"]),
    default="2048",
    show_default=True,
    help="The size of an RSA key.",
)
@click.option("--public", type=_FILE, help="The file of the public key.  [default: KEY with the suffix .pub]")
@click.option("--jwks", type=_FILE, help="Also write the public key as a JSON Web Key Set.")
@click.option("--force", is_flag=True, help="Replace existing files.")
def keygen(key: Path, algorithm: str, bits: str, public: Path | None, jwks: Path | None, *, force: bool) -> None:
    """Write a new private key to KEY, with permissions for its owner only, and its public key.

    Both are PEM. With WASMCP_KEY_PASSWORD the private key is encrypted.
    """
    from wasmcp.auth.access_tokens import SigningKey, write_files

    public = public or key.with_name(f"{key.name}.pub")
    names = [path.absolute() for path in (key, public, jwks) if path is not None]
    if len(set(names)) < len(names):
        raise click.UsageError("KEY, `--public` and `--jwks` must be different files")
    made = SigningKey.generate(algorithm, bits=int(bits))
    files = [(key, made.private_pem(password()), 0o600), (public, made.public_pem.encode(), 0o644)]
    if jwks is not None:
        files.append((jwks, json.dumps({"keys": [made.jwk]}, indent=2).encode() + b"\n", 0o644))
    write_files(files, force=force)
    if algorithm == "ES512":
        click.echo("warning: servers do not verify ES512: see the guide `Authorization`", err=True)
    click.echo(f"{printable(str(key))}: private key for {algorithm}, kid {made.key_id}")
    click.echo(f'{printable(str(public))}: public key, for JWT_PUBLIC_KEY="$(cat {printable(str(public))})"')
    if jwks is not None:
        click.echo(f'{printable(str(jwks))}: key set, for JWT_JWKS="$(cat {printable(str(jwks))})"')


@jwt_command.command("mint")
@click.argument("key", type=_FILE)
@click.option("--issuer", required=True, metavar="URL", help="The claim `iss`: the server's JWT_ISSUER.")
@click.option("--audience", multiple=True, metavar="URI", help="The claim `aud`: the server's WASMCP_SERVER_URI.")
@_SCOPES
@click.option("--subject", default="developer", show_default=True, help="The claim `sub`.")
@click.option("--lifetime", type=int, default=3600, show_default=True, metavar="SECONDS", help="Time until expiry.")
@click.option("--claim", "claims", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="A claim, JSON or text.")
@click.option(
    "--header", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="A header parameter, JSON or text."
)
@_ALGORITHM
@click.option("--kid", help="The name of the key.  [default: its thumbprint]")
def mint_command(key: Path, algorithm: str | None, kid: str | None, **given: Any) -> None:
    """Print an access token (RFC 9068), signed with the private key in KEY.

    `--claim` replaces the other claims; the value null removes one. A negative lifetime makes a token that has expired.
    """
    from wasmcp.auth.access_tokens import mint

    click.echo(mint(_read(key, algorithm, kid), **given))


@jwt_command.command("decode")
@_TOKEN
def decode_command(token: str) -> None:
    """Print header and claims of a token WITHOUT verifying it. `-`, the default, reads standard input."""
    from wasmcp.auth.access_tokens import decode

    header, claims = decode(_given(token))
    click.echo("not verified: the signature was not checked; `wasmcp jwt verify` checks it", err=True)
    click.echo(json.dumps({"header": header, "claims": claims}, indent=2))


@jwt_command.command("verify")
@_TOKEN
@click.option("--keys", required=False, metavar="FILE|URL", help="Public key in PEM, JSON Web Key, or key set.")
@click.option("--issuer", metavar="URL", help="The issuer; without --keys its keys are discovered.")
@click.option("--audience", multiple=True, metavar="URI", help="Audiences, one of which the token must have.")
@_SCOPES
@click.option("--algorithm", "algorithms", multiple=True, type=click.Choice(_ALGORITHMS), help="Accept only these.")
@click.option(
    "--leeway",
    type=click.FloatRange(0, 300),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Tolerance for clocks.",
)
def verify_command(token: str, keys: str | None, issuer: str | None, algorithms: tuple[str, ...], **given: Any) -> None:
    """Verify a token as servers do, and print its claims. `-`, the default, reads standard input.

    Exit code 1: the token is not valid.
    """
    from wasmcp.auth.access_tokens import verify

    if keys is None and issuer is None:
        raise click.UsageError("name the keys with `--keys FILE|URL`, or the issuer with `--issuer URL`")
    found = verify(
        _given(token), _verification_keys(keys, issuer), issuer=issuer, algorithms=algorithms or _ALGORITHMS, **given
    )
    click.echo(json.dumps(found, indent=2))


@jwt_command.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="The port; 0 for any.")
@click.option("--key", type=_FILE, help="The private key that signs.  [default: a new one]")
@_ALGORITHM
@click.option(
    "--audience", metavar="URI", help="Audience of tokens without `resource`.  [default: http://127.0.0.1/mcp]"
)
@click.option("--lifetime", type=click.IntRange(1, 86400), default=3600, show_default=True, metavar="SECONDS")
@click.option(
    "--client", "clients", multiple=True, metavar="ID=SECRET", help="A client.  [default: wasmcp, a new secret]"
)
@click.option("--opaque", is_flag=True, help="Issue opaque tokens, which servers introspect.")
@click.option(
    "--rotate", type=click.IntRange(1, 86400), metavar="SECONDS", help="Interval between rotations of the key."
)
def serve_command(  # noqa: PLR0917 - click passes by name
    port: int,
    key: Path | None,
    algorithm: str | None,
    audience: str | None,
    lifetime: int,
    clients: tuple[str, ...],
    rotate: int | None,
    *,
    opaque: bool,
) -> None:
    """Run an issuer on 127.0.0.1, for development: metadata, keys, tokens for clients, introspection.

    SIGHUP rotates the key; tokens of the three keys before it stay valid.
    """
    import secrets

    from wasmcp.auth.issuer import IssuerServer

    known = dict(_client(one) for one in clients) or {"wasmcp": secrets.token_urlsafe(16)}
    options: dict[str, Any] = {"lifetime": lifetime, "clients": known, "algorithm": algorithm or "ES256"}
    if audience is not None:
        options["audience"] = audience
    if key is not None:
        options["key"] = _read(key, algorithm, None)
    with IssuerServer(port, opaque=opaque, log=_log, **options) as server:
        _describe(server.issuer.metadata, known, generated=not clients)
        _wait(server.issuer.rotate, rotate)


def _read(key: Path, algorithm: str | None, kid: str | None) -> SigningKey:
    from wasmcp.auth.access_tokens import SigningKey

    return SigningKey.read(key, algorithm=algorithm, key_id=kid, password=password())


def _verification_keys(keys: str | None, issuer: str | None) -> VerificationKeys:
    from wasmcp.auth.access_tokens import VerificationKeys

    if keys is None:
        return VerificationKeys.discover(issuer or "")
    if keys.startswith(("https://", "http://")):
        return VerificationKeys.fetch(keys)
    return VerificationKeys.read(Path(keys))


def _client(given: str) -> tuple[str, str]:
    client, separator, secret = given.partition("=")
    if not separator or not client or not secret:
        raise click.UsageError("--client must be ID=SECRET")
    return client, secret


def _log(line: str) -> None:
    click.echo(printable(line), err=True)


def _describe(metadata: dict[str, Any], clients: dict[str, str], *, generated: bool) -> None:
    """Print the address, the clients and the settings of a server."""
    click.echo(f"issuer: {metadata['issuer']}")
    click.echo(f"keys: {metadata['jwks_uri']}")
    for client, secret in clients.items():
        shown = f" secret {secret}" if generated else ""
        click.echo(printable(f"client: {client}{shown}"))
    click.echo(f"token: curl -u CLIENT:SECRET -d grant_type=client_credentials {metadata['token_endpoint']}")


def _wait(rotate: Any, seconds: int | None) -> None:
    """Wait until the process is ended, and rotate keys at SIGHUP and after each period."""
    import signal
    import threading

    ended, due = threading.Event(), threading.Event()
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None:
        signal.signal(hangup, lambda *_: due.set())

    def end(*_: object) -> None:
        ended.set()
        due.set()

    signal.signal(signal.SIGTERM, end)
    while not ended.is_set():
        due.wait(seconds)  # Ctrl-C raises KeyboardInterrupt here
        due.clear()
        if not ended.is_set():
            click.echo(f"the key is now {rotate()}", err=True)
