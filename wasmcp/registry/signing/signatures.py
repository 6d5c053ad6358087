"""Signatures of components in registries, as cosign makes and reads them: by a key, or by identity (`identities`).

A signature by a key is an artifact of its own in the same repository, under a tag that follows from the digest of what
is signed; each of its layers is a small document that names this digest, with the signature of the document as an
annotation: ECDSA on P-256 with SHA-256. Source: cosign, "Signature Specification"; containers/image, "simple signing".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import SignatureError
from wasmcp.registry import jsontext
from wasmcp.registry.hosts import same_place
from wasmcp.registry.names.namespace_policy import Settings, Trust
from wasmcp.registry.oci import artifact, cosign_tags, referrers
from wasmcp.registry.oci.references import Package, Place
from wasmcp.registry.oci.version_resolver import Resolution, Resolver
from wasmcp.registry.oci.versions import Version
from wasmcp.registry.signing import attestations, keyless, keys

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

    @property
    def repository(self) -> str:
        """The repository that the document says it is about, `HOST/PATH`; empty where it says none."""
        try:
            return str(jsontext.loads(self.payload)["critical"]["identity"]["docker-reference"])
        except (ValueError, KeyError, TypeError):
            return ""


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
    cosign_tags.add(place, tag, payload, cosign_tags.Kind(PAYLOAD, {ANNOTATION: signature}), resolver)
    return tag


def sign_by_identity(place: Place, resolver: Resolver) -> str:
    """Sign the manifest at a place as whoever this process runs for; return the digest of the signature's manifest.

    Raises:
        RegistryError: There is no identity, or the registry does not take it.
    """
    statement = keyless.statement_of(str(place.digest), f"{place.host}/{place.repository}")
    return referrers.add(place, keyless.sign(statement), keyless.BUNDLE, resolver)


def verify(resolution: Resolution, trust: Trust, resolver: Resolver) -> str:
    """Return who, of those that are trusted, has signed a component: the file of a key, or an identity.

    A signature is about the digest of a manifest. It counts for the name and the version that the manifest was found
    under only where what is signed says the same (see `_misplaced`): who can write to the registry could else show an
    old version as a new one, or one package as another.

    Args:
        resolution: What the reference of the component turned out to be.
        trust: Who is trusted.
        resolver: For the registry.

    Raises:
        SignatureError: None of them has, or there are none, or it is signed as something else.
        RegistryError: The registry does not answer, or a key cannot be read.
    """
    place = resolution.place
    reference, digest = str(place), str(place.digest)
    if not trust:
        problem = "it must be signed, and nobody is trusted for it: see `[policy.keys]` and `[policy.identities]`"
        raise SignatureError(problem, reference=reference)
    found = list(signatures_of(place, resolver))
    good = [
        (str(file), signature.repository)
        for file in trust.keys
        for signature in found
        if signature.names(digest) and keys.verifies(signature.payload, signature.signature, file)
    ]
    misplaced = [_misplaced(resolution, repository) for _, repository in good]
    if None in misplaced:
        return good[misplaced.index(None)][0]
    signed, problems = attestations.by_identity(place, trust, resolver)
    signers = [one for one in signed if one[1].get("predicateType") == keyless.SIGNED]
    for who, statement in signers:
        wrong = [_misplaced(resolution, name) for name in attestations.names_of(statement, digest)]
        if None in wrong:
            return who
        misplaced += wrong
    if misplaced:
        raise SignatureError(str(misplaced[0]), reference=reference)
    if not found and not signed and not problems:
        raise SignatureError("it must be signed and is not", reference=reference)
    listed = ", ".join([f"`{file.name}`" for file in trust.keys] + [f"`{one}`" for one in trust.identities])
    total = len(found) + len(signed) + len(problems)
    count = "1 signature" if total == 1 else f"{total} signatures"
    said = "".join(f"; {problem}" for problem in dict.fromkeys(problems))
    problem = f"it has {count}, none of them for it by whom is trusted ({listed}){said}"
    raise SignatureError(problem, reference=reference)


def _misplaced(resolution: Resolution, repository: str) -> str | None:
    """Return how the name or the version of a signed manifest differs from those that it was found under, or None.

    The version is the one that the manifest says (`org.opencontainers.image.version`). The name fits where the
    signature names the repository, where the manifest's title is the package that was asked for (also on a mirror), or,
    for a signature without a name, where the title ends as the repository does. A tag that is no version, and a digest,
    say nothing that could differ.

    Args:
        resolution: What the reference of the component turned out to be.
        repository: The repository that the signature names, `HOST/PATH`; empty where it names none.
    """
    place, asked, said = resolution.place, resolution.asked, resolution.artifact.annotations
    title = said.get(artifact.TITLE, "")
    last = re.split("[:/]", title)[-1] == place.repository.rpartition("/")[2]
    same = isinstance(asked, Package) and title == asked.title
    if not (same or _is_repository(place, repository) or (not repository and last)):
        names = repository or title or "no name"
        return (
            f"it is signed as `{names}`, not as `{place.host}/{place.repository}`: sign it where it is, if it is right"
        )
    version = Version.of_tag(resolution.version)
    signed = said.get(artifact.VERSION, "")
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
    """Check that who must have signed a component has, as every policy asks.

    What is known of signatures already is enough where it is: a good signature stays good, so that a build works
    without network once all is cached.

    Raises:
        SignatureError: It is not signed as it must be.
    """
    place, asked = resolution.place, resolution.asked
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
                problem = f"{error.problem} (`{policy.path}` asks for it)"
                raise SignatureError(problem, reference=str(place)) from None


def refuse_unsigned(url: str, host: str, settings: Settings) -> None:
    """Refuse a plain address, which has no signature, at a host of which a policy wants signatures.

    Raises:
        SignatureError: A policy wants signatures of everything, or of a namespace whose registry is at this host.
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
    for layer, payload in cosign_tags.read(place, tag_of(str(place.digest)), PAYLOAD, resolver):
        try:
            signature = base64.b64decode(layer["annotations"][ANNOTATION], validate=True)
        except (KeyError, TypeError, ValueError):
            continue
        yield Signature(payload, signature)
