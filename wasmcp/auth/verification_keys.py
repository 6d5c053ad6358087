"""Public keys that verify access tokens: from files, key sets (RFC 7517), URLs and the metadata of an issuer."""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization

from wasmcp.auth.signing_keys import fitting_algorithms, read_file
from wasmcp.errors import InvalidTokenError, SigningKeyError

LARGEST = 512 * 1024
"""Limit of a key set or of metadata in bytes, the one of servers."""

TIMEOUT = 10.0
"""Seconds that a request for keys may take between two packets."""


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
        """Fetch a key set. Redirects are refused.

        Raises:
            SigningKeyError: It cannot be fetched, or has no key that can be used.
        """
        return cls.parse(url, _fetch(url))

    @classmethod
    def discover(cls, issuer: str) -> VerificationKeys:
        """Fetch the key set of an issuer, at the address in its metadata (RFC 8414, OpenID Connect Discovery).

        Raises:
            SigningKeyError: Metadata or keys cannot be fetched, or the metadata is of another issuer.
        """
        problems = []
        for url in metadata_urls(issuer):
            try:
                document = _json_object(url, _fetch(url))
            except SigningKeyError as error:
                problems.append(str(error))
                continue
            if document.get("issuer") != issuer:
                raise SigningKeyError(url, f"is the metadata of another issuer: `{document.get('issuer')}`")
            address = document.get("jwks_uri")
            if not isinstance(address, str):
                raise SigningKeyError(url, "has no `jwks_uri`: name the key set with `--keys`")
            return cls.fetch(address)
        raise SigningKeyError(issuer, "has no metadata that can be fetched:\n" + "\n".join(problems))

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


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return the addresses of an issuer's metadata: RFC 8414, section 3.1, then OpenID Connect Discovery, section 4."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(found))


def is_loopback(url: str) -> bool:
    """Return True if the host of a URL is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Handler that leaves redirects to be reported as errors."""

    def redirect_request(self, *arguments: Any) -> None:
        """Follow no redirect: keys come from the address that was given."""


def _fetch(url: str) -> bytes:
    if not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
        raise SigningKeyError(url, "must begin with `https://` (`http://` only for this machine)")
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(urllib.request.Request(url, headers={"accept": "application/json"}), timeout=TIMEOUT) as found:  # noqa: S310 - checked above
            data: bytes = found.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise SigningKeyError(url, f"cannot be fetched: HTTP status {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SigningKeyError(url, f"cannot be fetched: {reason}") from None
    if len(data) > LARGEST:
        raise SigningKeyError(url, f"has more than {LARGEST} bytes")
    return data


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
