"""Signed statements about components in registries: provenance, bills of materials.

The format is cosign's: an in-toto statement in a DSSE envelope, attached to the manifest. Source: in-toto, "Statement"
v1; DSSE v1, "Protocol"; cosign, "Attestations".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wasmcp.errors import RegistryError, SignatureError
from wasmcp.registry import jsontext
from wasmcp.registry.names.namespace_policy import Trust
from wasmcp.registry.oci import cosign_tags, referrers
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.version_resolver import Resolver
from wasmcp.registry.signing import keyless, keys

ENVELOPE = "application/vnd.dsse.envelope.v1+json"
STATEMENT = "application/vnd.in-toto+json"
_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
# cosign's annotation of every layer; the signature itself is in the envelope.
_ANNOTATION = "dev.cosignproject.cosign/signature"


def tag_of(digest: str) -> str:
    """Return the tag of the attestations of a manifest."""
    return f"{digest.replace(':', '-')}.att"


def attest(place: Place, statement: bytes, key: Path | None, password: bytes | None, resolver: Resolver) -> str:
    """Sign a statement about the manifest at a place and attach it; return its tag, or its manifest's digest.

    The manifest is added to the statement's subjects.

    Args:
        place: The place with the digest of the manifest.
        statement: An in-toto statement, as JSON.
        key: The file of a private key; None to sign by identity.
        password: The key's password, or None.
        resolver: The resolver with the registry's configuration.

    Raises:
        RegistryError: The statement is invalid, the key cannot be used, or the registry rejects it.
    """
    document = _statement(statement)
    if document is None:
        raise RegistryError("not an in-toto statement with a predicate and subjects", reference=str(place))
    digest = str(place.digest)
    name = f"{place.host}/{place.repository}"
    subject = {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
    others = [one for one in document["subject"] if one != subject]
    payload = json.dumps({**document, "subject": [subject, *others]}, separators=(",", ":")).encode()
    if key is None:
        return referrers.add(place, keyless.sign(payload), keyless.BUNDLE, resolver)
    signature = base64.b64encode(keys.sign(_authenticated(payload), key, password)).decode()
    envelope = {
        "payloadType": STATEMENT,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "", "sig": signature}],
    }
    kind = cosign_tags.Kind(ENVELOPE, {"predicateType": str(document["predicateType"]), _ANNOTATION: ""})
    tag = tag_of(digest)
    cosign_tags.add(place, tag, json.dumps(envelope, separators=(",", ":")).encode(), kind, resolver)
    return tag


def verify(place: Place, trust: Trust, resolver: Resolver) -> list[dict[str, Any]]:
    """Return the statements about the manifest at a place with a trusted signature.

    Args:
        place: The place with the digest of the manifest.
        trust: The trusted signers.
        resolver: The resolver with the registry's configuration.

    Raises:
        SignatureError: No statement has a trusted signature.
        RegistryError: The registry does not respond, or a key cannot be read.
    """
    digest = str(place.digest)
    found = [
        statement
        for _, envelope in cosign_tags.read(place, tag_of(digest), ENVELOPE, resolver)
        for statement in _signed(envelope, trust.keys)
        if _about(statement, digest)
    ]
    signed, problems = by_identity(place, trust, resolver)
    found += [statement for _, statement in signed if statement.get("predicateType") != keyless.SIGNED]
    if not found:
        said = "".join(f"; {problem}" for problem in dict.fromkeys(problems))
        problem = f"it has no attestation that is about it and by whom is trusted{said}"
        raise SignatureError(problem, reference=str(place))
    return found


def by_identity(place: Place, trust: Trust, resolver: Resolver) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """Return the statements about a manifest with a trusted identity and their signers, and problems with others.

    Without trusted identities the registry is not contacted.

    Raises:
        RegistryError: The registry does not respond, or the root of trust cannot be read.
    """
    bundles = list(referrers.read(place, keyless.BUNDLE, resolver)) if trust.identities else []
    if not bundles:
        return [], []
    verifier = keyless.Verifier(trust.root, offline=resolver.offline)
    signed, problems = [], []
    for bundle in bundles:
        found = verifier.statement(bundle, trust.identities)
        if isinstance(found, str):
            problems.append(found)
        elif not _about(found[1], str(place.digest)):
            problems.append("a statement is about something else")
        else:
            signed.append(found)
    return signed, problems


def _signed(envelope: bytes, files: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    try:
        document = jsontext.loads(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in document["signatures"]]
        form = document["payloadType"]
    except (ValueError, KeyError, TypeError):
        return
    data = _authenticated(payload)
    known = form == STATEMENT and any(keys.verifies(data, one, file) for one in signatures for file in files)
    statement = _statement(payload) if known else None
    if statement is not None:
        yield statement


def _authenticated(payload: bytes) -> bytes:
    """Return the signed bytes: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(STATEMENT), STATEMENT.encode(), len(payload), payload)


def _statement(data: bytes) -> dict[str, Any] | None:
    try:
        document = jsontext.loads(data)
        fine = document["_type"] in _TYPES and isinstance(document["predicateType"], str) and "predicate" in document
        subjects = document["subject"]
    except (ValueError, KeyError, TypeError):
        return None
    return document if fine and isinstance(subjects, list) else None


def names_of(statement: dict[str, Any], digest: str) -> list[str]:
    """Return the names of a manifest among the subjects of a statement; the empty string for one without a name."""
    subjects = statement.get("subject")
    fits = [one for one in (subjects if isinstance(subjects, list) else []) if _names(one, digest)]
    return [str(one.get("name") or "") for one in fits]


def _about(statement: dict[str, Any], digest: str) -> bool:
    """Return if a manifest is among the subjects of a statement."""
    return bool(names_of(statement, digest))


def _names(subject: Any, digest: str) -> bool:
    try:
        return bool(f"sha256:{subject['digest']['sha256']}" == digest)
    except (KeyError, TypeError):
        return False
