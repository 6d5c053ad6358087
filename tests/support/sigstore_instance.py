"""An instance of Sigstore for tests: a certificate authority, a log of certificates, a log of signatures.

It vouches for whatever identity a test names; `trusted_root` is its root of trust, as real instances publish theirs.
Sources: RFC 6962, sections 3.2 and 3.3; Sigstore, "Bundle Format"; C2SP, "signed-note" and "tlog-checkpoint".
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
PAYLOAD = "application/vnd.in-toto+json"
_SHA256 = ec.ECDSA(hashes.SHA256())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def log_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(spki(key)).digest()


class Instance:
    """Everything that signing and verifying by identity needs, made up here."""

    def __init__(self) -> None:
        self._authority, self._certificates, self._signatures = (ec.generate_private_key(ec.SECP256R1()) for _ in "123")
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self._root = (
            x509.CertificateBuilder(name, name, self._authority.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=1))
            .not_valid_after(NOW + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(usage, True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._authority.public_key()), False)
            .sign(self._authority, hashes.SHA256())
        )

    def trusted_root(self, path: Path) -> Path:
        """Write the root of trust."""
        always = {"start": "2020-01-01T00:00:00Z"}
        certificate = b64(self._root.public_bytes(serialization.Encoding.DER))
        authority = {
            "subject": {"organization": "test", "commonName": "test"},
            "uri": "https://ca.test",
            "certChain": {"certificates": [{"rawBytes": certificate}]},
            "validFor": always,
        }
        logs = [
            {
                "baseUrl": "https://log.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": always},
                "logId": {"keyId": b64(log_id(key))},
            }
            for key in (self._signatures, self._certificates)
        ]
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": logs[:1],
            "certificateAuthorities": [authority],
            "ctlogs": logs[1:],
            "timestampAuthorities": [],
        }
        path.write_text(json.dumps(document))
        return path

    def sign(self, payload: bytes, identity: str, issuer: str, *, kind: str = PAYLOAD) -> bytes:
        """Return a bundle: `payload` signed by an identity."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certified(key, identity, issuer)
        signature = key.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload), _SHA256)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {
                    "certificate": {"rawBytes": b64(certificate.public_bytes(serialization.Encoding.DER))},
                    "tlogEntries": [self._logged(payload, signature, pem)],
                },
                "dsseEnvelope": {
                    "payload": b64(payload),
                    "payloadType": kind,
                    "signatures": [{"sig": b64(signature), "keyid": ""}],
                },
            }
        ).encode()

    def _certified(self, key: ec.EllipticCurvePrivateKey, identity: str, issuer: str) -> x509.Certificate:
        named = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.public_key())
        builder = (
            x509.CertificateBuilder(self._root.subject, x509.Name([]), key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(minutes=1))
            .not_valid_after(NOW + dt.timedelta(minutes=10))
            .add_extension(usage, True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)
            .add_extension(authority, False)
            .add_extension(x509.SubjectAlternativeName([named]), True)
            .add_extension(x509.UnrecognizedExtension(ISSUER, issuer.encode()), False)
        )
        # What the log of certificates signs is the certificate without its promise.
        promised = builder.sign(self._authority, hashes.SHA256()).tbs_certificate_bytes
        stamp = struct.pack(">Q", int(NOW.timestamp() * 1000))
        entry = (
            b"\0\0"
            + stamp
            + b"\0\x01"
            + log_id(self._authority)
            + len(promised).to_bytes(3, "big")
            + promised
            + b"\0\0"
        )
        signature = self._certificates.sign(entry, _SHA256)
        timestamp = b"\0" + log_id(self._certificates) + stamp + b"\0\0\x04\x03" + _sized(signature)
        listed = _sized(_sized(timestamp))
        octets = b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else bytes([0x81, len(listed)])) + listed
        return builder.add_extension(x509.UnrecognizedExtension(TIMESTAMPS, octets), False).sign(
            self._authority, hashes.SHA256()
        )

    def _logged(self, payload: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
        """An entry in a log that holds nothing else."""
        digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        spec = {
            "envelopeHash": digest,
            "payloadHash": digest,
            "signatures": [{"signature": b64(signature), "verifier": b64(verifier)}],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}, separators=(",", ":")).encode()
        name, time = log_id(self._signatures), int(NOW.timestamp())
        promise = {"body": b64(body), "integratedTime": time, "logID": name.hex(), "logIndex": 0}
        promised = self._signatures.sign(json.dumps(promise, separators=(",", ":")).encode(), _SHA256)
        tree = hashlib.sha256(b"\0" + body).digest()
        note = f"log.test\n1\n{b64(tree)}\n"
        signed = b64(name[:4] + self._signatures.sign(note.encode(), _SHA256))
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(name)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": b64(promised)},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(tree),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 log.test {signed}\n"},
            },
            "canonicalizedBody": b64(body),
        }


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
