"""Authorization of HTTP requests by the composed server: tokens, denials, metadata, sessions, settings."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from support.entry_points import Embedded, Served, mirrored, request
from support.server_processes import STATE_KEYS, free_port, wasmcp_serve, wasmtime_serve
from support.tokens import (
    ISSUER,
    SERVER,
    claims,
    compose,
    encoded,
    jwk,
    private_key,
    public_pem,
    signed,
    whoami_component,
)
from support.waiting import wait_until

from wasmcp.errors import CompositionError, InvalidSettingError
from wasmcp.host import Cost, Server, open_server

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
KEYS = {"RSA": private_key("RS256"), "ES256": private_key("ES256"), "ES384": private_key("ES384")}
KEYS["EdDSA"] = private_key("EdDSA")
OTHER = private_key("ES256")


def key_of(algorithm: str) -> Any:
    return KEYS["RSA" if algorithm[1] == "S" and algorithm[0] in "RP" else algorithm]


JWKS = json.dumps(
    {
        "keys": [
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "bad"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
            *(jwk(key_of(one), one, kid=one, alg=one) for one in ALGORITHMS),
            jwk(private_key("ES256"), "ES256", kid="for encryption", use="enc"),
        ]
    }
)


def check_settings(server: Path, settings: dict[str, str]) -> None:
    with open_server(server, settings=settings, instances=1) as opened:
        opened.boot()


OAUTH = {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": ISSUER, "JWT_JWKS": JWKS, "WASMCP_SERVER_URI": SERVER}
CALL = request("tools/call", {"name": "whoami", "arguments": {}})


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whoami_component(tmp_path_factory.mktemp("whoami"))


@pytest.fixture(scope="module")
def servers(component: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("servers")
    paths = {}
    for auth in ("operator", "required", "none"):
        paths[auth] = folder / f"{auth}.wasm"
        paths[auth].write_bytes(compose(component, auth=auth))
    return paths


@pytest.fixture(scope="module")
def opened(servers: dict[str, Path]) -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:
        known: dict[Any, Server] = {}

        def opened(auth: str = "operator", **settings: str) -> Server:
            key = (auth, *sorted(settings.items()))
            if key not in known:
                known[key] = stack.enter_context(open_server(servers[auth], settings=settings, instances=1))
            return known[key]

        yield opened


@pytest.fixture(scope="module")
def server(opened: Callable[..., Server]) -> Server:
    return opened(**OAUTH)


def token(algorithm: str = "ES256", *, header: dict[str, Any] | None = None, **more: Any) -> str:
    head = {"alg": algorithm, "typ": "at+jwt", "kid": algorithm, **(header or {})}
    return signed(key_of(algorithm), algorithm, {k: v for k, v in head.items() if v is not None}, claims(**more))


def headers(authorization: str | None, message: Any = CALL) -> list[tuple[str, str]]:
    given = [("host", "127.0.0.1"), *mirrored(message).items()]
    return given + ([] if authorization is None else [("authorization", authorization)])


def call(server: Server, bearer: str | None, *, target: str = "/mcp") -> Any:
    head = headers(None if bearer is None else f"Bearer {bearer}")
    return server.http("POST", target, head, json.dumps(CALL))


def header(response: Any, name: str) -> str:
    return dict(response.headers).get(name, "")


def check_denied(response: Any, status: int, error: str, about: str = "") -> None:
    """Check a denial: its status, its challenge, its body, and nothing else."""
    assert response.status == status, response.body
    challenge = header(response, "www-authenticate")
    assert challenge.startswith("Bearer")
    body = json.loads(response.body)
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error
    if error != "unauthorized":
        assert f'error="{error}"' in challenge
        assert f'error_description="{body["error_description"]}"' in challenge
    else:
        assert "error=" not in challenge
    assert 'resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/mcp"' in challenge
    assert about in body["error_description"]


def text_of(response: Any) -> str:
    assert response.status == 200, response.body
    return str(json.loads(response.body)["result"]["content"][0]["text"])


class TestTokens:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_every_algorithm_is_verified(self, server: Server, algorithm: str) -> None:
        valid = token(algorithm, scope="a b", extra={"deep": [1.10]})
        subject, issuer, given = text_of(call(server, valid)).split("|")
        assert (subject, issuer) == ("alice a b", ISSUER)
        assert json.loads(given)["extra"] == {"deep": [1.10]}
        head, payload, signature = valid.split(".")
        for at in (0, len(signature) // 2):
            changed = signature[:at] + ("A" if signature[at] != "A" else "B") + signature[at + 1 :]
            check_denied(call(server, f"{head}.{payload}.{changed}"), 401, "invalid_token", "signature")
        other = encoded(claims(sub="mallory"))
        check_denied(call(server, f"{head}.{other}.{signature}"), 401, "invalid_token", "signature")

    @pytest.mark.parametrize("size", [2048, 3072, 4096])
    def test_rsa_keys_of_every_size_are_verified(self, opened: Callable[..., Server], size: int) -> None:
        key = rsa.generate_private_key(65537, size)
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_PUBLIC_KEY": public_pem(key)}
        for algorithm in ("RS256", "PS512"):
            made = signed(key, algorithm, {"alg": algorithm}, claims())
            assert text_of(call(opened(**settings), made)).startswith("alice")
            denied_by_signature = call(opened(**settings), made[:-8] + "AAAAAAAA")
            assert denied_by_signature.status == 401

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "EdDSA"])
    def test_keys_are_given_as_pem(self, opened: Callable[..., Server], algorithm: str) -> None:
        for pem in (public_pem(key_of(algorithm)), public_pem(key_of(algorithm)).replace("\n", "\\n")):
            found = opened(WASMCP_AUTH_MODE="oauth", JWT_PUBLIC_KEY=pem)
            assert text_of(call(found, token(algorithm))).startswith("alice")
            assert call(found, token("ES256" if algorithm != "ES256" else "ES384")).status == 401

    def test_a_cached_verdict_ends_with_the_token(self, opened: Callable[..., Server]) -> None:
        server = opened(**OAUTH, JWT_LEEWAY="0")
        short = token(exp=int(time.time()) + 2)
        assert call(server, short).status == 200
        assert call(server, short).status == 200
        end = jwt.decode(short, options={"verify_signature": False})["exp"]
        wait_until(lambda: time.time() >= end)
        check_denied(call(server, short), 401, "invalid_token", "expired")

    def test_a_token_that_differs_anywhere_from_a_known_one_is_refused(self, opened: Callable[..., Server]) -> None:
        known = token(scope="x")
        server = opened(**OAUTH, JWT_LEEWAY="1")
        assert call(server, known).status == 200
        for at, character in enumerate(known):
            changed = known[:at] + ("A" if character != "A" else "B") + known[at + 1 :]
            assert call(server, changed).status == 401, at
        assert call(server, known).status == 200

    def test_known_tokens_take_few_instructions_for_each_byte(self, servers: dict[str, Path]) -> None:
        costs: list[Cost] = []
        tokens = [token(), token(text="x" * 8000)]
        message = request("tools/list")
        with open_server(servers["operator"], settings=OAUTH, on_cost=costs.append) as server:
            for bearer in (one for one in tokens for _ in range(2)):
                response = server.http("POST", "/mcp", headers(f"Bearer {bearer}", message), json.dumps(message))
                assert response.status == 200, response.body
        _boot, _first, small, verified, large = (cost.fuel for cost in costs)
        assert large - small < 12 * (len(tokens[1]) - len(tokens[0]))
        assert verified > 3 * large

    def test_tokens_of_pyjwt_are_accepted(self, server: Server) -> None:
        made = jwt.encode(claims(), key_of("RS256"), "RS256", headers={"kid": "RS256"})
        assert text_of(call(server, made)).startswith("alice")
        with_one_key = jwt.encode(claims(scp=["x"], aud=["other", f"{SERVER}/"]), key_of("EdDSA"), "EdDSA")
        assert text_of(call(server, with_one_key)).startswith("alice x|")


def forged_with_public_key() -> str:
    """Return a token signed by HMAC with the public key as its secret."""
    import hashlib
    import hmac

    message = f"{encoded({'alg': 'HS256', 'kid': 'RS256'})}.{encoded(claims())}"
    secret = public_pem(KEYS["RSA"]).encode()
    return f"{message}.{encoded(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def without_signature(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm})}.{encoded(claims())}."


def der_signature() -> str:
    message = f"{encoded({'alg': 'ES256', 'kid': 'ES256'})}.{encoded(claims())}"
    from cryptography.hazmat.primitives.hashes import SHA256

    return f"{message}.{encoded(KEYS['ES256'].sign(message.encode(), ec.ECDSA(SHA256())))}"


def with_signature(signature: bytes, algorithm: str = "ES256") -> str:
    return f"{encoded({'alg': algorithm, 'kid': algorithm})}.{encoded(claims())}.{encoded(signature)}"


def raw(payload: bytes, algorithm: str = "ES256") -> str:
    return signed(key_of(algorithm), algorithm, {"alg": algorithm, "kid": algorithm}, payload)


def with_header(head: bytes) -> str:
    return signed(KEYS["ES256"], "ES256", head, claims())


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D
BODY = json.dumps(claims()).encode()

ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: without_signature("none"),
    "alg None": lambda: without_signature("None"),
    "alg nOnE": lambda: without_signature("nOnE"),
    "alg in lower case": lambda: with_header(b'{"alg":"es256","kid":"ES256"}'),
    "HS256 with the public key": forged_with_public_key,
    "no alg": lambda: with_header(b'{"kid":"ES256"}'),
    "alg is a list": lambda: with_header(b'{"alg":["ES256"],"kid":"ES256"}'),
    "ES512": lambda: signed(private_key("ES512"), "ES512", {"alg": "ES512"}, claims()),
    "another algorithm of the same key": lambda: signed(
        KEYS["RSA"], "PS256", {"alg": "PS256", "kid": "RS256"}, claims()
    ),
    "wrong kid": lambda: token(header={"kid": "ES384"}),
    "unknown kid": lambda: token(header={"kid": "missing"}),
    "kid with a path": lambda: token(header={"kid": "../../dev/null"}),
    "kid with control characters": lambda: token(header={"kid": "ES256\x00\n"}),
    "kid is a number": lambda: token(header={"kid": 1}),
    "doubled kid": lambda: with_header(b'{"alg":"ES256","kid":"ES384","kid":"ES256"}'),
    "doubled kid with escapes": lambda: with_header(b'{"alg":"ES256","kid":"ES384","k\\u0069d":"ES256"}'),
    "key for encryption": lambda: token(header={"kid": "for encryption"}),
    "jwk of the attacker": lambda: signed(
        OTHER, "ES256", {"alg": "ES256", "kid": "ES256", "jwk": jwk(OTHER, "ES256")}, claims()
    ),
    "jku of the attacker": lambda: signed(OTHER, "ES256", {"alg": "ES256", "jku": "https://evil.test/jwks"}, claims()),
    "x5u of the attacker": lambda: signed(OTHER, "ES256", {"alg": "ES256", "x5u": "https://evil.test/x"}, claims()),
    "crit": lambda: token(header={"crit": ["exp"], "exp": 1}),
    "b64": lambda: token(header={"b64": False}),
    "typ of an ID token": lambda: token(header={"typ": "id+jwt"}),
    "typ dpop": lambda: token(header={"typ": "dpop+jwt"}),
    "ID token": lambda: token(header={"typ": "JWT"}, nonce="n"),
    "ID token with at_hash": lambda: token(at_hash="x"),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "no exp": lambda: token(exp=None),
    "exp is a string": lambda: token(exp="9999999999"),
    "exp is null": lambda: raw(BODY.replace(b'"exp": ', b'"exp": null, "x": ')),
    "exp is huge": lambda: raw(BODY.replace(b'"exp": ', b'"exp": 99999999999999999999')),
    "exp is negative": lambda: token(exp=-1),
    "not valid yet": lambda: token(nbf=int(time.time()) + 60),
    "nbf is a string": lambda: token(nbf="1"),
    "issued in the future": lambda: token(iat=int(time.time()) + 60),
    "iat is a list": lambda: token(iat=[]),
    "another issuer": lambda: token(iss=f"{ISSUER}/"),
    "no issuer": lambda: token(iss=None),
    "issuer is a list": lambda: token(iss=[ISSUER]),
    "another audience": lambda: token(aud="https://other.test/mcp"),
    "audience as a prefix": lambda: token(aud=f"{SERVER}/more"),
    "no audience": lambda: token(aud=None),
    "audience is an object": lambda: token(aud={SERVER: True}),
    "audience with a number": lambda: token(aud=[SERVER, 1]),
    "no subject": lambda: token(sub=None),
    "empty subject": lambda: token(sub=""),
    "subject is a number": lambda: token(sub=1),
    "scope is a number": lambda: token(scope=1),
    "bound to a key": lambda: token(cnf={"jkt": "x"}),
    "1 MB": lambda: token(x="x" * 1_000_000),
    "10,000 claims": lambda: token(**{f"c{n}": n for n in range(10_000)}),
    "300 claims": lambda: token(**{f"c{n}": n for n in range(300)}),
    "deep nesting": lambda: raw(BODY[:-1] + b', "x": ' + b"[" * 500 + b"]" * 500 + b"}"),
    "doubled claim": lambda: raw(BODY[:-1] + b', "sub": "mallory"}'),
    "invalid UTF-8": lambda: raw(BODY[:-1] + b', "x": "\xff"}'),
    "lone surrogate": lambda: raw(BODY[:-1] + b', "x": "\\ud800"}'),
    "not JSON": lambda: raw(BODY[:-1]),
    "claims are a list": lambda: raw(b"[]"),
    "text after the claims": lambda: raw(BODY + b"{}"),
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: f"{token()}.x",
    "encrypted": lambda: f"{token()}.x.y",
    "padding": lambda: f"{token()}=",
    "a space within": lambda: token().replace(".", ". ", 1),
    "standard alphabet": lambda: with_signature(b"\xff" * 64).replace("_", "/"),
    "ECDSA r and s are zero": lambda: with_signature(bytes(64)),
    "ECDSA r is zero": lambda: with_signature(bytes(32) + b"\1" * 32),
    "ECDSA s is the order": lambda: with_signature(b"\1" * 32 + P256_ORDER.to_bytes(32, "big")),
    "ECDSA out of range": lambda: with_signature(b"\xff" * 64),
    "ECDSA as DER": der_signature,
    "short signature": lambda: with_signature(b"\1" * 63),
    "no signature": lambda: with_signature(b""),
    "RSA signature of zeros": lambda: with_signature(bytes(256), "RS256"),
    "RSA signature of one": lambda: with_signature(bytes(255) + b"\1", "RS256"),
    "RSA signature above the modulus": lambda: with_signature(b"\xff" * 256, "RS256"),
    "PSS signature of zeros": lambda: with_signature(bytes(256), "PS256"),
    "Ed25519 signature of zeros": lambda: with_signature(bytes(64), "EdDSA"),
    "Ed25519 identity": lambda: with_signature(b"\1" + bytes(63), "EdDSA"),
}


class TestAttacks:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_a_bad_token_is_refused_and_reaches_no_component(self, server: Server, attack: str) -> None:
        made = ATTACKS[attack]()
        check_denied(call(server, made), 401, "invalid_token")
        assert call(server, token()).status == 200

    def test_trailing_bits_of_base64_are_refused(self, server: Server) -> None:
        made = token()
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = digits.index(made[-1])
        assert last % 16 == 0  # 64 bytes: four bits of the last digit are unused
        check_denied(call(server, made[:-1] + digits[last + 1]), 401, "invalid_token", "malformed")

    def test_eddsa_and_ed25519_are_one_algorithm(self, server: Server) -> None:
        assert call(server, token("EdDSA", header={"alg": "Ed25519"})).status == 200

    def test_names_of_keys_in_the_token_are_ignored_if_the_signature_is_valid(self, server: Server) -> None:
        assert call(server, token(header={"jku": "https://evil.test", "x5t": "x"})).status == 200

    @pytest.mark.parametrize(
        "key",
        [
            {"kty": "EC", "crv": "P-256", "x": encoded(b"\1" * 32), "y": encoded(b"\2" * 32)},
            {"kty": "EC", "crv": "P-384", "x": encoded(b"\1" * 32), "y": encoded(b"\2" * 32)},
            {"kty": "EC", "crv": "P-521", "x": encoded(b"\1" * 66), "y": encoded(b"\2" * 66)},
            {"kty": "RSA", "n": encoded(b"\xff" * 256), "e": "AQ"},
            {"kty": "RSA", "n": encoded(b"\xff" * 256), "e": "Aw"},
            {"kty": "RSA", "n": encoded(b"\xff" * 128), "e": "AQAB"},
            {"kty": "RSA", "n": encoded(b"\xff" * 255 + b"\xfe"), "e": "AQAB"},
            {"kty": "RSA", "n": encoded(b"\xff" * 1024), "e": "AQAB"},
            {"kty": "RSA", "n": encoded(b"\xff" * 256), "e": ""},
            {"kty": "OKP", "crv": "Ed25519", "x": encoded(bytes(31))},
            {"kty": "OKP", "crv": "Ed25519", "x": encoded(b"\1" + bytes(31))},
            {"kty": "OKP", "crv": "X25519", "x": encoded(b"\1" * 32)},
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "EC"},
            {},
            [],
        ],
        ids=str,
    )
    def test_a_bad_key_is_skipped(self, servers: dict[str, Path], key: Any) -> None:
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS": json.dumps({"keys": [key]})}
        with pytest.raises(InvalidSettingError, match="JWT_JWKS must be a JSON Web Key Set"):
            check_settings(servers["operator"], settings)


def rsa_vectors(algorithm: str, message: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield forged RSA signatures; all but the first three are made with the private key (RFC 8017, section 8)."""
    numbers, size = KEYS["RSA"].private_numbers(), KEYS["RSA"].key_size // 8
    yield from (("zero", bytes(size)), ("one", bytes(size - 1) + b"\1"))
    yield "the modulus", numbers.public_numbers.n.to_bytes(size, "big")
    hashed = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if algorithm[0] == "P":
        for name, mask, salt in (
            ("no salt", hashed, 0),
            ("a salt of another length", hashed, hashed.digest_size - 1),
            ("another mask", hashes.SHA1(), hashed.digest_size),  # noqa: S303
        ):
            yield name, KEYS["RSA"].sign(message, padding.PSS(padding.MGF1(mask), salt), hashed)
        yield "PKCS #1 v1.5", KEYS["RSA"].sign(message, padding.PKCS1v15(), hashed)
        return
    yield "SHA-1", KEYS["RSA"].sign(message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    yield "PSS", KEYS["RSA"].sign(message, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
    valid = KEYS["RSA"].sign(message, padding.PKCS1v15(), hashed)
    block = pow(int.from_bytes(valid, "big"), numbers.public_numbers.e, numbers.public_numbers.n).to_bytes(size, "big")
    info = block[block.index(b"\0", 2) + 1 :]
    digest = info[-hashed.digest_size :]

    def padded(content: bytes, kind: int = 1, filler: bytes = b"\xff") -> bytes:
        return bytes([0, kind]) + filler * (size - 3 - len(content)) + b"\0" + content

    for name, forged in (
        ("only the digest", padded(digest)),
        ("no parameters", padded(bytes([0x30, info[1] - 2, 0x30, 0x0B]) + info[4:15] + info[17:])),
        ("a long form of the length", padded(b"\x30\x81" + info[1:])),
        ("text behind the digest", block[:2] + b"\xff" * 8 + b"\0" + info + b"x" * (size - 11 - len(info))),
        ("another type of block", padded(info, kind=2)),
        ("other padding", padded(info, filler=b"\xfe")),
        ("no padding", b"\0" * (size - len(info)) + info),
    ):
        yield name, pow(int.from_bytes(forged, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


def curve_vectors(algorithm: str, valid: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield forged signatures of a curve, made of a valid one. RFC 7518, section 3.4; RFC 8032, section 5.1.7."""
    half = len(valid) // 2
    first, second = valid[:half], valid[half:]
    if algorithm == "EdDSA":
        order = 2**252 + 27742317777372353535851937790883648493
        more = int.from_bytes(second, "little") + order
        yield "s above the order", first + more.to_bytes(half, "little")
        yield "a point of small order", bytes(half) + second
        return
    order = {"ES256": P256_ORDER, "ES384": P384_ORDER}[algorithm]
    yield "DER", encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))
    for name, r, s in (
        ("r is the order", order, 1),
        ("s is the order", 1, order),
        ("r is zero", 0, 1),
        ("s is zero", 1, 0),
        ("both are one", 1, 1),
        ("r is negated", order - int.from_bytes(first, "big"), int.from_bytes(second, "big")),
    ):
        yield name, r.to_bytes(half, "big") + s.to_bytes(half, "big")


class TestSignatures:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_forged_signatures_are_refused(self, server: Server, algorithm: str) -> None:
        head, payload, signature = token(algorithm).split(".")
        message, valid = f"{head}.{payload}", jwt.utils.base64url_decode(signature)
        half = len(valid) // 2
        vectors = {
            "empty": b"",
            "too short": valid[:-1],
            "too long": valid + b"\0",
            "with a leading zero": b"\0" + valid,
            "halves swapped": valid[half:] + valid[:half],
            "all ones": b"\xff" * len(valid),
            **{f"bit {bit}": flipped(valid, bit) for bit in (0, 7, len(valid) * 4, len(valid) * 8 - 1)},
            **dict(
                rsa_vectors(algorithm, message.encode())
                if algorithm[1] == "S" and algorithm[0] in "RP"
                else curve_vectors(algorithm, valid)
            ),
        }
        for name, forged in vectors.items():
            response = call(server, f"{message}.{encoded(forged)}")
            assert (name, response.status) == (name, 401)
            assert 'error="invalid_token"' in header(response, "www-authenticate"), name
        assert call(server, f"{message}.{signature}").status == 200


def flipped(data: bytes, bit: int) -> bytes:
    """Return data with one bit changed."""
    return bytes(byte ^ (1 << bit % 8) if at == bit // 8 else byte for at, byte in enumerate(data))


LARGE = ("1 MB", "10,000 claims")  # heads above the limits of HTTP servers


class ServedFields(Served):
    """Server on a port, with the methods of a server in this process."""

    def http(self, method: str, target: str, headers: Any, body: str | bytes) -> Any:
        """One HTTP request."""
        return super().http(method, target, dict(headers), body)


class TestOtherEntryPoints:
    @pytest.mark.parametrize("serve", [wasmcp_serve, wasmtime_serve])
    def test_bad_tokens_are_refused_there_too(self, component: bytes, tmp_path: Path, serve: Any) -> None:
        path = tmp_path / "protected.wasm"
        path.write_bytes(compose(component, settings=OAUTH, auth="required"))
        body = json.dumps(CALL)
        with serve(path) as port:
            served = Served(port)

            def answer(authorization: str | None, method: str = "POST", target: str = "/mcp") -> Any:
                head = mirrored(CALL) | ({} if authorization is None else {"authorization": authorization})
                return served.http(method, target, head, body)

            valid = answer(f"Bearer {token(scope='a')}")
            assert valid.status == 200
            assert valid.message["result"]["content"][0]["text"].startswith("alice a|")
            for attack, make in ATTACKS.items():
                if attack in LARGE:
                    continue
                response = answer(f"Bearer {make()}")
                assert (attack, response.status) == (attack, 401)
                assert 'error="invalid_token"' in response.headers["www-authenticate"], attack
            for method in ("GET", "DELETE", "PUT", "POST"):
                response = answer(None, method)
                assert response.status == 401
                assert "resource_metadata=" in response.headers["www-authenticate"]
            refused = answer(None, target=f"/mcp?access_token={token()}")
            assert (refused.status, refused.message["error"]) == (400, "invalid_request")
            known = answer(None, "GET", "/.well-known/oauth-protected-resource/mcp")
            assert (known.status, known.message["resource"]) == (200, SERVER)

    @pytest.mark.parametrize("serve", [wasmcp_serve, wasmtime_serve])
    def test_heads_and_sessions_are_checked_there_too(self, component: bytes, tmp_path: Path, serve: Any) -> None:
        path = tmp_path / "protected.wasm"
        options: list[str] = []
        if serve is wasmtime_serve:
            path.write_bytes(compose(component, auth="required", environment=True))
            options = [*STATE_KEYS, *(part for name, value in OAUTH.items() for part in ("--env", f"{name}={value}"))]
        else:
            path.write_bytes(compose(component, settings=OAUTH, auth="required"))
        with serve(path, *options) as port:

            def answer(*fields: tuple[str, str], target: str = "/mcp", body: str = json.dumps(CALL)) -> Any:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                with contextlib.closing(connection):
                    connection.putrequest("POST", target, skip_host=any(name == "host" for name, _ in fields))
                    for name, value in (*mirrored(CALL).items(), *fields, ("content-length", str(len(body)))):
                        connection.putheader(name, value)
                    with contextlib.suppress(OSError):  # of a server that refuses the head
                        connection.endheaders(body.encode())
                    response = connection.getresponse()
                    text = response.read()
                    assert b"alice" not in text or response.status == 200
                    return response.status, response.getheader("www-authenticate") or "", text

            bearer = ("authorization", f"Bearer {token()}")
            assert answer(bearer)[0] == 200
            for scheme in ("Basic dTpw", "DPoP {}", "Bearer", "{}", "MAC {}"):
                status, challenge, _ = answer(("authorization", scheme.format(token())))
                assert (scheme, status) == (scheme, 401)
                assert challenge.startswith("Bearer")
                assert "error=" not in challenge
            for doubled in ((bearer, bearer), (bearer, ("Authorization", f"Bearer {token(sub='bob')}"))):
                status, challenge, _ = answer(*doubled)
                assert status == 400
                assert 'error="invalid_request"' in challenge
            for query in ("a=1&access_token={}", "ACCESS_TOKEN={}", "%61ccess_token={}"):
                status, challenge, _ = answer(bearer, target=f"/mcp?{query.format(token())}")
                assert status == 400
                assert 'error="invalid_request"' in challenge
            for field in (("origin", "https://evil.test"), ("host", "evil.test")):
                assert answer(bearer, field)[0] == 403
                assert answer(field)[0] == 403
            assert answer(bearer, body="{")[0] == 400
            assert answer(body="{")[0] == 401
            for attack in LARGE:
                assert answer(("authorization", f"Bearer {ATTACKS[attack]()}"))[0] in {400, 401, 431}, attack

            served = ServedFields(port)
            assert_sessions_are_bound(served, ends=serve is wasmcp_serve)

    def test_baked_in_settings_apply_under_a_host_that_does_not_configure(
        self, component: bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "baked.wasm"
        path.write_bytes(compose(component, settings=OAUTH))
        embedded = Embedded(path)
        assert embedded.http("POST", "/mcp", mirrored(CALL), json.dumps(CALL)).status == 401
        head = mirrored(CALL) | {"authorization": f"Bearer {token()}"}
        assert embedded.http("POST", "/mcp", head, json.dumps(CALL)).status == 200

    @pytest.mark.parametrize(
        "settings", [{"JWT_JWKS_URI": "https://issuer.test/jwks"}, {"JWT_ISSUER": ISSUER}], ids=str
    )
    def test_a_request_without_a_token_needs_no_keys_of_an_issuer(
        self, component: bytes, tmp_path: Path, settings: dict[str, str], capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "remote.wasm"
        path.write_bytes(compose(component, settings={"WASMCP_AUTH_MODE": "oauth", **settings}))
        assert Embedded(path).http("POST", "/mcp", mirrored(CALL), json.dumps(CALL)).status == 401
        assert "wasmcp:" not in capfd.readouterr().err

    def test_clients_of_another_runtime_cannot_introspect_their_own_tokens(
        self, component: bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "introspecting.wasm"
        path.write_bytes(compose(component, environment=True))
        client = ("JWT_INTROSPECTION_CLIENT_ID=a", "JWT_INTROSPECTION_CLIENT_SECRET=b")
        endpoint = f"http://127.0.0.1:{free_port()}/introspect"
        given = ("WASMCP_AUTH_MODE=oauth", f"JWT_INTROSPECTION_URI={endpoint}", *client)
        active = json.dumps({"active": True, "sub": "mallory", "exp": 4_000_000_000})
        with wasmtime_serve(path, "-Scli", *(part for pair in given for part in ("--env", pair))) as port:
            head = mirrored(CALL) | {"authorization": "Bearer opaque", "wasmcp-introspection": f"60 {active}"}
            assert Served(port).http("POST", "/mcp", head, json.dumps(CALL)).status == 503


class TestRequests:
    def test_a_request_without_a_token_is_challenged(self, server: Server) -> None:
        check_denied(call(server, None), 401, "unauthorized")

    @pytest.mark.parametrize("scheme", ["Basic dTpw", "DPoP {}", "Bearer", "bearer", "{}", "Bearer\t{}", "MAC {}"])
    def test_other_schemes_count_as_missing_credentials(self, server: Server, scheme: str) -> None:
        head = headers(scheme.format(token()))
        check_denied(server.http("POST", "/mcp", head, json.dumps(CALL)), 401, "unauthorized")

    def test_the_scheme_is_recognised_in_any_case(self, server: Server) -> None:
        for scheme in ("bearer", "BEARER"):
            response = server.http("POST", "/mcp", headers(f"{scheme} {token()}"), json.dumps(CALL))
            assert response.status == 200

    def test_two_tokens_are_refused(self, server: Server) -> None:
        head = [*headers(f"Bearer {token()}"), ("Authorization", f"Bearer {token(sub='bob')}")]
        check_denied(server.http("POST", "/mcp", head, json.dumps(CALL)), 400, "invalid_request")

    @pytest.mark.parametrize(
        "query", ["access_token={}", "a=1&access_token={}", "ACCESS_TOKEN={}", "%61ccess_token={}"]
    )
    def test_a_token_in_the_query_is_refused(self, server: Server, query: str) -> None:
        target = "/mcp?" + query.format(token())
        check_denied(call(server, None, target=target), 400, "invalid_request", "query")
        check_denied(call(server, token(), target=target), 400, "invalid_request", "query")

    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "POST", "TRACE"])
    @pytest.mark.parametrize("target", ["/mcp", "/mcp/x", "/", "/other"])
    def test_every_method_and_path_is_protected(self, server: Server, method: str, target: str) -> None:
        response = server.http(method, target, [("host", "127.0.0.1")], "not JSON")
        assert response.status == 401
        assert header(response, "www-authenticate").startswith("Bearer")

    def test_options_stays_open(self, opened: Callable[..., Server]) -> None:
        server = opened(**OAUTH, WASMCP_ALLOWED_ORIGINS="https://app.test")
        head = [("host", "127.0.0.1"), ("origin", "https://app.test"), ("access-control-request-method", "POST")]
        response = server.http("OPTIONS", "/mcp", head)
        assert response.status == 204
        assert "www-authenticate" in header(response, "access-control-expose-headers")

    def test_other_origins_and_hosts_are_refused_first(self, server: Server) -> None:
        for name, value in (("origin", "https://evil.test"), ("host", "evil.test")):
            head = [*(h for h in headers(f"Bearer {token()}") if h[0] != name), (name, value)]
            assert server.http("POST", "/mcp", head, json.dumps(CALL)).status == 403

    def test_the_body_is_not_parsed_before(self, server: Server) -> None:
        for body in (b"\xff", "{", "x" * 5_000_000):
            assert server.http("POST", "/mcp", headers(None), body).status == 401

    def test_keys_in_a_header_field_are_not_used(self, server: Server) -> None:
        keys = json.dumps({"keys": [jwk(OTHER, "ES256", kid="ES256")]})
        forged = signed(OTHER, "ES256", {"alg": "ES256", "kid": "ES256"}, claims())
        head = [*headers(f"Bearer {forged}"), ("wasmcp-keys", f"1 {keys}")]
        check_denied(server.http("POST", "/mcp", head, json.dumps(CALL)), 401, "invalid_token", "signature")


class TestScopes:
    @pytest.fixture
    def scoped(self, opened: Callable[..., Server]) -> Server:
        return opened(**OAUTH, JWT_REQUIRED_SCOPES="mcp:use mcp:read")

    def test_all_of_them_are_needed(self, scoped: Server) -> None:
        assert call(scoped, token(scope="mcp:read other mcp:use")).status == 200
        assert call(scoped, token(scp=["mcp:read", "mcp:use"])).status == 200
        response = call(scoped, None)
        check_denied(response, 401, "unauthorized")
        assert 'scope="mcp:use mcp:read"' in header(response, "www-authenticate")

    @pytest.mark.parametrize(
        "scope",
        [None, "", "mcp:use", "mcp:use,mcp:read", "MCP:USE mcp:read", "mcp:use mcp:readx", "mcp:use \uff4dcp:read"],
    )
    def test_similar_ones_are_not_enough(self, scoped: Server, scope: str | None) -> None:
        response = call(scoped, token(scope=scope))
        check_denied(response, 403, "insufficient_scope")
        assert 'scope="mcp:use mcp:read"' in header(response, "www-authenticate")


class TestMetadata:
    def test_it_names_the_resource_and_its_authorization_server(self, server: Server) -> None:
        for path in ("", "/mcp"):
            response = server.http("GET", f"/.well-known/oauth-protected-resource{path}", [("host", "127.0.0.1")])
            assert response.status == 200
            assert header(response, "content-type") == "application/json"
            assert json.loads(response.body) == {
                "resource": SERVER,
                "authorization_servers": [ISSUER],
                "bearer_methods_supported": ["header"],
            }

    def test_the_address_follows_the_host_unless_it_is_set(self, opened: Callable[..., Server]) -> None:
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS": JWKS, "WASMCP_AUTH_SERVER_URL": "https://as.test"}
        server = opened(**settings, WASMCP_ALLOWED_HOSTS="*", JWT_REQUIRED_SCOPES="a,b", JWT_AUDIENCE="x")
        for host, expected in (("localhost:81", "http://localhost:81"), ("mcp.test", "https://mcp.test")):
            response = server.http("GET", "/.well-known/oauth-protected-resource/mcp/math", [("host", host)])
            found = json.loads(response.body)
            assert found["resource"] == f"{expected}/mcp/math"
            assert found["authorization_servers"] == ["https://as.test"]
            assert found["scopes_supported"] == ["a", "b"]
            challenge = header(server.http("POST", "/mcp", [("host", host)]), "www-authenticate")
            assert f'resource_metadata="{expected}/.well-known/oauth-protected-resource/mcp"' in challenge

    def test_it_is_not_public_without_an_authorization_server(self, opened: Callable[..., Server]) -> None:
        server = opened(WASMCP_AUTH_MODE="oauth", JWT_JWKS=JWKS)
        response = server.http("GET", "/.well-known/oauth-protected-resource", [("host", "127.0.0.1")])
        assert response.status == 401
        assert header(response, "www-authenticate") == "Bearer"


def in_session(server: Server, bearer: str, message: Any, session: str | None, method: str = "POST") -> Any:
    head = [
        ("host", "127.0.0.1"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", f"Bearer {bearer}"),
        *([] if session is None else [("mcp-session-id", session)]),
    ]
    return server.http(method, "/mcp", head, json.dumps(message))


PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}


def assert_sessions_are_bound(server: Any, *, ends: bool = True) -> None:
    """Check that other principals can neither use nor end a session, and that one that has ended is not found.

    Args:
        server: The server.
        ends: True if sessions can be ended: there is storage.
    """
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    first = in_session(server, token(), begin, None)
    identifier = header(first, "mcp-session-id")
    assert first.status == 200
    assert identifier
    assert in_session(server, token(iat=1), PING, identifier).status == 200  # another token of the same principal
    for other in (token(sub="bob"), token(sub="alice "), token(sub="Alice")):
        assert in_session(server, other, PING, identifier).status == 404
        assert in_session(server, other, PING, identifier, "DELETE").status == (404 if ends else 405)
    assert in_session(server, token(), PING, identifier).status == 200
    for chosen in ("0" * 32, identifier[:-2], f"{identifier}0"):
        assert in_session(server, token(), PING, chosen).status == 404
    if ends:
        assert in_session(server, token(), PING, identifier, "DELETE").status == 204
        assert in_session(server, token(), PING, identifier).status == 404


class TestSessions:
    def test_a_session_belongs_to_its_principal(self, server: Server) -> None:
        assert_sessions_are_bound(server)

    def test_a_session_cannot_be_chosen_by_the_client(self, server: Server) -> None:
        assert in_session(server, token(), PING, "0" * 32).status == 404


class TestModes:
    def test_a_public_server_asks_for_nothing(self, opened: Callable[..., Server]) -> None:
        for settings in ({}, {"WASMCP_AUTH_MODE": "public"}):
            assert text_of(call(opened(**settings), None)) == "anonymous"
            assert text_of(call(opened(**settings), token())) == "anonymous"

    def test_a_server_that_requires_authorization_denies_until_it_is_configured(
        self, opened: Callable[..., Server], servers: dict[str, Path]
    ) -> None:
        response = call(opened("required"), token())
        assert response.status == 401
        assert header(response, "www-authenticate") == "Bearer"
        assert "not configured" in response.body
        assert call(opened("required", **OAUTH), token()).status == 200
        with pytest.raises(InvalidSettingError, match="this server requires authorization"):
            check_settings(servers["required"], {"WASMCP_AUTH_MODE": "public"})

    def test_a_server_without_authorization_refuses_its_settings(
        self, opened: Callable[..., Server], servers: dict[str, Path]
    ) -> None:
        assert text_of(call(opened("none"), None)) == "anonymous"
        assert text_of(call(opened("none", WASMCP_AUTH_MODE="public"), None)) == "anonymous"
        for settings in (OAUTH, {"JWT_ISSUER": ISSUER}):
            with pytest.raises(InvalidSettingError, match="composed without authorization"):
                check_settings(servers["none"], settings)

    def test_imports_are_the_same_with_and_without_it(self, component: bytes) -> None:
        from wasmcp.component.decode import decode

        imports = {auth: set(decode(compose(component, auth=auth), auth).imports) for auth in ("operator", "none")}
        assert imports["operator"] == imports["none"]

    def test_stdio_has_no_authorization(self, opened: Callable[..., Server]) -> None:
        assert opened(**OAUTH).call_tool("whoami").text == "anonymous"
        assert opened("required").call_tool("whoami").text == "anonymous"

    def test_settings_can_be_baked_in(self, component: bytes, tmp_path: Path) -> None:
        path = tmp_path / "baked.wasm"
        path.write_bytes(compose(component, settings=OAUTH))
        with open_server(path) as server:
            assert call(server, None).status == 401
            assert call(server, token()).status == 200
        with pytest.raises(CompositionError, match="`JWT_ISSUER` has no effect in a server without authorization"):
            compose(component, settings=OAUTH, auth="none")


PEM = public_pem(KEYS["ES256"])


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            ({"WASMCP_AUTH_MODE": "yes"}, "`WASMCP_AUTH_MODE` must be `public` or `oauth`, not `yes`"),
            ({"JWT_ISSUER": ISSUER}, "JWT_ISSUER is set, but WASMCP_AUTH_MODE is not `oauth`"),
            ({"WASMCP_AUTH_MODE": "public", "JWT_JWKS": JWKS}, "JWT_JWKS is set, but WASMCP_AUTH_MODE is not `oauth`"),
            ({"WASMCP_AUTH_MODE": "oauth"}, "keys are missing: set JWT_ISSUER, JWT_JWKS_URI"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": "me"}, "JWT_ISSUER is not a URL"),
            ({**OAUTH, "JWT_ISSUER": ""}, "JWT_ISSUER must not be empty"),
            ({**OAUTH, "JWT_PUBLIC_KEY": PEM}, "only one can be set"),
            ({**OAUTH, "JWT_JWKS_URI": "https://issuer.test/jwks"}, "only one can be set"),
            ({**OAUTH, "JWT_JWKS_TTL": "60"}, "JWT_JWKS_TTL has no effect"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": "https://a.test", "JWT_JWKS_TTL": "5"}, "from 10 to 86400"),
            ({**OAUTH, "JWT_JWKS": "{}"}, "JWT_JWKS must be a JSON Web Key Set"),
            ({**OAUTH, "JWT_JWKS": "["}, "JWT_JWKS must be a JSON Web Key Set"),
            ({**OAUTH, "JWT_JWKS": json.dumps({"keys": 65 * [jwk(OTHER, "ES256")]})}, "with 1 to 64 public keys"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_PUBLIC_KEY": PEM[:60]}, "JWT_PUBLIC_KEY must be a PEM text"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_PUBLIC_KEY": PEM.replace("PUBLIC", "PRIVATE")}, "JWT_PUBLIC_KEY must"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": "http://issuer.test"}, "begins with `https://`"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": "file:///etc/passwd"}, "begins with `https://`"),
            ({"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": "http://issuer.test"}, "JWT_ISSUER is not a URL that begins"),
            ({**OAUTH, "JWT_ALGORITHMS": "HS256"}, "JWT_ALGORITHMS must be of RS256"),
            ({**OAUTH, "JWT_ALGORITHMS": ""}, "JWT_ALGORITHMS must be of RS256"),
            ({**OAUTH, "JWT_ALGORITHMS": "ES256", "JWT_ALGORITHM": "ES256"}, "two names of one setting"),
            ({**OAUTH, "JWT_LEEWAY": "3600"}, "JWT_LEEWAY must be a number of seconds from 0 to 300"),
            ({**OAUTH, "JWT_AUDIENCE": ","}, "JWT_AUDIENCE must be audiences"),
            ({**OAUTH, "JWT_REQUIRED_SCOPES": 'a"b'}, "JWT_REQUIRED_SCOPES must be scopes"),
            ({**OAUTH, "WASMCP_SERVER_URI": "example.com"}, "WASMCP_SERVER_URI must be the URL"),
            ({**OAUTH, "WASMCP_AUTH_SERVER_URL": "x"}, "WASMCP_AUTH_SERVER_URL must be a URL"),
        ],
    )
    def test_a_bad_value_or_a_conflict_ends_the_start(
        self, servers: dict[str, Path], settings: dict[str, str], problem: str
    ) -> None:
        with pytest.raises(InvalidSettingError) as caught:
            check_settings(servers["operator"], settings)
        assert problem in str(caught.value)

    def test_algorithms_are_limited(self, opened: Callable[..., Server]) -> None:
        for name in ("JWT_ALGORITHMS", "JWT_ALGORITHM"):
            server = opened(**OAUTH, **{name: "ES256, EdDSA"})
            assert call(server, token("EdDSA")).status == 200
            check_denied(call(server, token("RS256")), 401, "invalid_token", "algorithm")

    def test_tokens_of_any_audience_are_accepted_without_one(self, opened: Callable[..., Server]) -> None:
        server = opened(WASMCP_AUTH_MODE="oauth", JWT_ISSUER=ISSUER, JWT_JWKS=JWKS)
        assert call(server, token(aud="anything")).status == 200
        assert call(server, token(aud=None)).status == 200
        assert call(server, token(aud=1)).status == 401

    def test_audiences_replace_the_address(self, opened: Callable[..., Server]) -> None:
        server = opened(**OAUTH, JWT_AUDIENCE="api://one, api://two")
        assert call(server, token(aud="api://two")).status == 200
        check_denied(call(server, token()), 401, "invalid_token", "aud")

    def test_the_tolerance_for_clocks_is_set(self, opened: Callable[..., Server]) -> None:
        late = int(time.time()) - 20
        assert call(opened(**OAUTH), token(exp=late)).status == 200
        assert call(opened(**OAUTH, JWT_LEEWAY="0"), token(exp=late)).status == 401
