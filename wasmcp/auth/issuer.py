"""A local issuer of access tokens: its keys and their rotation, tokens, metadata, introspection."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wasmcp.auth.access_tokens import decode, mint, verify
from wasmcp.auth.signing_keys import SigningKey
from wasmcp.auth.verification_keys import VerificationKeys
from wasmcp.errors import AuthorizationError, InvalidTokenError

MOST_KEYS = 4
"""Limit of the keys of an issuer: the one that signs, and those before it, whose tokens stay valid."""

MOST_TOKENS = 10_000
"""Limit of the opaque and the revoked tokens that an issuer knows; the oldest are forgotten first."""

AUDIENCE = "http://127.0.0.1/mcp"
"""The audience of tokens by default: the address of servers that are called in this process."""


class Issuer:
    """Issuer of access tokens for development and tests. Its methods are thread-safe.

    Attributes:
        url: Its identifier, the claim `iss` of its tokens.
        audience: The audience of tokens for which none is given.
        algorithm: The signature algorithm.
        lifetime: The lifetime of tokens for which none is given, in seconds.
        clients: The secrets of clients, by client identifier.
    """

    def __init__(
        self,
        url: str,
        *,
        audience: str = AUDIENCE,
        algorithm: str = "ES256",
        key: SigningKey | None = None,
        lifetime: float = 3600,
        clients: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.audience = audience
        self.algorithm = algorithm if key is None else key.algorithm
        self.lifetime = lifetime
        self.clients = dict(clients or {})
        self._keys = [key or SigningKey.generate(algorithm)]  # the one that signs first
        self._opaque: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._revoked: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def token(
        self,
        *,
        scopes: Sequence[str] = (),
        subject: str = "alice",
        audience: str | Sequence[str] | None = None,
        lifetime: float | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed access token.

        Args:
            scopes: Its scopes.
            subject: The claim `sub`.
            audience: The claim `aud`; by default `self.audience`.
            lifetime: Seconds until it expires; a negative number makes a token that has expired.
            header: Further header parameters; None removes one.
            claims: Further claims, which replace the others; None removes one.
        """
        with self._lock:
            key = self._keys[0]
        for_whom = self.audience if audience is None else audience
        return mint(
            key,
            issuer=self.url,
            audience=[for_whom] if isinstance(for_whom, str) else for_whom,
            scopes=scopes,
            subject=subject,
            lifetime=self.lifetime if lifetime is None else lifetime,
            claims=claims,
            header=header,
        )

    def opaque_token(self, **arguments: Any) -> str:
        """Return a token that only introspection can read (RFC 7662); the arguments are those of `token`."""
        _, claims = decode(self.token(**arguments))
        found = secrets.token_urlsafe(24)
        with self._lock:
            _remember(self._opaque, found, claims)
        return found

    def revoke(self, token: str) -> None:
        """Make a token inactive for introspection. Servers that verify signatures accept it until it expires."""
        with self._lock:
            _remember(self._revoked, token, None)

    def rotate(self) -> str:
        """Sign with a new key from now on, and return its `kid`. The keys before it stay in the key set."""
        key = SigningKey.generate(self.algorithm)
        with self._lock:
            self._keys = [key, *self._keys][:MOST_KEYS]
        return key.key_id

    def retire(self) -> None:
        """Remove all keys but the one that signs, so that older tokens are not valid any more."""
        with self._lock:
            del self._keys[1:]

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        with self._lock:
            return {"keys": [key.jwk for key in self._keys]}

    @property
    def public_key(self) -> str:
        """The public key that tokens are signed with, as PEM."""
        with self._lock:
            return self._keys[0].public_pem

    @property
    def jwks_uri(self) -> str:
        """The address of the key set."""
        return f"{self.url}/jwks.json"

    def settings(self, server: str | None = None) -> dict[str, str]:
        """Return settings for a server that accepts the tokens of this issuer.

        Args:
            server: The URL of the server's MCP endpoint; by default the issuer's audience.
        """
        return {
            "WASMCP_AUTH_MODE": "oauth",
            "WASMCP_SERVER_URI": server or self.audience,
            "JWT_ISSUER": self.url,
            "JWT_AUDIENCE": self.audience if server is None else f"{self.audience},{server}",
            "JWT_JWKS": json.dumps(self.jwks),
        }

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the authorization server (RFC 8414; OpenID Connect Discovery 1.0, section 3)."""
        methods = ["client_secret_basic", "client_secret_post"]
        return {
            "issuer": self.url,
            "jwks_uri": self.jwks_uri,
            "token_endpoint": f"{self.url}/token",
            "token_endpoint_auth_methods_supported": methods,
            "introspection_endpoint": f"{self.url}/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }

    def introspect(self, token: str) -> dict[str, Any]:
        """Return the state of a token (RFC 7662, section 2.2)."""
        with self._lock:
            claims = self._opaque.get(token)
            is_revoked = token in self._revoked
        if is_revoked:
            return {"active": False}
        if claims is None:
            try:
                keys = VerificationKeys.parse(self.jwks_uri, json.dumps(self.jwks).encode())
                claims = verify(token, keys, issuer=self.url, leeway=0)
            except AuthorizationError:
                return {"active": False}
        now = time.time()
        if not claims.get("nbf", 0) <= now < claims.get("exp", 0):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}

    def has_client(self, client: str, secret: str) -> bool:
        """Check the secret of a client."""
        known = self.clients.get(client)
        return known is not None and hmac.compare_digest(known.encode(), secret.encode())


def _remember(known: OrderedDict[str, Any], token: str, value: Any) -> None:
    known[token] = value
    while len(known) > MOST_TOKENS:
        known.popitem(last=False)


def scopes_in(text: str) -> Iterable[str]:
    """Return the scopes of a parameter `scope` (RFC 6749, section 3.3).

    Raises:
        InvalidTokenError: A scope has a character that scopes cannot have.
    """
    found = [one for one in text.split(" ") if one]
    for one in found:
        if not all(character == "!" or "#" <= character <= "[" or "]" <= character <= "~" for character in one):
            raise InvalidTokenError(f"`{one}` is not a scope")
    return tuple(dict.fromkeys(found))
