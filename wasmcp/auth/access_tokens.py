"""Access tokens that are JSON Web Tokens, and their keys: minting, decoding, verification by the rules of servers.

Keys that sign are generated here, or read from files. Public keys come from files, key sets (RFC 7517), URLs and the
metadata of an issuer.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from wasmcp.errors import InvalidTokenError, IssuerDocumentError, SigningKeyError
from wasmcp.host.authorization import documents
from wasmcp.host.authorization.documents import discover

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signature algorithms (RFC 7518, RFC 8037). Servers verify all but ES512."""

_CURVES: dict[str, type[ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_LARGEST_FILE = 1 << 16
_THUMBPRINT = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}

RSA_SIZES = (2048, 3072, 4096)
"""Sizes of RSA keys in bits that servers accept."""


@dataclass(frozen=True)
class SigningKey:
    """Private key with the algorithm that it signs with.

    Attributes:
        private: The key, an object of `cryptography`.
        algorithm: A name of `ALGORITHMS`.
        key_id: The header parameter `kid` of its tokens.
    """

    private: Any
    algorithm: str
    key_id: str

    @classmethod
    def generate(cls, algorithm: str = "ES256", *, bits: int = 2048) -> SigningKey:
        """Return a new key.

        Args:
            algorithm: A name of `ALGORITHMS`.
            bits: The size of an RSA key, one of `RSA_SIZES`.
        """
        private: Any
        if algorithm in _CURVES:
            private = ec.generate_private_key(_CURVES[algorithm]())
        elif algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(65537, bits)
        return cls(private, algorithm, thumbprint(public_jwk(private.public_key())))

    @classmethod
    def read(
        cls, path: Path, *, algorithm: str | None = None, key_id: str | None = None, password: bytes | None = None
    ) -> SigningKey:
        """Read a private key: PEM (PKCS #8, PKCS #1, SEC 1) or a JSON Web Key.

        Args:
            path: The file.
            algorithm: A name of `ALGORITHMS`; by default that of the JSON Web Key, or RS256 for an RSA key.
            key_id: The `kid` of its tokens; by default that of the JSON Web Key, or its thumbprint (RFC 7638).
            password: The password of an encrypted PEM file.

        Raises:
            SigningKeyError: The file cannot be read, is not a private key, or does not fit the algorithm.
        """
        source, data = str(path), read_file(path)
        named: Mapping[str, Any] = {}
        if data.lstrip()[:1] == b"{":
            named = _private_members(source, data)
            private = _parse_jwk(source, named)
            if fitting_algorithms(private) and not hasattr(private, "sign"):
                raise SigningKeyError(source, "is a public key: a private key signs tokens")
        else:
            private = _parse_pem(source, data, password)
        fitting = fitting_algorithms(private)
        if not fitting:
            raise SigningKeyError(source, f"is of a kind that signs no tokens: a key for {', '.join(ALGORITHMS)}")
        chosen = algorithm or (str(named["alg"]) if "alg" in named else fitting[0])
        if chosen not in fitting:
            raise SigningKeyError(source, f"does not fit the algorithm {chosen}: it signs {', '.join(fitting)}")
        identifier = key_id or (str(named["kid"]) if "kid" in named else thumbprint(public_jwk(private.public_key())))
        return cls(private, chosen, identifier)

    @property
    def public_pem(self) -> str:
        """The public key as PEM: the value of the setting `JWT_PUBLIC_KEY`."""
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        text: bytes = self.private.public_key().public_bytes(serialization.Encoding.PEM, info)
        return text.decode()

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 7517)."""
        key = public_jwk(self.private.public_key())
        return {**key, "kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def private_pem(self, password: bytes | None = None) -> bytes:
        """Return the private key as PEM (PKCS #8), encrypted if there is a password."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password)
        text: bytes = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        return text


def fitting_algorithms(key: Any) -> tuple[str, ...]:
    """Return the algorithms of a private or public key of `cryptography`."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return _RSA
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return ("EdDSA",)
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return tuple(name for name, curve in _CURVES.items() if isinstance(key.curve, curve))
    return ()


def public_jwk(public: Any) -> dict[str, str]:
    """Return the members of a public key of `cryptography` as a JSON Web Key (RFC 7518, section 6; RFC 8037)."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _encoded(numbers.n), "e": _encoded(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point, size = public.public_numbers(), (public.key_size + 7) // 8
        curve = {256: "P-256", 384: "P-384", 521: "P-521"}[public.key_size]
        return {"kty": "EC", "crv": curve, "x": _encoded(point.x, size), "y": _encoded(point.y, size)}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)}


def thumbprint(key: Mapping[str, str]) -> str:
    """Return the thumbprint of a JSON Web Key (RFC 7638), with SHA-256."""
    members = {name: key[name] for name in _THUMBPRINT[key["kty"]]}
    return base64url(hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest())


def base64url(data: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_file(path: Path) -> bytes:
    """Read a file of keys, of at most 64 KiB.

    Raises:
        SigningKeyError: The file cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SigningKeyError(str(path), f"cannot be read: {error.strerror or error}") from None
    if len(data) > _LARGEST_FILE:
        raise SigningKeyError(str(path), f"is not a key: it has more than {_LARGEST_FILE} bytes")
    return data


def write_files(files: Sequence[tuple[Path, bytes, int]], *, force: bool) -> None:
    """Write all files, or none: each atomically, with its permissions.

    Args:
        files: Path, content and permissions of each.
        force: Replace existing files. Without it, a file that appears meanwhile is not replaced either.

    Raises:
        SigningKeyError: A file exists, or cannot be written.
    """
    for path, _, _ in files:
        if not path.parent.is_dir():
            raise SigningKeyError(str(path), f"cannot be written: the directory `{path.parent}` does not exist")
        if path.is_dir():
            raise SigningKeyError(str(path), "is a directory: name a file")
        if not force and os.path.lexists(path):
            raise SigningKeyError(str(path), "exists: `--force` replaces it; tokens of its key are then invalid")
    with contextlib.ExitStack() as stack:
        prepared = [(_temporary(stack, path, data, mode), path) for path, data, mode in files]
        written: list[Path] = []
        try:
            for temporary, path in prepared:
                if force:
                    temporary.replace(path)
                else:
                    path.hardlink_to(temporary)  # fails if the file exists, unlike a rename
                    written.append(path)
        except OSError as error:
            for path in written:
                path.unlink(missing_ok=True)
            raise SigningKeyError(str(error.filename2 or path), f"cannot be written: {error.strerror}") from None


def _temporary(stack: contextlib.ExitStack, path: Path, data: bytes, mode: int) -> Path:
    """Write a temporary file in the directory of a file; it is removed when the stack is closed."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    except OSError as error:
        raise SigningKeyError(str(path), f"cannot be written: {error.strerror}") from None
    temporary = Path(name)
    stack.callback(temporary.unlink, missing_ok=True)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
    except OSError as error:
        raise SigningKeyError(str(path), f"cannot be written: {error.strerror}") from None
    return temporary


def _encoded(number: int, size: int | None = None) -> str:
    return base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def _private_members(source: str, data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise SigningKeyError(source, "is neither PEM nor JSON") from None
    if "keys" in found:
        raise SigningKeyError(source, "is a set of keys: name a file with one private key")
    return dict(found)


def _parse_jwk(source: str, members: Mapping[str, Any]) -> Any:
    try:
        return jwt.PyJWK(dict(members)).key
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):  # whose messages contain the key
        raise SigningKeyError(source, "is not a private key in PEM or JWK that can be used") from None


def _parse_pem(source: str, data: bytes, password: bytes | None) -> Any:
    try:
        return serialization.load_pem_private_key(data, password or None)
    except TypeError:
        has = "has no password, and WASMCP_KEY_PASSWORD is set" if password else "has a password"
        advice = "unset it" if password else "set WASMCP_KEY_PASSWORD"
        raise SigningKeyError(source, f"{has}: {advice}") from None
    except UnsupportedAlgorithm as error:
        raise SigningKeyError(source, f"cannot be used: {error}") from None
    except ValueError:
        wrong = ", or its password is wrong" if password else ""
        kind = "is a public key" if b"PUBLIC KEY" in data else "is not a private key in PEM or JWK" + wrong
        raise SigningKeyError(source, f"{kind}: name the file that `wasmcp jwt keygen` wrote") from None


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
        if algorithm == "Ed25519":  # RFC 9864; PyJWT has it as EdDSA
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
