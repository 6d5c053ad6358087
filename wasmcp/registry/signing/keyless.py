"""Signatures by identity, without keys that anybody keeps: `sigstore`.

Who signs shows a token of an identity provider; a certificate for a key that lives for minutes says who that was, and
a public log when. Whoever verifies asks for an identity and its issuer. Source: Sigstore, "Client Specification",
"Bundle Format"; cosign, "Bundle Specification" (the statement, and where it is kept).
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
"""The predicate of a statement that says nothing but that somebody has signed."""

_PAYLOAD = "application/vnd.in-toto+json"
_TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 - the name of an environment variable


@dataclass(frozen=True)
class Identity:
    """Who may have signed.

    Attributes:
        identity: The subject: an e-mail address, or a URI such as that of a workflow; `*` stands for any characters.
        issuer: The address of the identity provider that vouches for it.
    """

    identity: str
    issuer: str

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})"

    def names(self, subjects: Iterable[str]) -> str | None:
        """Return the one of some subjects that this is."""
        pattern = re.compile(".*".join(map(re.escape, self.identity.split("*"))))
        return next((subject for subject in subjects if pattern.fullmatch(subject)), None)


def _identity(oidc: Any) -> str:
    """Return the identity token of this process.

    Raises:
        RegistryError: Neither the environment nor a continuous integration provides one.
    """
    raw: str | None = os.environ.get(_TOKEN) or oidc.detect_credential()
    if raw is None:
        raise RegistryError(
            "there is no identity here to sign with: run in a CI that gives one (GitHub Actions needs "
            f"`permissions: id-token: write`), set `{_TOKEN}`, or sign with a key (`--key`)"
        )
    return raw


def sign(statement: bytes) -> bytes:
    """Sign an in-toto statement as whoever this process runs for; return the bundle.

    The identity comes from `SIGSTORE_ID_TOKEN`, or from the continuous integration that this runs in. It and the digest
    of the statement go into a public log.

    Raises:
        RegistryError: There is no identity, or the services of Sigstore do not do it.
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
        # What its services refuse is raised as classes of its own that it does not publish.
        if not type(error).__module__.startswith("sigstore."):
            raise
        raise RegistryError(f"signing by identity does not work: {_words(error)}") from error
    return bundle.encode()


def statement_of(digest: str, name: str = "") -> bytes:
    """Return the statement that a manifest is signed.

    Args:
        digest: Of the manifest.
        name: What is said to be signed.
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
    """Checks bundles against one root of trust."""

    def __init__(self, trusted_root: Path | None = None, *, offline: bool = False) -> None:
        """Load the root of trust.

        Args:
            trusted_root: The file of another instance's (`trusted_root.json`); None: that of the public one.
            offline: Take what is known of the public one, without asking for changes.

        Raises:
            RegistryError: It cannot be read, or `sigstore` is not installed.
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
        """Check a bundle: its certificate, its place in the log, its signature, and who it is by.

        Returns:
            Who signed, and the in-toto statement; or, where it is not good, what is wrong with it.
        """
        policy = _Policy(tuple(trusted), self._failed)
        try:
            kind, payload = self._verifier.verify_dsse(self._bundle.from_json(bundle), policy)
            found = jsontext.loads(payload)
        except self._failed as error:
            return _words(error)
        except self._invalid as error:
            return f"it is no bundle of Sigstore: {_words(error)}"
        if kind != _PAYLOAD or not isinstance(found, dict):
            return f"what it signs is no in-toto statement but `{kind}`"
        return policy.found, found


class _Policy:
    """Asks a certificate for one of the identities; `sigstore` calls `verify`."""

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
        listed = ", ".join(f"`{identity}`" for identity in self._trusted) or "nobody"
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
    """Import modules of `sigstore`: a second's work, for those who use it."""
    import importlib
    import logging

    logging.getLogger("sigstore").addHandler(logging.NullHandler())  # it warns of what was asked for
    try:
        return tuple(importlib.import_module(f"sigstore.{module}") for module in modules)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sigstore":
            raise
        raise RegistryError("signatures by identity need `sigstore`: install `wasmcp[sigstore]`") from None
