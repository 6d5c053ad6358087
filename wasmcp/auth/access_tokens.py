"""Access tokens that are JSON Web Tokens: minting, decoding, verification by the rules of servers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from wasmcp.auth.keys import ALGORITHMS, SigningKey, VerificationKeys
from wasmcp.errors import InvalidTokenError

TYPE = "at+jwt"
"""Header parameter `typ` of access tokens (RFC 9068, section 2.1)."""

LONGEST = 16 * 1024
"""Limit of a token's length in characters, the one of servers."""

LEEWAY = 30
"""Tolerance for clocks in seconds, the default of servers (`JWT_LEEWAY`)."""


def mint(
    key: SigningKey,
    *,
    issuer: str,
    audience: Sequence[str] = (),
    scopes: Sequence[str] = (),
    subject: str = "developer",
    lifetime: float = 3600,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
) -> str:
    """Return a signed access token (RFC 9068).

    Args:
        key: The key that signs it.
        issuer: The claim `iss`.
        audience: The claim `aud`: the URI of the server. None if it is empty.
        scopes: The claim `scope`. None if it is empty.
        subject: The claim `sub`.
        lifetime: Seconds from now to `exp`; a negative number makes a token that has expired.
        claims: Further claims, which replace those above; None removes one.
        header: Further header parameters; None removes one.
    """
    now = int(time.time())
    known = {
        "iss": issuer,
        "sub": subject,
        "aud": (list(audience) if len(audience) > 1 else audience[0]) if audience else None,
        "client_id": subject,
        "scope": " ".join(scopes) or None,
        "iat": min(now, int(now + lifetime)),
        "exp": int(now + lifetime),
        "jti": secrets.token_urlsafe(12),
        **(claims or {}),
    }
    head = {"typ": TYPE, "kid": key.key_id, **(header or {})}
    # As JSON text, because `jwt.encode` refuses some claims of other types, which tests of servers need.
    payload = json.dumps({name: value for name, value in known.items() if value is not None}).encode()
    return jwt.PyJWS().encode(payload, key.private, algorithm=key.algorithm, headers=_without_none(head))


def _without_none(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return header parameters for PyJWT, which drops `typ` if it is empty."""
    return {
        name: value if value is not None else "" for name, value in head.items() if value is not None or name == "typ"
    }


def decode(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token, without any verification.

    Raises:
        InvalidTokenError: It is not a signed JSON Web Token.
    """
    if len(token) > LONGEST:
        raise InvalidTokenError(f"it has more than {LONGEST} characters")
    try:
        found = jwt.PyJWS().decode_complete(token, options={"verify_signature": False})
        claims = json.loads(found["payload"])
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidTokenError(f"it is not a JSON Web Token: {error}") from None
    if not isinstance(claims, dict):
        raise InvalidTokenError("its claims are not a JSON object")
    return found["header"], claims


def verify(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str | None = None,
    audience: Sequence[str] = (),
    scopes: Sequence[str] = (),
    algorithms: Sequence[str] = ALGORITHMS,
    leeway: float = LEEWAY,
) -> dict[str, Any]:
    """Return the claims of a token after the checks that servers make.

    Args:
        token: The token.
        keys: The keys, one of which must have signed it.
        issuer: The only issuer that is accepted; any if it is None.
        audience: Audiences, one of which the token must have; any if it is empty.
        scopes: Scopes that the token must have.
        algorithms: The only algorithms that are accepted.
        leeway: Tolerance for clocks in seconds.

    Raises:
        InvalidTokenError: A check failed.
        SigningKeyError: The keys cannot be fetched.
    """
    header, _ = decode(token)
    _check_header(header)
    accepted = [*algorithms, "Ed25519"] if "EdDSA" in algorithms else list(algorithms)
    checks: Any = {"verify_signature": False, "verify_exp": True, "verify_nbf": True, "verify_iat": True}
    checks |= {"verify_sub": True, "verify_iss": issuer is not None, "verify_aud": bool(audience)}
    checks["require"] = ["exp", "sub"]
    try:
        _signatures().decode(token, keys.find(header, algorithms), algorithms=accepted)
        claims = jwt.decode(token, issuer=issuer, audience=list(audience) or None, leeway=leeway, options=checks)
    except jwt.PyJWTError as error:
        raise InvalidTokenError(str(error)) from None
    if not claims["sub"]:
        raise InvalidTokenError("the claim `sub` is empty")
    if "cnf" in claims:
        raise InvalidTokenError("it is bound to a key (`cnf`), and servers accept plain bearer tokens only")
    if "nonce" in claims or "at_hash" in claims:
        raise InvalidTokenError("it is an ID token")
    present = scopes_of(claims)
    missing = [scope for scope in scopes if scope not in present]
    if missing:
        raise InvalidTokenError(f"it lacks the scopes {' '.join(missing)}")
    return dict(claims)


def _signatures() -> jwt.PyJWS:
    """Return an object that verifies signatures, also those of EdDSA under its name in RFC 9864."""
    found = jwt.PyJWS()
    found.register_algorithm("Ed25519", found.get_algorithm_by_name("EdDSA"))
    return found


def _check_header(header: Mapping[str, Any]) -> None:
    kind = header.get("typ")
    if kind is not None and str(kind).lower().removeprefix("application/") not in {"jwt", TYPE}:
        raise InvalidTokenError(f"its type `{kind}` is not that of an access token (`{TYPE}` or `JWT`)")
    if "crit" in header:
        raise InvalidTokenError("it has critical extensions (`crit`), which are not supported")


def scopes_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the scopes in the claims `scope` (a text) and `scp` (a list, or a text)."""
    found: list[str] = []
    for name in ("scope", "scp"):
        value = claims.get(name, "")
        found += value.split() if isinstance(value, str) else [one for one in value if isinstance(one, str)]
    return tuple(dict.fromkeys(found))
