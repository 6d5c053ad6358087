"""Signatures and attestations of components in registries, in cosign's format: by a key, or by identity.

A signature by a key is an artifact in the same repository, under a tag derived from the digest of the signed manifest.
Each of its layers is a small document with this digest; the signature of the document is an annotation: ECDSA on P-256
with SHA-256. An attestation is a signed statement, such as provenance or a bill of materials: an in-toto statement in a
DSSE envelope, attached to the manifest. Source: cosign, "Signature Specification", "Attestations"; containers/image,
"simple signing"; in-toto, "Statement" v1; DSSE v1, "Protocol".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import RegistryError, SignatureError
from wasmcp.registry.names.namespace_policy import Settings, Trust
from wasmcp.registry.oci import manifests
from wasmcp.registry.oci.manifests import Resolution, Resolver
from wasmcp.registry.oci.references import Package, Place, Version, same_place
from wasmcp.registry.signing import signers
from wasmcp.revision_views import from_json_text

ENVELOPE = "application/vnd.dsse.envelope.v1+json"
STATEMENT = "application/vnd.in-toto+json"
_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
# cosign's annotation of every layer; the signature itself is in the envelope.
_ANNOTATION = "dev.cosignproject.cosign/signature"


def attestation_tag(digest: str) -> str:
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
        return manifests.add_referrer(place, signers.sign_as_identity(payload), signers.BUNDLE, resolver)
    signature = base64.b64encode(signers.sign(_authenticated(payload), key, password)).decode()
    envelope = {
        "payloadType": STATEMENT,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "", "sig": signature}],
    }
    kind = manifests.Kind(ENVELOPE, {"predicateType": str(document["predicateType"]), _ANNOTATION: ""})
    tag = attestation_tag(digest)
    manifests.add_layer(place, tag, json.dumps(envelope, separators=(",", ":")).encode(), kind, resolver)
    return tag


def verify_attestations(place: Place, trust: Trust, resolver: Resolver) -> list[dict[str, Any]]:
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
        for _, envelope in manifests.read_layers(place, attestation_tag(digest), ENVELOPE, resolver)
        for statement in _signed(envelope, trust.keys)
        if _about(statement, digest)
    ]
    signed, problems = by_identity(place, trust, resolver)
    found += [statement for _, statement in signed if statement.get("predicateType") != signers.SIGNED]
    if not found:
        said = "".join(f"; {problem}" for problem in dict.fromkeys(problems))
        problem = f"it has no attestation about it by a trusted signer{said}"
        raise SignatureError(problem, reference=str(place))
    return found


def by_identity(place: Place, trust: Trust, resolver: Resolver) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """Return the statements about a manifest with a trusted identity and their signers, and problems with others.

    Without trusted identities the registry is not contacted.

    Raises:
        RegistryError: The registry does not respond, or the root of trust cannot be read.
    """
    bundles = list(manifests.read_referrers(place, signers.BUNDLE, resolver)) if trust.identities else []
    if not bundles:
        return [], []
    verifier = signers.Verifier(trust.root, offline=resolver.offline)
    signed, problems = [], []
    for bundle in bundles:
        found = verifier.statement(bundle, trust.identities)
        if isinstance(found, str):
            problems.append(found)
        elif not _about(found[1], str(place.digest)):
            problems.append("a statement is about another digest")
        else:
            signed.append(found)
    return signed, problems


def _signed(envelope: bytes, files: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    try:
        document = from_json_text(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in document["signatures"]]
        form = document["payloadType"]
    except (ValueError, KeyError, TypeError):
        return
    data = _authenticated(payload)
    known = form == STATEMENT and any(signers.verifies(data, one, file) for one in signatures for file in files)
    statement = _statement(payload) if known else None
    if statement is not None:
        yield statement


def _authenticated(payload: bytes) -> bytes:
    """Return the signed bytes: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(STATEMENT), STATEMENT.encode(), len(payload), payload)


def _statement(data: bytes) -> dict[str, Any] | None:
    try:
        document = from_json_text(data)
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


PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
_TYPE = "cosign container image signature"


@dataclass(frozen=True)
class Signature:
    """Signature by a key.

    Attributes:
        payload: The signed document.
        signature: The signature in DER.
    """

    payload: bytes
    signature: bytes

    def names(self, digest: str) -> bool:
        """Return if the document is about the manifest of a digest."""
        try:
            critical = from_json_text(self.payload)["critical"]
            return bool(critical["type"] == _TYPE and critical["image"]["docker-manifest-digest"] == digest)
        except (ValueError, KeyError, TypeError):
            return False

    @property
    def repository(self) -> str:
        """The repository in the document, `HOST/PATH`; empty if it has none."""
        try:
            return str(from_json_text(self.payload)["critical"]["identity"]["docker-reference"])
        except (ValueError, KeyError, TypeError):
            return ""


def tag_of(digest: str) -> str:
    """Return the tag of the signatures of a manifest."""
    return f"{digest.replace(':', '-')}.sig"


def sign(place: Place, key: Path, password: bytes | None, resolver: Resolver) -> str:
    """Sign the manifest at a place and attach the signature; return the tag of the signatures.

    Existing signatures stay.

    Args:
        place: The place with the digest of the manifest.
        key: The file of a private key.
        password: The key's password, or None.
        resolver: The resolver with the registry's configuration.

    Raises:
        RegistryError: The key cannot be used, or the registry rejects the signature.
    """
    identity = {"docker-reference": f"{place.host}/{place.repository}"}
    critical = {"identity": identity, "image": {"docker-manifest-digest": str(place.digest)}, "type": _TYPE}
    payload = json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()
    signature = base64.b64encode(signers.sign(payload, key, password)).decode()
    tag = tag_of(str(place.digest))
    manifests.add_layer(place, tag, payload, manifests.Kind(PAYLOAD, {ANNOTATION: signature}), resolver)
    return tag


def sign_by_identity(place: Place, resolver: Resolver) -> str:
    """Sign the manifest at a place with the identity of this process; return the digest of the signature's manifest.

    Raises:
        RegistryError: No identity was found, or the registry rejects the signature.
    """
    statement = signers.statement_of(str(place.digest), f"{place.host}/{place.repository}")
    return manifests.add_referrer(place, signers.sign_as_identity(statement), signers.BUNDLE, resolver)


def verify(resolution: Resolution, trust: Trust, resolver: Resolver) -> str:
    """Return the trusted signer of a component: the file of a key, or an identity.

    A signature covers the digest of a manifest. It is valid for the name and version under which the manifest was
    found only if the signed content has the same (see `_misplaced`): otherwise, write access to the registry would
    suffice to present an old version as a new one, or one package as another.

    Args:
        resolution: The resolved reference of the component.
        trust: The trusted signers.
        resolver: The resolver with the registry's configuration.

    Raises:
        SignatureError: No signature, no trusted signer, or signed under another name or version.
        RegistryError: The registry does not respond, or a key cannot be read.
    """
    place = resolution.place
    reference, digest = str(place), str(place.digest)
    if not trust:
        problem = (
            "a signature is required, but no signer is trusted for it: see `[policy.keys]` and `[policy.identities]`"
        )
        raise SignatureError(problem, reference=reference)
    found = list(signatures_of(place, resolver))
    good = [
        (str(file), signature.repository)
        for file in trust.keys
        for signature in found
        if signature.names(digest) and signers.verifies(signature.payload, signature.signature, file)
    ]
    misplaced = [_misplaced(resolution, repository) for _, repository in good]
    if None in misplaced:
        return good[misplaced.index(None)][0]
    signed, problems = by_identity(place, trust, resolver)
    for who, statement in [one for one in signed if one[1].get("predicateType") == signers.SIGNED]:
        wrong = [_misplaced(resolution, name) for name in names_of(statement, digest)]
        if None in wrong:
            return who
        misplaced += wrong
    if misplaced:
        raise SignatureError(str(misplaced[0]), reference=reference)
    if not found and not signed and not problems:
        raise SignatureError("a signature is required, and it has none", reference=reference)
    listed = ", ".join([f"`{file.name}`" for file in trust.keys] + [f"`{one}`" for one in trust.identities])
    total = len(found) + len(signed) + len(problems)
    count = "1 signature" if total == 1 else f"{total} signatures"
    said = "".join(f"; {problem}" for problem in dict.fromkeys(problems))
    problem = f"it has {count}, none of them for it by a trusted signer ({listed}){said}"
    raise SignatureError(problem, reference=reference)


def _misplaced(resolution: Resolution, repository: str) -> str | None:
    """Return how the name or the version of a signed manifest differs from those under which it was found, or None.

    The version is that of the manifest (`org.opencontainers.image.version`). The name matches if the signature names
    the repository, if the manifest's title is the requested package (also on a mirror), or, for a signature without a
    name, if the title ends like the repository. Digests and tags that are not versions are not compared.

    Args:
        resolution: The resolved reference of the component.
        repository: The repository in the signature, `HOST/PATH`; empty if it has none.
    """
    place, asked, said = resolution.place, resolution.reference, resolution.artifact.annotations
    title = said.get(manifests.TITLE, "")
    last = re.split("[:/]", title)[-1] == place.repository.rpartition("/")[2]
    same = isinstance(asked, Package) and title == asked.title
    if not (same or _is_repository(place, repository) or (not repository and last)):
        names = repository or title or "no name"
        return f"it is signed as `{names}`, not as `{place.host}/{place.repository}`: sign it there"
    version = Version.of_tag(resolution.version)
    signed = said.get(manifests.VERSION, "")
    if version is not None and version != Version.parse(signed):
        return f"it is signed as version `{signed or 'unknown'}`, and found as `{version}`"
    return None


def _is_repository(place: Place, repository: str) -> bool:
    host, _, path = repository.partition("/")
    try:
        return path == place.repository and same_place(host) == same_place(place.host)
    except ValueError:
        return False


def enforce(resolution: Resolution, resolver: Resolver) -> None:
    """Check that a component has the signatures that each policy requires.

    Cached signatures suffice: a valid signature stays valid, so that a build works without network once everything is
    cached.

    Raises:
        SignatureError: A required signature is missing or invalid.
    """
    place, asked = resolution.place, resolution.reference
    namespace = asked.namespace if isinstance(asked, Package) else None
    known = Resolver(resolver.settings, resolver.store, offline=True)
    for policy in resolver.settings.policies:
        for trust in policy.demands(place, namespace):
            try:
                try:
                    verify(resolution, trust, known)
                except SignatureError:
                    if resolver.offline:
                        raise
                    verify(resolution, trust, resolver)
            except SignatureError as error:
                problem = f"{error.problem} (required by `{policy.path}`)"
                raise SignatureError(problem, reference=str(place)) from None


def refuse_unsigned(url: str, host: str, settings: Settings) -> None:
    """Reject a plain address, which has no signature, at a host for which a policy requires signatures.

    Raises:
        SignatureError: A policy requires signatures of everything, or of a namespace whose registry is at this host.
    """
    for policy in settings.policies:
        if policy.holds_for(host):
            problem = f"`{policy.path}` requires signatures, which a plain address does not have"
            raise SignatureError(problem, reference=url)


def signatures_of(place: Place, resolver: Resolver) -> Iterator[Signature]:
    """Return the signatures of the manifest at a place.

    Raises:
        RegistryError: The registry does not answer.
    """
    for layer, payload in manifests.read_layers(place, tag_of(str(place.digest)), PAYLOAD, resolver):
        try:
            signature = base64.b64decode(layer["annotations"][ANNOTATION], validate=True)
        except (KeyError, TypeError, ValueError):
            continue
        yield Signature(payload, signature)
