"""Keys that sign components: ECDSA on P-256, in the file formats of cosign and OpenSSL.

Private keys of ``cosign generate-key-pair`` are encrypted by scrypt and NaCl's secretbox (XSalsa20-Poly1305).
`cryptography` has scrypt and Poly1305, but not XSalsa20; keys are small enough for plain Python. Source: D. J.
Bernstein, "Extending the Salsa20 nonce"; NaCl, "crypto_secretbox"; go-securesystemslib, "encrypted".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import struct
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import RegistryError
from wasmcp.registry import jsontext

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
        document = jsontext.loads(base64.b64decode(body, validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        names, params = (kdf["name"], cipher["name"]), kdf["params"]
        salt, nonce = base64.b64decode(kdf["salt"], validate=True), base64.b64decode(cipher["nonce"], validate=True)
        box = base64.b64decode(document["ciphertext"], validate=True)
        n, r, p = (params[name] for name in ("N", "r", "p"))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ValueError("it is damaged") from None
    if any(type(number) is not int for number in (n, r, p)):
        raise ValueError("it is damaged")
    if names != ("scrypt", "nacl/secretbox") or n > 1 << 20 or r > 32 or p > 16 or len(nonce) != 24:
        raise ValueError(f"it is encrypted in another way: {names}")
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


def password() -> bytes | None:
    """Return the password in ``WASMCP_KEY_PASSWORD``, or in cosign's variable; None if neither is set."""
    found = os.environ.get("WASMCP_KEY_PASSWORD", os.environ.get("COSIGN_PASSWORD"))
    return None if found is None else found.encode()
