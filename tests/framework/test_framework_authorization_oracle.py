"""Verdicts on generated tokens, compared with PyJWT: valid tokens, and tokens with one or more mutations.

`WASMCP_FUZZ` is the number of tokens, 2,000 by default.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.compose_inputs import spec
from support.entry_points import mirrored, request
from support.tokens import ISSUER, SERVER, claims, encoded, jwk, private_key, signed

from wasmcp.compose import ServerMetadata, compose_server
from wasmcp.host import Server, open_server

TOKENS = int(os.environ.get("WASMCP_FUZZ", "2000"))
ALGORITHMS = ("RS256", "PS384", "ES256", "EdDSA")
KEYS = {name: private_key(name) for name in ALGORITHMS}
STRANGER = private_key("ES256")
CALL = request("tools/call", {"name": "greet", "arguments": {}})
VALUES: list[Any] = [None, True, 0, 1, -1, 1.5, 2**60, "", "x", "9999999999", [], ["x"], {}, ISSUER, SERVER, [SERVER]]
NAMES = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id")
REQUIRED = ["exp", "sub", "iss", "aud"]


def accepted_by_pyjwt(token: str) -> bool:
    try:
        header = jwt.get_unverified_header(token)
        key = KEYS[header["kid"]].public_key()
        options: Any = {"require": REQUIRED}
        jwt.decode(token, key, [header["kid"]], audience=SERVER, issuer=ISSUER, leeway=30, options=options)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return False
    return True


def reason_for_difference(token: str) -> str:
    """Return the rule by which the server refuses a token that PyJWT accepts; or the empty string."""
    header, payload = (json.loads(jwt.utils.base64url_decode(part)) for part in token.split(".")[:2])
    if not isinstance(payload.get("sub"), str) or payload["sub"] == "":
        return "the subject must be a text that is not empty"
    for name in ("exp", "nbf", "iat"):
        value = payload.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "times must be numbers (RFC 7519, section 2)"
        if value < 0 or value > 2**53:
            return "times must be from 0 to 2^53"
    if "scope" in payload and not (
        isinstance(payload["scope"], str)
        or (isinstance(payload["scope"], list) and all(isinstance(one, str) for one in payload["scope"]))
    ):
        return "scopes must be texts"
    if header.get("typ", "JWT") not in {"JWT", "at+jwt"}:
        return "another type of token"
    if any(encoded(jwt.utils.base64url_decode(part)) != part for part in token.split(".")):
        return "base64url must be canonical (RFC 4648, section 3.5)"
    return ""


def generated(source: random.Random) -> str:
    algorithm = source.choice(ALGORITHMS)
    key, header = KEYS[algorithm], {"alg": algorithm, "kid": algorithm, "typ": "at+jwt"}
    payload = claims()
    now = int(time.time())
    if source.random() < 0.6:
        for _ in range(source.randint(1, 2)):
            kind = source.randrange(8)
            name = source.choice(NAMES)
            if kind == 0:
                payload.pop(name, None)
            elif kind == 1:
                payload[name] = source.choice(VALUES)
            elif kind == 2:
                payload[source.choice(("exp", "nbf", "iat"))] = now + source.choice((-3600, -120, 120, 3600))
            elif kind == 3:
                header["alg"] = source.choice((*ALGORITHMS, "none", "HS256", "es256"))
            elif kind == 4:
                header["kid"] = source.choice((*ALGORITHMS, "missing"))
            elif kind == 5:
                header["typ"] = source.choice(("JWT", "at+jwt", "dpop+jwt"))
            elif kind == 6:
                payload["aud"] = source.choice((["x", SERVER], ["x"], f"{SERVER}x", SERVER))
            else:
                algorithm, key = "ES256", STRANGER
    token = signed(key, algorithm, header, payload)
    if source.random() < 0.3:
        at = source.randrange(len(token))
        changed = source.choice("ABCxyz019-_.=+/ ")
        token = source.choice((token[:at] + changed + token[at + 1 :], token[:at] + token[at + 1 :], token[:at]))
    return token.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("oracle") / "server.wasm"
    path.write_bytes(compose_server([spec("hello", "hi", "greet")], ServerMetadata("s", "1")).data)
    keys = [jwk(key, name, kid=name, alg=name) for name, key in KEYS.items()]
    settings = {
        "WASMCP_AUTH_MODE": "oauth",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": SERVER,
        "JWT_JWKS": json.dumps({"keys": keys}),
    }
    with open_server(path, settings=settings, instances=1) as opened:
        yield opened


def accepted_by_server(server: Server, token: str) -> bool:
    head = [("host", "127.0.0.1"), *mirrored(CALL).items(), ("authorization", f"Bearer {token}")]
    status = server.http("POST", "/mcp", head, json.dumps(CALL)).status
    assert status in {200, 401}
    return status == 200


def test_verdicts_are_those_of_pyjwt(server: Server) -> None:
    source = random.Random(7519)  # noqa: S311
    counts: Counter[str] = Counter()
    for _ in range(TOKENS):
        token = generated(source)
        ours, theirs = accepted_by_server(server, token), accepted_by_pyjwt(token)
        if ours == theirs:
            counts["accepted" if ours else "refused"] += 1
            continue
        assert theirs, f"only the server accepts {token}"
        reason = reason_for_difference(token)
        assert reason, f"only PyJWT accepts {token}"
        counts[reason] += 1
    assert counts["accepted"] > TOKENS // 5
    assert counts["refused"] > TOKENS // 5
