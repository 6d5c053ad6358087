"""Keys for tests."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_keys(folder: Path, name: str, password: bytes | None = None) -> tuple[Path, Path]:
    """Make a pair of keys; return the files of the private and the public one."""
    folder.mkdir(exist_ok=True, parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public
