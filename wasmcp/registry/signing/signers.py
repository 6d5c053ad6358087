"""Signers of components: keys, ECDSA on P-256 in the file formats of cosign and OpenSSL, and identities: `sigstore`.

Private keys of ``cosign generate-key-pair`` are encrypted by scrypt and NaCl's secretbox (XSalsa20-Poly1305).
`cryptography` has scrypt and Poly1305, but not XSalsa20; keys are small enough for plain Python. Source: D. J.
Bernstein, "Extending the Salsa20 nonce"; NaCl, "crypto_secretbox"; go-securesystemslib, "encrypted".

Signatures by identity need no long-lived key. The signer presents a token of an identity provider; a certificate for a
short-lived key records the identity, and a public log the time. Verification requires an identity and its issuer.
Source: Sigstore, "Client Specification", "Bundle Format"; cosign, "Bundle Specification" (the statement and its
storage).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import struct
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import RegistryError
from wasmcp.revision_views import from_json_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_KINDS = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")
_MASK = 0xFFFFFFFF
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
# Indices of the quarter rounds: the columns, then the rows.
_ROUNDS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip


def is_one(data: bytes) -> bool:
    """Return if a file is such a key."""
    return any(b"-----BEGIN " + kind in data for kind in _KINDS)


def decrypt(data: bytes, password: bytes | None) -> bytes:
    """Return the decrypted key of a file, in DER (PKCS #8).

    Raises:
        TypeError: The password is missing.
        ValueError: The file is damaged, or the password is wrong.
    """
    if password is None:
        raise TypeError("no password")
    try:
        body = b"".join(line.strip() for line in data.split(b"\n") if not line.startswith(b"-----"))
        document = from_json_text(base64.b64decode(body, validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        names, params = (kdf["name"], cipher["name"]), kdf["params"]
        salt, nonce = base64.b64decode(kdf["salt"], validate=True), base64.b64decode(cipher["nonce"], validate=True)
        box = base64.b64decode(document["ciphertext"], validate=True)
        n, r, p = (params[name] for name in ("N", "r", "p"))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ValueError("it is corrupt") from None
    if any(type(number) is not int for number in (n, r, p)):
        raise ValueError("it is corrupt")
    if names != ("scrypt", "nacl/secretbox") or n > 1 << 20 or r > 32 or p > 16 or len(nonce) != 24:
        raise ValueError(f"its encryption is not supported: {names}")
    key = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=32, maxmem=256 * n * r)
    return open_box(box, nonce, key)


def encrypt(der: bytes, password: bytes, salt: bytes, nonce: bytes, *, n: int = 65536) -> bytes:
    """Return the encrypted file of a key, for `decrypt`.

    Args:
        der: The key (PKCS #8).
        password: The password.
        salt: 32 random bytes.
        nonce: 24 random bytes.
        n: The cost of scrypt, a power of two.
    """
    key = hashlib.scrypt(password, salt=salt, n=n, r=8, p=1, dklen=32, maxmem=256 * n * 8)
    text = {name: base64.b64encode(value).decode() for name, value in (("salt", salt), ("nonce", nonce))}
    document = {
        "kdf": {"name": "scrypt", "params": {"N": n, "r": 8, "p": 1}, "salt": text["salt"]},
        "cipher": {"name": "nacl/secretbox", "nonce": text["nonce"]},
        "ciphertext": base64.b64encode(seal_box(der, nonce, key)).decode(),
    }
    body = base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()
    lines = "\n".join(textwrap.wrap(body, 64))
    kind = _KINDS[0].decode()
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n".encode()


def seal_box(text: bytes, nonce: bytes, key: bytes) -> bytes:
    """Encrypt and authenticate; return the tag of 16 bytes and the ciphertext."""
    stream = _stream(len(text) + 32, nonce, key)
    sealed = bytes(one ^ other for one, other in zip(text, stream[32:], strict=False))
    return _tag(stream[:32], sealed) + sealed


def open_box(box: bytes, nonce: bytes, key: bytes) -> bytes:
    """Decrypt the result of `seal_box`.

    Raises:
        ValueError: The key is wrong, or the data has been changed.
    """
    import hmac

    stream = _stream(max(len(box) - 16, 0) + 32, nonce, key)
    if len(box) < 16 or not hmac.compare_digest(box[:16], _tag(stream[:32], box[16:])):
        raise ValueError("the password is wrong")
    return bytes(one ^ other for one, other in zip(box[16:], stream[32:], strict=False))


def _tag(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    return Poly1305.generate_tag(key, data)


def _stream(length: int, nonce: bytes, key: bytes) -> bytes:
    """Return the first bytes of XSalsa20's key stream."""
    # HSalsa20 derives the key of Salsa20 from the key and the first 16 bytes of the nonce; the last 8 go to Salsa20.
    words = _double_rounds(_state(key, struct.unpack("<4I", nonce[:16])))
    subkey = struct.pack("<8I", *(words[index] for index in (0, 5, 10, 15, 6, 7, 8, 9)))
    blocks = []
    for counter in range((length + 63) // 64):
        state = _state(subkey, (*struct.unpack("<2I", nonce[16:]), counter & _MASK, counter >> 32))
        mixed = _double_rounds(state)
        blocks.append(struct.pack("<16I", *((one + other) & _MASK for one, other in zip(mixed, state, strict=True))))
    return b"".join(blocks)[:length]


def _state(key: bytes, middle: tuple[int, ...]) -> list[int]:
    words = struct.unpack("<8I", key)
    return [_SIGMA[0], *words[:4], _SIGMA[1], *middle, _SIGMA[2], *words[4:], _SIGMA[3]]


def _double_rounds(state: list[int]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _ROUNDS:
            x[b] ^= _rotated(x[a] + x[d], 7)
            x[c] ^= _rotated(x[b] + x[a], 9)
            x[d] ^= _rotated(x[c] + x[b], 13)
            x[a] ^= _rotated(x[d] + x[c], 18)
    return x


def _rotated(value: int, count: int) -> int:
    value &= _MASK
    return (value << count | value >> (32 - count)) & _MASK


def sign(data: bytes, key: Path, password: bytes | None) -> bytes:
    """Return the signature of bytes, in DER.

    Args:
        data: The bytes to sign.
        key: A private key in PEM: PKCS #8, or as ``cosign generate-key-pair`` writes it.
        password: The key's password, or None.

    Raises:
        RegistryError: The key cannot be used.
    """
    _, hashes, ec = _cryptography()
    signature: bytes = private_key(key, password).sign(data, ec.ECDSA(hashes.SHA256()))
    return signature


def verifies(data: bytes, signature: bytes, key: Path) -> bool:
    """Return if a signature of bytes is by a key.

    Args:
        data: The signed bytes.
        signature: The signature in DER.
        key: A public key in PEM.

    Raises:
        RegistryError: The key cannot be used.
    """
    _, hashes, ec = _cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        public_key(key).verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def private_key(path: Path, password: bytes | None) -> EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        RegistryError: The key cannot be read, is of another kind, or the password is wrong or missing.
    """
    serialization, _, ec = _cryptography()
    data = _read(path)
    try:
        if is_one(data):
            key = serialization.load_der_private_key(decrypt(data, password), None)
        else:
            key = serialization.load_pem_private_key(data, password or None)
    except TypeError:
        has = "has a password, which is not given" if not password else "has no password"
        raise RegistryError(f"the key `{path}` {has}: set WASMCP_KEY_PASSWORD accordingly") from None
    except ValueError as error:
        raise RegistryError(f"the key `{path}` cannot be used: {error}") from None
    _check(key, path, ec)
    found: EllipticCurvePrivateKey = key
    return found


def public_key(path: Path) -> EllipticCurvePublicKey:
    """Read a public key.

    Raises:
        RegistryError: The key cannot be read, or is of another kind.
    """
    serialization, _, ec = _cryptography()
    try:
        key: EllipticCurvePublicKey = serialization.load_pem_public_key(_read(path))
    except ValueError:
        raise RegistryError(f"`{path}` is not a public key in PEM") from None
    _check(key, path, ec)
    return key


def _check(key: Any, path: Path, ec: Any) -> None:
    if not isinstance(getattr(key, "curve", None), ec.SECP256R1):
        raise RegistryError(f"the key `{path}` has another type: an ECDSA key on the curve P-256 is required")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RegistryError(f"the key `{path}` cannot be read: {error.strerror or error}") from None


def _cryptography() -> tuple[Any, Any, Any]:
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ModuleNotFoundError:
        raise RegistryError("signatures need `cryptography`: install `wasmcp[registry]`") from None
    return serialization, hashes, ec


def password() -> bytes | None:
    """Return the password in ``WASMCP_KEY_PASSWORD``, or in cosign's variable; None if neither is set."""
    found = os.environ.get("WASMCP_KEY_PASSWORD", os.environ.get("COSIGN_PASSWORD"))
    return None if found is None else found.encode()


BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNED = "https://sigstore.dev/cosign/sign/v1"
"""The predicate of a statement that only records a signature."""

_PAYLOAD = "application/vnd.in-toto+json"
_TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 - the name of an environment variable


@dataclass(frozen=True)
class Identity:
    """Identity trusted to sign.

    Attributes:
        identity: The subject: an e-mail address, or a URI such as that of a workflow; `*` matches any characters.
        issuer: The address of its identity provider.
    """

    identity: str
    issuer: str

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})"

    def names(self, subjects: Iterable[str]) -> str | None:
        """Return the first of some subjects that matches."""
        pattern = re.compile(".*".join(map(re.escape, self.identity.split("*"))))
        return next((subject for subject in subjects if pattern.fullmatch(subject)), None)


def _identity(oidc: Any) -> str:
    """Return the identity token of this process.

    Raises:
        RegistryError: Neither the environment nor a CI system provides a token.
    """
    raw: str | None = os.environ.get(_TOKEN) or oidc.detect_credential()
    if raw is None:
        raise RegistryError(
            "no identity for the signature was found: run in a CI that provides one (GitHub Actions needs "
            f"`permissions: id-token: write`), set `{_TOKEN}`, or sign with a key (`--key`)"
        )
    return raw


def sign_as_identity(statement: bytes) -> bytes:
    """Sign an in-toto statement with the identity of this process; return the bundle.

    The identity comes from `SIGSTORE_ID_TOKEN` or the CI system. The identity and the digest of the statement are
    recorded in a public log.

    Raises:
        RegistryError: No identity was found, or the services of Sigstore fail.
    """
    dsse, models, oidc, signing = _sigstore("dsse", "models", "oidc", "sign")
    try:
        token = oidc.IdentityToken(_identity(oidc))
        context = signing.SigningContext.from_trust_config(models.ClientTrustConfig.production())
        with context.signer(token) as signer:
            bundle: str = signer.sign_dsse(dsse.Statement(statement)).to_json()
    except OSError as error:  # of `requests`: no network
        raise RegistryError(f"the services of Sigstore do not respond: {error}") from error
    except Exception as error:
        # Errors of its services have private classes.
        if not type(error).__module__.startswith("sigstore."):
            raise
        raise RegistryError(f"signing by identity failed: {_words(error)}") from error
    return bundle.encode()


def statement_of(digest: str, name: str = "") -> bytes:
    """Return the statement that records the signature of a manifest.

    Args:
        digest: The digest of the manifest.
        name: The name of the signed subject.
    """
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicateType": SIGNED,
            "predicate": {},
        },
        separators=(",", ":"),
    ).encode()


class Verifier:
    """Verifier of bundles against one root of trust."""

    def __init__(self, trusted_root: Path | None = None, *, offline: bool = False) -> None:
        """Load the root of trust.

        Args:
            trusted_root: The file of a root of trust (`trusted_root.json`); None for the public Sigstore instance.
            offline: Use the cached root of trust of the public instance, without updates.

        Raises:
            RegistryError: The root of trust cannot be read, or `sigstore` is not installed.
        """
        errors, models, verify = _sigstore("errors", "models", "verify")
        self._failed, self._bundle = errors.VerificationError, models.Bundle
        self._invalid = (models.InvalidBundle, ValueError)
        try:
            if trusted_root is None:
                self._verifier = verify.Verifier.production(offline=offline)
            else:
                root = models.TrustedRoot.from_file(str(trusted_root))
                self._verifier = verify.Verifier(trusted_root=root)
        except (errors.Error, OSError, ValueError) as error:
            if trusted_root is not None:
                raise RegistryError(f"the root of trust `{trusted_root}` cannot be read: {_words(error)}") from error
            problem = f"the root of trust of the public Sigstore cannot be updated: {_words(error)}"
            raise RegistryError(f"{problem}; check the network, or name another root of trust") from error

    def statement(self, bundle: bytes, trusted: Iterable[Identity]) -> tuple[str, dict[str, Any]] | str:
        """Verify a bundle: its certificate, its log entry, its signature, and its signer.

        Returns:
            The signer and the in-toto statement; or, if invalid, the problem.
        """
        policy = _Policy(tuple(trusted), self._failed)
        try:
            kind, payload = self._verifier.verify_dsse(self._bundle.from_json(bundle), policy)
            found = from_json_text(payload)
        except self._failed as error:
            return _words(error)
        except self._invalid as error:
            return f"not a Sigstore bundle: {_words(error)}"
        if kind != _PAYLOAD or not isinstance(found, dict):
            return f"it signs `{kind}`, not an in-toto statement"
        return policy.found, found


class _Policy:
    """Verification policy that requires one of the identities; `sigstore` calls `verify`."""

    def __init__(self, trusted: tuple[Identity, ...], failed: type[Exception]) -> None:
        self._trusted = trusted
        self._failed = failed
        self.found = ""

    def verify(self, cert: Any) -> None:
        (policies,) = _sigstore("verify.policy")
        subjects = _subjects(cert)
        for identity in self._trusted:
            subject = identity.names(subjects)
            if subject is None:
                continue
            try:
                policies.OIDCIssuer(identity.issuer).verify(cert)
            except self._failed:
                continue
            self.found = str(Identity(subject, identity.issuer))
            return
        listed = ", ".join(f"`{identity}`" for identity in self._trusted) or "none"
        raise self._failed(f"it is signed by `{', '.join(subjects)}`; trusted: {listed}")


def _subjects(cert: Any) -> list[str]:
    from cryptography import x509

    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier)
    return [str(name) for kind in kinds for name in names.get_values_for_type(kind)]


def _words(error: BaseException) -> str:
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said or type(error).__name__


def _sigstore(*modules: str) -> tuple[Any, ...]:
    """Import modules of `sigstore` on demand: the import takes a second."""
    import importlib
    import logging

    logging.getLogger("sigstore").addHandler(logging.NullHandler())  # suppress warnings about requested behavior
    try:
        return tuple(importlib.import_module(f"sigstore.{module}") for module in modules)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sigstore":
            raise
        raise RegistryError("signatures by identity need `sigstore`: install `wasmcp[sigstore]`") from None
