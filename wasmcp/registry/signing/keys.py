"""Keys that sign components: ECDSA on P-256, in the file formats of cosign and OpenSSL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import RegistryError
from wasmcp.registry.signing import cosign_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey


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
        if cosign_key.is_one(data):
            key = serialization.load_der_private_key(cosign_key.decrypt(data, password), None)
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
        raise RegistryError(f"the key `{path}` is of another kind: an ECDSA key on the curve P-256 is needed")


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
