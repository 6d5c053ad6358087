"""Public keys that verify access tokens: from files, key sets (RFC 7517), URLs and the metadata of an issuer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from wasmcp.auth.signing_keys import fitting_algorithms, read_file
from wasmcp.errors import InvalidTokenError, IssuerDocumentError, SigningKeyError
from wasmcp.host.authorization import documents
from wasmcp.host.authorization.discovery import discover


@dataclass(frozen=True)
class _Known:
    """One public key, with the members of its JSON Web Key that restrict its use."""

    key: Any
    key_id: str | None = None
    algorithm: str | None = None


@dataclass(frozen=True)
class VerificationKeys:
    """Public keys from one source.

    Attributes:
        source: The file or the URL.
    """

    source: str
    _keys: tuple[_Known, ...]

    @classmethod
    def read(cls, path: Path) -> VerificationKeys:
        """Read a public key in PEM, a JSON Web Key, or a key set.

        Raises:
            SigningKeyError: The file cannot be read, or has no key that can be used.
        """
        data = read_file(path)
        if data.lstrip()[:1] == b"{":
            return cls.parse(str(path), data)
        try:
            key = serialization.load_pem_public_key(data)
        except ValueError:
            kind = "is a private key: name" if b"PRIVATE KEY" in data else "is not a public key: name"
            raise SigningKeyError(str(path), f"{kind} a public key in PEM, a JSON Web Key or a key set") from None
        if not fitting_algorithms(key):
            raise SigningKeyError(
                str(path), "is of a kind that verifies no tokens: RSA, P-256, P-384, P-521 or Ed25519"
            )
        return cls(str(path), (_Known(key),))

    @classmethod
    def parse(cls, source: str, data: bytes) -> VerificationKeys:
        """Parse a JSON Web Key or a key set. Keys that cannot be used are skipped, as servers do.

        Raises:
            SigningKeyError: It is neither, or has no key that can be used.
        """
        document = _json_object(source, data)
        listed = document.get("keys", [document])
        if not isinstance(listed, list):
            raise SigningKeyError(source, "is not a JSON Web Key Set: its member `keys` is not a list")
        found = tuple(filter(None, map(_known, listed)))
        if not found:
            raise SigningKeyError(source, "has no public key that can be used: RSA, P-256, P-384, P-521 or Ed25519")
        return cls(source, found)

    @classmethod
    def fetch(cls, url: str) -> VerificationKeys:
        """Fetch a key set, with the limits of servers. Redirects are refused.

        Raises:
            SigningKeyError: It cannot be fetched, or has no key that can be used.
        """
        try:
            text, _ = documents.fetch(url)
        except IssuerDocumentError as error:
            raise SigningKeyError(url, f"cannot be fetched: {error.reason}") from None
        return cls.parse(url, text.encode())

    @classmethod
    def discover(cls, issuer: str) -> VerificationKeys:
        """Fetch the key set of an issuer, at the address in its metadata (RFC 8414, OpenID Connect Discovery).

        Raises:
            SigningKeyError: Metadata or keys cannot be fetched, or the metadata is of another issuer.
        """
        try:
            url = discover(issuer)
        except IssuerDocumentError as error:
            raise SigningKeyError(error.url, f"{error.reason}; name the key set with `--keys`") from None
        return cls.fetch(url)

    def find(self, header: Mapping[str, Any], algorithms: Sequence[str]) -> Any:
        """Return the key for the header of a token.

        Raises:
            InvalidTokenError: No key, or more than one, fits.
        """
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm == "Ed25519":  # RFC 9864; PyJWT knows it as EdDSA
            algorithm = "EdDSA"
        if algorithm not in algorithms:
            raise InvalidTokenError(f"its algorithm `{algorithm}` is not accepted: {', '.join(algorithms)}")
        fitting = [
            known
            for known in self._keys
            if algorithm in fitting_algorithms(known.key) and known.algorithm in {None, algorithm}
        ]
        if key_id is not None:
            fitting = [known for known in fitting if known.key_id in {None, key_id}]
        if not fitting:
            named = f"the name `{key_id}` and the algorithm {algorithm}" if key_id else f"the algorithm {algorithm}"
            raise InvalidTokenError(f"no key of `{self.source}` has {named}")
        if len(fitting) > 1:
            raise InvalidTokenError(f"it names no key (`kid`), and `{self.source}` has several for {algorithm}")
        return fitting[0].key


def _json_object(source: str, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SigningKeyError(source, "is not a JSON object")
    return found


def _known(members: Any) -> _Known | None:
    """Return a key of a key set; None if it cannot be used."""
    if not isinstance(members, dict) or members.get("use", "sig") != "sig" or members.get("kty") == "oct":
        return None
    algorithm, key_id = members.get("alg"), members.get("kid")
    if algorithm == "Ed25519":
        algorithm = "EdDSA"
    try:
        key = jwt.PyJWK(members, algorithm).key
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return None
    public = key.public_key() if hasattr(key, "sign") else key
    if not fitting_algorithms(public):
        return None
    return _Known(public, key_id if isinstance(key_id, str) else None, algorithm)
