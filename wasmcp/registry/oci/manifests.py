"""Manifests of components in registries, resolution of references to them, and documents that are attached to them.

The OCI artifact of a WebAssembly component has one layer, and a configuration that lists its imports and exports.
References name versions, ranges, tags and digests. Source: CNCF TAG Runtime, "Wasm OCI Artifact layout".

Attached documents are referrers, which the registry lists, or layers under cosign's tags. Referrers are artifacts with
the manifest as subject. Registries without the referrers API have the list as an index, under a tag derived from the
subject's digest. The tags of cosign are derived from the digest as well, and each document is a layer. Source: OCI
distribution 1.1, "Listing Referrers", "Referrers Tag Schema"; OCI image 1.1, "Guidelines for Artifact Usage"; cosign,
"Signature Specification", "Storage".
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wasmcp.errors import ComponentError, IntegrityError, InvalidArtifactError, SignatureError, UnknownPackageError
from wasmcp.registry.names.namespace_policy import Settings
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.client import INDEX, MANIFEST, Client
from wasmcp.registry.oci.references import DIGEST, Package, Place, Version
from wasmcp.revision_views import from_json_text
from wasmcp.storage import digest_of_bytes
from wasmcp.wasi import ADVICE, REASON, is_development

CONFIG = "application/vnd.wasm.config.v0+json"
LAYER = "application/wasm"
SIZE_LIMIT = 1 << 30
"""Size limit of a component from a registry, in bytes."""

TITLE = "org.opencontainers.image.title"
"""The annotation with the name of a component: `ns:name`, or the last part of its repository."""

VERSION = "org.opencontainers.image.version"
"""The annotation with the version of a component."""

YANKED = "dev.wasmcp.yanked"
"""The annotation of a yanked version; its value is the reason."""

EXPORTS = "dev.wasmcp.exports"
"""The annotation with the interfaces that a component exports, separated by spaces."""

SKILLS = "dev.wasmcp.skills"
"""The annotation with the paths of the skills that a component carries, separated by spaces."""
APPS = "dev.wasmcp.apps"
"""The annotation with the URIs of its apps, separated by spaces."""

CATALOGUE = "dev.wasmcp.catalogue"
"""The annotation with a component's catalogue, as JSON, so that composing it need not start it."""

_SHOWN = 10
COMPONENT_MAGIC = b"\0asm\x0d\0\x01\0"


@dataclass(frozen=True)
class Artifact:
    """OCI manifest of a component.

    Attributes:
        digest: The digest of the manifest.
        layer: The digest of the component.
        size: The component's size in bytes.
        annotations: The annotations from its publisher.
    """

    digest: str
    layer: str
    size: int
    annotations: Mapping[str, str]

    @property
    def catalogue(self) -> str | None:
        """The catalogue that the publisher attached, or None."""
        return self.annotations.get(CATALOGUE)

    @property
    def yanked(self) -> str | None:
        """The reason if the version is yanked, or None."""
        return self.annotations.get(YANKED)


def read_manifest(data: bytes, reference: str) -> Artifact:
    """Parse a manifest.

    Raises:
        InvalidArtifactError: The data is not a manifest of a component.
    """
    try:
        document = from_json_text(data)
    except ValueError:
        raise InvalidArtifactError("the response is not a manifest: not JSON", reference=reference) from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise InvalidArtifactError("the response is not an OCI manifest", reference=reference)
    config, layers = document.get("config"), document.get("layers")
    kind = config.get("mediaType") if isinstance(config, dict) else document.get("mediaType", "something else")
    if kind != CONFIG or not isinstance(layers, list):
        problem = f"not a WebAssembly component: its configuration is `{kind}`, that of components is `{CONFIG}`"
        raise InvalidArtifactError(problem, reference=reference)
    found = [layer for layer in layers if isinstance(layer, dict) and layer.get("mediaType") == LAYER]
    if len(found) != 1 or len(layers) != 1:
        kinds = ", ".join(f"`{layer.get('mediaType')}`" for layer in layers if isinstance(layer, dict)) or "none"
        raise InvalidArtifactError(f"a component has one layer, `{LAYER}`; this has {kinds}", reference=reference)
    digest, size = found[0].get("digest"), found[0].get("size")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest) or type(size) is not int or size < 0:
        raise InvalidArtifactError("the manifest's layer has no SHA-256 digest or no size", reference=reference)
    if size > SIZE_LIMIT:
        raise InvalidArtifactError(f"the component has {size} bytes; {SIZE_LIMIT} is the limit", reference=reference)
    annotations = document.get("annotations")
    said = annotations if isinstance(annotations, dict) else {}
    return Artifact(digest_of_bytes(data), digest, size, {str(key): str(value) for key, value in said.items()})


def member_of_index(data: bytes, reference: str) -> str | None:
    """Return the digest of the only component manifest in an image index; None if the document is not an index.

    A manifest for the architecture `wasm` takes precedence over other platforms; attestations, which Docker lists
    under an unknown platform, are ignored. Source: OCI image 1.1, "Image Index".

    Raises:
        InvalidArtifactError: The index has no such manifest, or several.
    """
    try:
        document = from_json_text(data)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("manifests"), list) or "config" in document:
        return None
    found = [
        one for one in document["manifests"] if isinstance(one, dict) and one.get("mediaType", MANIFEST) == MANIFEST
    ]
    found = [one for one in found if _architecture(one) != "unknown"]
    fits = [one for one in found if _architecture(one) == "wasm"] or found
    digests = list(dict.fromkeys(str(one.get("digest")) for one in fits))
    if len(digests) == 1 and DIGEST.fullmatch(digests[0]):
        return digests[0]
    listed = ", ".join(f"`{digest}`" for digest in digests[:_SHOWN]) or "none"
    problem = f"this is an image index, and it names not one component but {listed}: take one by `@sha256:...`"
    raise InvalidArtifactError(problem, reference=reference)


def _architecture(entry: Mapping[str, Any]) -> object:
    platform = entry.get("platform")
    return platform.get("architecture") if isinstance(platform, dict) else None


def check_component(head: bytes, reference: str) -> None:
    """Check the first bytes of a component.

    Raises:
        InvalidArtifactError: The data is a core module, or not WebAssembly.
    """
    if head[:8] == COMPONENT_MAGIC:
        return
    kind = "a core module, not a component" if head[:4] == b"\0asm" else "not WebAssembly"
    raise InvalidArtifactError(f"its content is {kind}", reference=reference)


def make_manifest(data: bytes, annotations: Mapping[str, str], reference: str) -> tuple[bytes, bytes]:
    """Return the configuration and the manifest of a component.

    The date of creation is ``SOURCE_DATE_EPOCH``, or the beginning of 1970, so that the digest of a component is
    reproducible.

    Raises:
        InvalidArtifactError: The data is not a component.
    """
    from wasmcp.compose.grants import inspect_component

    check_component(data, reference)
    try:
        found = inspect_component(data)
    except ComponentError as error:
        raise InvalidArtifactError(f"it cannot be read: {error}", reference=reference) from error
    if is_development(found.imports):
        raise InvalidArtifactError(f"{REASON}: {ADVICE}", reference=reference)
    created = _sources_date()
    layer = digest_of_bytes(data)
    config = _json(
        {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer],
            "component": {"exports": list(found.exports), "imports": list(found.imports), "target": None},
        }
    )
    # A component does not contain its world's name; its exports describe its purpose.
    listed = {SKILLS: [skill.path for skill in found.skills], APPS: [app.uri for app in found.apps]}
    carried = {name: " ".join(ones) for name, ones in listed.items() if ones}
    said = {EXPORTS: " ".join(found.exports), **carried, **annotations}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of_bytes(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": layer, "size": len(data)}],
        "annotations": dict(sorted(said.items())),
    }
    return config, _json(manifest)


def _sources_date() -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 0), dt.UTC)
    except (ValueError, OverflowError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC)


def yanked_manifest(manifest: bytes, reason: str | None) -> bytes:
    """Return a manifest with the yank annotation, or (None) without it."""
    document = from_json_text(manifest)
    annotations = {key: value for key, value in (document.get("annotations") or {}).items() if key != YANKED}
    document["annotations"] = dict(sorted({**annotations, **({} if reason is None else {YANKED: reason})}.items()))
    return _json(document)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


_VERSIONS_SHOWN = 20


@dataclass(frozen=True)
class Resolution:
    """Resolved reference.

    Attributes:
        reference: The reference.
        place: The place, with the digest of its manifest.
        version: The version or the tag; the empty string if only a digest is known.
        artifact: The manifest.
    """

    reference: Package | Place
    place: Place
    version: str
    artifact: Artifact

    @property
    def exact(self) -> str:
        """The reference with version and digest."""
        if isinstance(self.reference, Package):
            return f"{self.reference.title}@{self.version}@{self.artifact.digest}"
        return str(replace(self.place, tag=self.reference.tag))

    @property
    def origin(self) -> dict[str, str]:
        """The package, version and source, for manifests."""
        title = (
            self.reference.title if isinstance(self.reference, Package) else self.place.repository.rpartition("/")[2]
        )
        place = replace(self.place, tag=None, digest=None)
        return {"package": title, "version": self.version, "source": f"{place}@{self.artifact.digest}"}


class Resolver:
    """Resolver of references, from registries or (offline) from the store.

    Attributes:
        settings: The registry configuration.
        store: The blob store.
        offline: Do not contact registries.
    """

    def __init__(
        self, settings: Settings, store: Store, *, offline: bool = False, client: Callable[[str], Client] = Client
    ) -> None:
        self.settings = settings
        self.store = store
        self.offline = offline
        self._make = client
        self._clients: dict[str, Client] = {}

    def client(self, host: str) -> Client:
        """Return the client of a registry, one per host."""
        return self._clients.setdefault(host, self._clients.get(host) or self._make(host))

    def resolve(self, asked: Package | Place) -> Resolution:
        """Resolve a reference.

        Raises:
            UnknownPackageError: No version matches; the message lists the available ones.
            RegistryError: See `Client.request`.
        """
        if isinstance(asked, Place):
            try:
                artifact = self.artifact(asked, asked.version)
            except UnknownPackageError as error:
                raise self._without_tag(asked, error) from None
            return Resolution(asked, replace(asked, digest=artifact.digest), asked.tag or "", artifact)
        place = self.settings.place(asked)
        exact = Version.parse(asked.range.text.removeprefix("=").strip())
        if exact is not None:
            return self._exact(asked, place, exact)
        versions = self.versions(place, str(asked))
        yanked: dict[str, str] = {}
        for version in asked.range.choose(versions):
            if self.offline and not self._cached(place, version):
                continue
            artifact = self.artifact(place, version.tag, str(asked))
            if artifact.yanked is None:
                return Resolution(asked, replace(place, digest=artifact.digest), str(version), artifact)
            yanked[str(version)] = artifact.yanked
        raise self._missing(asked, versions, yanked)

    def versions(self, place: Place, reference: str = "") -> list[Version]:
        """Return the versions in a repository, lowest first; other tags are ignored.

        Raises:
            RegistryError: See `Client.request`.
        """
        key = f"{place.host}/{place.repository}"
        if self.offline:
            tags = list(self.store.tags(key))
        else:
            try:
                tags = self.client(place.host).tags(place)
            except UnknownPackageError:
                raise UnknownPackageError(
                    f"`{place.host}` has no `{place.repository}`", reference=reference or key
                ) from None
            self.store.remember(key, dict.fromkeys(tags, ""))
        return sorted(version for version in map(Version.of_tag, tags) if version is not None)

    def artifact(self, place: Place, version: str, reference: str = "") -> Artifact:
        """Return the verified manifest of a tag or digest.

        For an image index with one component, return the manifest of that component, under the digest of the index: the
        index is what the reference names, the lock pins, and signatures cover.

        Raises:
            UnknownPackageError: The manifest does not exist, or (offline) is not cached.
            IntegrityError: The digest does not match.
            InvalidArtifactError: The manifest is not that of a component.
        """
        reference = reference or str(place)
        data = self.manifest(place, version, reference)
        member = member_of_index(data, reference)
        if member is None:
            return read_manifest(data, reference)
        return replace(read_manifest(self.manifest(place, member, reference), reference), digest=digest_of_bytes(data))

    def manifest(self, place: Place, version: str, reference: str) -> bytes:
        """Return the verified bytes of a manifest of any type, and store them."""
        key = f"{place.host}/{place.repository}"
        by_digest = version if version.startswith("sha256:") else ""
        known = by_digest or (self.store.tags(key).get(version, "") if self.offline else "")
        cached = self.store.get(known) if known else None
        if cached is not None:
            return cached.read_bytes()
        if self.offline:
            raise UnknownPackageError(f"not cached, and offline: `{version}` of `{key}`", reference=reference)
        data, said = self.client(place.host).manifest(place, version)
        found = digest_of_bytes(data)
        expected = by_digest or (said if said.startswith("sha256:") else found)
        if found != expected:
            problem = f"the manifest received has the digest `{found}`, not `{expected}`"
            raise IntegrityError(problem, reference=reference, expected=expected, found=found)
        self.store.put(found, [data])
        if not by_digest:
            self.store.remember(key, {**self.store.tags(key), version: found})
        return data

    def _exact(self, asked: Package, place: Place, version: Version) -> Resolution:
        try:
            artifact = self.artifact(place, version.tag, str(asked))
        except UnknownPackageError:
            raise self._missing(asked, self.versions(place, str(asked)), {}) from None
        if artifact.yanked is not None:
            raise self._missing(asked, [], {str(version): artifact.yanked})
        return Resolution(asked, replace(place, digest=artifact.digest), str(version), artifact)

    def _without_tag(self, asked: Place, error: UnknownPackageError) -> UnknownPackageError:
        """Return the error for a missing `latest` of a reference without tag; it lists the tags."""
        if asked.tag is not None or asked.digest is not None or self.offline:
            return error
        tags = self.client(asked.host).tags(asked)
        listed = ", ".join(f"`{tag}`" for tag in sorted(tags)[-_VERSIONS_SHOWN:]) or "none"
        problem = f"the default tag `latest` does not exist; the tags are {listed}"
        return UnknownPackageError(problem, reference=str(asked), versions=tags)

    def _cached(self, place: Place, version: Version) -> bool:
        digest = self.store.tags(f"{place.host}/{place.repository}").get(version.tag)
        return bool(digest) and self.store.path(str(digest)).is_file()

    def _missing(self, asked: Package, versions: list[Version], yanked: dict[str, str]) -> UnknownPackageError:
        names = [str(version) for version in reversed(versions)]
        if yanked:
            reasons = "; ".join(f"`{version}` was withdrawn: {reason}" for version, reason in yanked.items())
            problem = f"every matching version was withdrawn: {reasons}"
        elif self.offline:
            problem = "no matching version is cached, and the command is offline"
        else:
            listed = ", ".join(f"`{name}`" for name in names[:_VERSIONS_SHOWN]) + (
                ", ..." if len(names) > _VERSIONS_SHOWN else ""
            )
            problem = f"no version matches; available are {listed}" if names else "the package has no versions"
        return UnknownPackageError(problem, reference=str(asked), versions=names)


_EMPTY = b"{}"
_EMPTY_KIND = "application/vnd.oci.empty.v1+json"
TOTAL_LIMIT = 16 << 20
"""Maximum total size of the documents of one kind that are attached to a manifest, in bytes."""

_SIZE_LIMIT = 4 << 20
_LIMIT = 64


def tag_of(digest: str) -> str:
    """Return the tag of the index of a manifest's referrers."""
    return digest.replace(":", "-")


def add_referrer(place: Place, document: bytes, media_type: str, resolver: Resolver) -> str:
    """Push a document as a referrer of the manifest at a place; return the digest of its manifest.

    Raises:
        RegistryError: The registry rejects it.
    """
    subject = resolver.manifest(replace(place, tag=None), str(place.digest), str(place))
    manifest = _ascii_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "config": {"mediaType": _EMPTY_KIND, "digest": digest_of_bytes(_EMPTY), "size": len(_EMPTY)},
            "layers": [{"mediaType": media_type, "digest": digest_of_bytes(document), "size": len(document)}],
            "subject": {"mediaType": MANIFEST, "digest": place.digest, "size": len(subject)},
        }
    )
    client = resolver.client(place.host)
    for data in (document, _EMPTY):
        client.push_blob(place, digest_of_bytes(data), resolver.store.put(digest_of_bytes(data), [data]))
    digest = digest_of_bytes(manifest)
    if not client.push_manifest(place, digest, manifest):
        entry = {"mediaType": MANIFEST, "digest": digest, "size": len(manifest), "artifactType": media_type}
        entries = _tagged(place, resolver)
        if all(one.get("digest") != digest for one in entries):
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]}
            client.push_manifest(place, tag_of(str(place.digest)), _ascii_json(index), kind=INDEX)
    return digest


def read_referrers(place: Place, media_type: str, resolver: Resolver) -> Iterator[bytes]:
    """Return the documents of a type that refer to the manifest at a place.

    Raises:
        RegistryError: The registry does not respond, or with an invalid manifest.
    """
    left = TOTAL_LIMIT
    for entry in _entries(place, resolver)[:_LIMIT]:
        digest = entry.get("digest")
        if entry.get("artifactType") != media_type or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            continue
        try:
            manifest = resolver.manifest(replace(place, tag=None, digest=None), digest, str(place))
            layer = from_json_text(manifest)["layers"][0]
            blob, size = layer["digest"], layer["size"]
        except UnknownPackageError:
            continue
        except (ValueError, KeyError, TypeError, IndexError):
            raise SignatureError(
                f"the referrer `{digest}` cannot be read: not a manifest", reference=str(place)
            ) from None
        if not isinstance(blob, str) or not DIGEST.fullmatch(blob) or type(size) is not int or size > _SIZE_LIMIT:
            continue
        left -= size
        if left < 0:
            problem = f"the documents that refer to it have more than {TOTAL_LIMIT} bytes together"
            raise SignatureError(problem, reference=str(place))
        path = resolver.store.get(blob)
        if path is None and not resolver.offline:
            pieces = resolver.client(place.host).blob(place, blob)
            path = resolver.store.put(blob, pieces, size=size, reference=str(place))
        if path is not None:
            yield path.read_bytes()


def _entries(place: Place, resolver: Resolver) -> list[dict[str, Any]]:
    """Return the referrers from the registry's list or index; the list is stored for offline use."""
    if not resolver.offline:
        listed = resolver.client(place.host).referrers(place)
        if listed is not None:
            repository, tag = f"{place.host}/{place.repository}", tag_of(str(place.digest))
            resolver.store.put(digest_of_bytes(listed), [listed])
            resolver.store.remember(repository, {**resolver.store.tags(repository), tag: digest_of_bytes(listed)})
            return _manifests(listed, place)
    return _tagged(place, resolver)


def _tagged(place: Place, resolver: Resolver) -> list[dict[str, Any]]:
    try:
        tag = tag_of(str(place.digest))
        return _manifests(resolver.manifest(replace(place, tag=None, digest=None), tag, str(place)), place)
    except UnknownPackageError:
        return []


def _manifests(index: bytes, place: Place) -> list[dict[str, Any]]:
    try:
        return [one for one in from_json_text(index)["manifests"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError):
        raise SignatureError("the referrers cannot be read: not an index", reference=str(place)) from None


def _ascii_json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYERS_LIMIT = 64


@dataclass(frozen=True)
class Kind:
    """Kind of attached document.

    Attributes:
        media_type: The media type of its layer.
        annotations: The annotations of its layer.
    """

    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def add_layer(place: Place, tag: str, document: bytes, kind: Kind, resolver: Resolver) -> None:
    """Attach a document to a manifest; existing documents stay.

    Raises:
        RegistryError: The registry rejects it.
    """
    layer = {"mediaType": kind.media_type, "digest": digest_of_bytes(document), "size": len(document)}
    layers = [*_layers(place, tag, resolver), {**layer, "annotations": dict(kind.annotations)}]
    rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in layers]}
    config = _ascii_json({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": digest_of_bytes(config), "size": len(config)},
        "layers": layers,
    }
    client = resolver.client(place.host)
    for data in (document, config):
        client.push_blob(place, digest_of_bytes(data), resolver.store.put(digest_of_bytes(data), [data]))
    client.push_manifest(place, tag, _ascii_json(manifest))


def read_layers(
    place: Place, tag: str, media_type: str, resolver: Resolver
) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """Return the attached documents of a kind with their layers; empty if the tag does not exist.

    Raises:
        RegistryError: The registry does not respond, or with an invalid manifest.
    """
    left = TOTAL_LIMIT
    for layer in _layers(place, tag, resolver):
        digest, size = layer.get("digest"), layer.get("size")
        fine = isinstance(digest, str) and DIGEST.fullmatch(digest) and type(size) is int and size <= _SIZE_LIMIT
        if layer.get("mediaType") != media_type or not fine:
            continue
        left -= int(size or 0)
        if left < 0:
            problem = f"the documents under `{tag}` have more than {TOTAL_LIMIT} bytes together"
            raise SignatureError(problem, reference=str(place))
        path = resolver.store.get(str(digest))
        if path is None and not resolver.offline:
            pieces = resolver.client(place.host).blob(place, str(digest))
            path = resolver.store.put(str(digest), pieces, size=size, reference=str(place))
        if path is not None:
            yield layer, path.read_bytes()


def _layers(place: Place, tag: str, resolver: Resolver) -> list[dict[str, Any]]:
    try:
        data = resolver.manifest(replace(place, tag=None, digest=None), tag, str(place))
        layers = from_json_text(data)["layers"]
    except UnknownPackageError:
        return []
    except (ValueError, KeyError, TypeError):
        raise SignatureError(f"the attached `{tag}` cannot be read: not a manifest", reference=str(place)) from None
    return [layer for layer in layers if isinstance(layer, dict)][:_LAYERS_LIMIT]
