"""Signatures by identity, without long-lived keys: `sigstore`.

The signer presents a token of an identity provider; a certificate for a short-lived key records the identity, and a
public log the time. Verification requires an identity and its issuer. Source: Sigstore, "Client Specification",
"Bundle Format"; cosign, "Bundle Specification" (the statement and its storage).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import RegistryError
from wasmcp.registry import jsontext

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
            "no identity to sign with was found: run in a CI that gives one (GitHub Actions needs "
            f"`permissions: id-token: write`), set `{_TOKEN}`, or sign with a key (`--key`)"
        )
    return raw


def sign(statement: bytes) -> bytes:
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
        raise RegistryError(f"the services of Sigstore do not answer: {error}") from error
    except Exception as error:
        # Errors of its services have private classes.
        if not type(error).__module__.startswith("sigstore."):
            raise
        raise RegistryError(f"signing by identity does not work: {_words(error)}") from error
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
            problem = f"the public Sigstore's root of trust cannot be brought up to date: {_words(error)}"
            raise RegistryError(f"{problem}; check the network, or name a root of your own") from error

    def statement(self, bundle: bytes, trusted: Iterable[Identity]) -> tuple[str, dict[str, Any]] | str:
        """Verify a bundle: its certificate, its log entry, its signature, and its signer.

        Returns:
            The signer and the in-toto statement; or, if invalid, the problem.
        """
        policy = _Policy(tuple(trusted), self._failed)
        try:
            kind, payload = self._verifier.verify_dsse(self._bundle.from_json(bundle), policy)
            found = jsontext.loads(payload)
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
