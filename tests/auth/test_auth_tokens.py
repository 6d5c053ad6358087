"""Keys and access tokens: minted, decoded, verified, and compared with the verdicts of servers."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x25519

from wasmcp.auth import access_tokens
from wasmcp.auth.access_tokens import (
    ALGORITHMS,
    SigningKey,
    VerificationKeys,
    decode,
    fitting_algorithms,
    mint,
    scopes_of,
    thumbprint,
    verify,
    write_files,
)
from wasmcp.errors import InvalidTokenError, SigningKeyError
from wasmcp.host.authorization.documents import LIMIT, metadata_urls

ISSUER = "https://issuer.test"
RSA = SigningKey.generate("RS256")
KEYS = {
    one: SigningKey(RSA.private, one, RSA.key_id) if one[1] == "S" and one[0] in "RP" else SigningKey.generate(one)
    for one in ALGORITHMS
}
ES256 = KEYS["ES256"]
SET = VerificationKeys.parse("keys", json.dumps({"keys": [key.jwk for key in KEYS.values()]}).encode())


def minted(key: SigningKey = ES256, **given: Any) -> str:
    return mint(key, issuer=ISSUER, **given)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_of_every_algorithm_are_verified(algorithm: str, tmp_path: Path) -> None:
    key = KEYS[algorithm]
    token = minted(key, audience=["https://a.test/mcp"], scopes=["a", "b"], subject="alice", claims={"team": "x"})
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"], header["kid"]) == (algorithm, "at+jwt", key.key_id)
    claims = verify(token, SET, issuer=ISSUER, audience=["https://a.test/mcp"], scopes=["b"])
    assert (claims["sub"], claims["scope"], claims["team"]) == ("alice", "a b", "x")
    assert claims["exp"] - claims["iat"] == 3600
    path = tmp_path / "key.pem"
    for password in (None, b"secret"):
        path.write_bytes(key.private_pem(password))
        again = SigningKey.read(path, algorithm=algorithm, password=password)
        assert (again.key_id, again.jwk) == (key.key_id, key.jwk)
    path.write_text(key.public_pem)
    assert verify(token, VerificationKeys.read(path))["sub"] == "alice"
    path.write_text(json.dumps(key.jwk))
    assert verify(token, VerificationKeys.read(path), algorithms=[algorithm])["sub"] == "alice"


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_claims_and_header_can_be_replaced_and_removed() -> None:
    token = minted(claims={"sub": None, "exp": "never", "aud": ["x", 1]}, header={"typ": None, "kid": None, "x": 1})
    header, claims = decode(token)
    assert header == {"alg": "ES256", "x": 1}
    assert "sub" not in claims
    assert (claims["exp"], claims["aud"]) == ("never", ["x", 1])


def test_a_negative_lifetime_makes_an_expired_token() -> None:
    _, claims = decode(minted(lifetime=-60))
    assert claims["iat"] == claims["exp"] == pytest.approx(time.time() - 60, abs=30)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (lambda: minted(lifetime=-60), "expired"),
        (lambda: minted(claims={"nbf": int(time.time()) + 600}), "not yet valid"),
        (lambda: minted(claims={"iat": int(time.time()) + 600}), "not yet valid"),
        (lambda: minted(claims={"exp": None}), "exp"),
        (lambda: minted(claims={"sub": None}), "sub"),
        (lambda: minted(claims={"sub": ""}), "`sub` is empty"),
        (lambda: minted(claims={"iss": f"{ISSUER}/"}), "issuer"),
        (lambda: minted(audience=["https://other.test"]), "Audience"),
        (lambda: minted(claims={"cnf": {"jkt": "x"}}), "bound to a key"),
        (lambda: minted(claims={"nonce": "x"}), "ID token"),
        (lambda: minted(header={"typ": "dpop+jwt"}), "type `dpop.jwt`"),
        (lambda: minted(header={"kid": "other"}), "no key of `keys` has the name `other`"),
        (lambda: minted(SigningKey(KEYS["ES384"].private, "ES384", ES256.key_id)), "no key of `keys`"),
        (lambda: minted(SigningKey(SigningKey.generate().private, "ES256", ES256.key_id)), "ignature"),
        (lambda: minted(scopes=["admin"]), "lacks the scopes read"),
        (lambda: jwt.encode({"sub": "x"}, "0" * 32, "HS256"), "algorithm `HS256` is not accepted"),
        (lambda: jwt.encode({"sub": "x"}, None, "none"), "algorithm `none` is not accepted"),
        (lambda: "a.b", "not a JSON Web Token"),
        (lambda: "x" * 20_000, "more than 16384 characters"),
    ],
)
def test_tokens_that_servers_refuse_are_not_valid(token: Any, message: str) -> None:
    audience = ["https://a.test"] if message == "Audience" else []
    scopes = ["read"] if "scopes" in message else []
    with pytest.raises(InvalidTokenError, match=message):
        verify(token(), SET, issuer=ISSUER, audience=audience, scopes=scopes)


def test_a_token_without_kid_needs_a_set_with_one_key_for_its_algorithm() -> None:
    token = minted(header={"kid": None})
    assert verify(token, SET)
    two = [SigningKey.generate().jwk, ES256.jwk]
    with pytest.raises(InvalidTokenError, match="names no key"):
        verify(token, VerificationKeys.parse("keys", json.dumps({"keys": two}).encode()))


def test_eddsa_has_two_names() -> None:
    key = KEYS["EdDSA"]
    head, payload = (
        jwt.utils.base64url_encode(part).decode() for part in (b'{"alg":"Ed25519"}', b'{"sub":"a","exp":9e9}')
    )
    token = f"{head}.{payload}.{jwt.utils.base64url_encode(key.private.sign(f'{head}.{payload}'.encode())).decode()}"
    named = VerificationKeys.parse("keys", json.dumps({"keys": [{**key.jwk, "alg": "Ed25519"}]}).encode())
    assert verify(token, named)["sub"] == verify(token, SET)["sub"] == "a"


def test_scopes_are_read_from_both_claims() -> None:
    assert scopes_of({"scope": "a b", "scp": ["b", "c", 1]}) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a private key"),
        (b"{", "neither PEM nor JSON"),
        (b'{"keys": []}', "set of keys"),
        (b'{"kty": "EC", "d": "c2VjcmV0"}', "not a private key"),
        (b'{"kty": "oct", "k": "c2VjcmV0c2VjcmV0"}', "kind that signs no tokens|can be used"),
        (json.dumps(ES256.jwk).encode(), "public key"),
        (ES256.public_pem.encode(), "public key"),
        (ES256.private_pem(b"x"), "has a password: set WASMCP_KEY_PASSWORD"),
        (b"x" * 70_000, "more than 65536 bytes"),
        (
            x25519.X25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            "signs no tokens",
        ),
    ],
)
def test_a_file_without_a_usable_private_key_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(data)
    with pytest.raises(SigningKeyError, match=message) as caught:
        SigningKey.read(path)
    assert str(path) in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_key_is_used_only_for_its_algorithms(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(ES256.private_pem())
    with pytest.raises(SigningKeyError, match="does not fit the algorithm RS256: it signs ES256"):
        SigningKey.read(path, algorithm="RS256")
    path.write_bytes(RSA.private_pem())
    assert SigningKey.read(path).algorithm == "RS256"
    assert SigningKey.read(path, algorithm="PS512", key_id="mine").key_id == "mine"
    with pytest.raises(SigningKeyError, match="has no password"):
        SigningKey.read(path, password=b"x")
    with pytest.raises(SigningKeyError, match="cannot be read: No such file"):
        SigningKey.read(tmp_path / "missing.pem")
    assert fitting_algorithms(ec.generate_private_key(ec.SECP256K1())) == ()
    assert fitting_algorithms(dsa.generate_private_key(2048)) == ()


def test_private_json_web_keys_sign(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    members = jwt.get_algorithm_by_name("ES256").to_jwk(ES256.private, as_dict=True)
    path.write_text(json.dumps({**members, "kid": "mine", "alg": "ES256"}))
    key = SigningKey.read(path)
    assert (key.key_id, key.algorithm) == ("mine", "ES256")
    assert verify(minted(key), VerificationKeys.parse("keys", json.dumps({"keys": [key.jwk]}).encode()))


def test_files_are_written_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write_files([(first, b"1", 0o600), (second, b"2", 0o644)], force=False)
    assert [oct(path.stat().st_mode & 0o777) for path in (first, second)] == ["0o600", "0o644"]
    second.unlink()
    for wrong in (tmp_path / "no" / "c", tmp_path):
        with pytest.raises(SigningKeyError):
            write_files([(second, b"3", 0o600), (wrong, b"3", 0o600)], force=True)
    with pytest.raises(SigningKeyError, match="exists: `--force`"):
        write_files([(second, b"3", 0o600), (first, b"3", 0o600)], force=False)
    # A file that appears after the check is not replaced, and what was written before is removed.
    monkeypatch.setattr(access_tokens.os.path, "lexists", lambda _path: False)
    with pytest.raises(SigningKeyError, match="cannot be written"):
        write_files([(second, b"3", 0o600), (first, b"3", 0o600)], force=False)
    assert first.read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208
    write_files([(first, b"4", 0o600)], force=True)
    assert first.read_bytes() == b"4"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not a JSON object"),
        (b'{"keys": {}}', "not a list"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}, 1, {"kty": "EC"}]}', "no public key"),
        (json.dumps({"keys": [{**ES256.jwk, "use": "enc"}]}).encode(), "no public key"),
    ],
)
def test_a_set_without_usable_keys_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SigningKeyError, match=message):
        VerificationKeys.parse("keys", data)


def test_metadata_is_looked_up_at_the_addresses_of_both_specifications() -> None:
    assert metadata_urls("https://a.test/tenant") == (
        "https://a.test/.well-known/oauth-authorization-server/tenant",
        "https://a.test/.well-known/openid-configuration/tenant",
        "https://a.test/tenant/.well-known/openid-configuration",
    )
    assert len(metadata_urls("https://a.test")) == 2


@pytest.fixture
def site() -> Any:
    """A web server whose pages are a dict of path to status, fields and body."""
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, fields, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_are_discovered_from_an_issuer(site: Any) -> None:
    url, pages = site
    pages["/.well-known/openid-configuration"] = (
        200,
        {},
        json.dumps({"issuer": url, "jwks_uri": f"{url}/k?x=1"}).encode(),
    )
    pages["/k?x=1"] = (200, {}, json.dumps({"keys": [ES256.jwk]}).encode())
    assert verify(minted(claims={"iss": url}), VerificationKeys.discover(url), issuer=url)
    pages["/.well-known/openid-configuration"] = (200, {}, json.dumps({"issuer": f"{url}/"}).encode())
    with pytest.raises(SigningKeyError, match="metadata is of another issuer"):
        VerificationKeys.discover(url)
    pages["/.well-known/openid-configuration"] = (200, {}, json.dumps({"issuer": url}).encode())
    with pytest.raises(SigningKeyError, match="has no `jwks_uri`"):
        VerificationKeys.discover(url)
    del pages["/.well-known/openid-configuration"]
    with pytest.raises(SigningKeyError, match="status 404"):
        VerificationKeys.discover(url)


def test_keys_that_cannot_be_fetched_are_an_error(site: Any) -> None:
    url, pages = site
    pages["/moved"] = (302, {"location": f"{url}/keys"}, b"")
    pages["/large"] = (200, {}, b" " * (LIMIT + 1))
    pages["/text"] = (200, {}, b"hello")
    pages["/keys"] = (200, {}, json.dumps({"keys": [ES256.jwk]}).encode())
    for path, message in {"moved": "status 302", "large": "more than", "text": "not JSON"}.items():
        with pytest.raises(SigningKeyError, match=message):
            VerificationKeys.fetch(f"{url}/{path}")
    assert VerificationKeys.fetch(f"{url}/keys")
    for wrong in ("http://example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys"):
        with pytest.raises(SigningKeyError, match="must begin with `https://`"):
            VerificationKeys.fetch(wrong)
    with pytest.raises(SigningKeyError, match="cannot be fetched"):
        VerificationKeys.fetch("http://127.0.0.1:1/keys")
