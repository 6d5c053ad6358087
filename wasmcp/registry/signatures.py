"""Signatures of components in registries, as cosign makes and reads them: by a key, or by identity (`identities`).

A signature by a key is an artifact of its own in the same repository, under a tag that follows from the digest of what
is signed; each of its layers is a small document that names this digest, with the signature of the document as an
annotation: ECDSA on P-256 with SHA-256. Source: cosign, "Signature Specification"; containers/image, "simple signing".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import SignatureRefused
from wasmcp.registry import attestations, beside, identities, jsontext, keys, referrers
from wasmcp.registry.references import Package, Place
from wasmcp.registry.resolving import Resolution, Resolver
from wasmcp.registry.settings import Settings, Trust

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
_TYPE = "cosign container image signature"


@dataclass(frozen=True)
class Signature:
    """One signature.

    Attributes:
        payload: The document that is signed.
        signature: In DER.
    """

    payload: bytes
    signature: bytes

    def names(self, digest: str) -> bool:
        """Tell whether the document is about the manifest of a digest."""
        try:
            critical = jsontext.loads(self.payload)["critical"]
            return bool(critical["type"] == _TYPE and critical["image"]["docker-manifest-digest"] == digest)
        except (ValueError, KeyError, TypeError):
            return False


def tag_of(digest: str) -> str:
    """Return the tag of the signatures of a manifest."""
    return f"{digest.replace(':', '-')}.sig"


def sign(place: Place, key: Path, password: bytes | None, resolver: Resolver) -> str:
    """Sign the manifest at a place and put the signature beside it; return the tag of the signatures.

    Signatures that are there already stay.

    Args:
        place: With the digest of the manifest.
        key: The file of a private key.
        password: Of the key, where it has one.
        resolver: For the registry.

    Raises:
        RegistryError: The key cannot be used, or the registry does not take it.
    """
    identity = {"docker-reference": f"{place.host}/{place.repository}"}
    critical = {"identity": identity, "image": {"docker-manifest-digest": str(place.digest)}, "type": _TYPE}
    payload = json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()
    signature = base64.b64encode(keys.sign(payload, key, password)).decode()
    tag = tag_of(str(place.digest))
    beside.add(place, tag, payload, beside.Kind(PAYLOAD, {ANNOTATION: signature}), resolver)
    return tag


def sign_by_identity(place: Place, resolver: Resolver) -> str:
    """Sign the manifest at a place as whoever this process runs for; return the digest of the signature's manifest.

    Raises:
        RegistryError: There is no identity, or the registry does not take it.
    """
    statement = identities.statement_of(str(place.digest), f"{place.host}/{place.repository}")
    return referrers.add(place, identities.sign(statement), identities.BUNDLE, resolver)


def verify(place: Place, trust: Trust, resolver: Resolver) -> str:
    """Return who, of those that are trusted, has signed the manifest at a place: the file of a key, or an identity.

    Args:
        place: With the digest of the manifest.
        trust: Who is trusted.
        resolver: For the registry.

    Raises:
        SignatureRefused: None of them has, or there are none.
        RegistryError: The registry does not answer, or a key cannot be read.
    """
    reference, digest = str(place), str(place.digest)
    if not trust:
        problem = "it must be signed, and nobody is trusted for it: see `[policy.keys]` and `[policy.identities]`"
        raise SignatureRefused(problem, reference=reference)
    found = list(signatures_of(place, resolver))
    for file in trust.keys:
        for signature in found:
            if signature.names(digest) and keys.verifies(signature.payload, signature.signature, file):
                return str(file)
    signed, problems = attestations.by_identity(place, trust, resolver)
    for who, statement in signed:
        if statement.get("predicateType") == identities.SIGNED:
            return who
    if not found and not signed and not problems:
        raise SignatureRefused("it must be signed and is not", reference=reference)
    listed = ", ".join([f"`{file.name}`" for file in trust.keys] + [f"`{one}`" for one in trust.identities])
    total = len(found) + len(signed) + len(problems)
    count = "1 signature" if total == 1 else f"{total} signatures"
    said = "".join(f"; {problem}" for problem in dict.fromkeys(problems))
    problem = f"it has {count}, none of them for it by whom is trusted ({listed}){said}"
    raise SignatureRefused(problem, reference=reference)


def enforce(resolution: Resolution, resolver: Resolver) -> None:
    """Check that who must have signed a component has, as every policy asks.

    What is known of signatures already is enough where it is: a good signature stays good, so that a build works
    without network once all is cached.

    Raises:
        SignatureRefused: It is not signed as it must be.
    """
    place, asked = resolution.place, resolution.asked
    namespace = asked.namespace if isinstance(asked, Package) else None
    known = Resolver(resolver.settings, resolver.store, offline=True)
    for policy in resolver.settings.policies:
        for trust in policy.demands(place, namespace):
            try:
                try:
                    verify(place, trust, known)
                except SignatureRefused:
                    if resolver.offline:
                        raise
                    verify(place, trust, resolver)
            except SignatureRefused as error:
                problem = f"{error.problem} (`{policy.path}` asks for it)"
                raise SignatureRefused(problem, reference=str(place)) from None


def refuse_unsigned(url: str, host: str, settings: Settings) -> None:
    """Refuse a plain address, which has no signature, at a host of which a policy wants signatures.

    Raises:
        SignatureRefused: A policy wants signatures of everything, or of a namespace whose registry is at this host.
    """
    for policy in settings.policies:
        if policy.holds_for(host):
            problem = f"`{policy.path}` requires signatures, which a plain address does not have"
            raise SignatureRefused(problem, reference=url)


def signatures_of(place: Place, resolver: Resolver) -> Iterator[Signature]:
    """Return the signatures of the manifest at a place.

    Raises:
        RegistryError: The registry does not answer.
    """
    for layer, payload in beside.read(place, tag_of(str(place.digest)), PAYLOAD, resolver):
        try:
            signature = base64.b64decode(layer["annotations"][ANNOTATION], validate=True)
        except (KeyError, TypeError, ValueError):
            continue
        yield Signature(payload, signature)
