"""Documents attached to a manifest: referrers, which the registry lists, and layers under cosign's tags.

Referrers are artifacts with the manifest as subject. Registries without the referrers API have the list as an index,
under a tag derived from the subject's digest. The tags of cosign are derived from the digest as well, and each document
is a layer. Source: OCI distribution 1.1, "Listing Referrers", "Referrers Tag Schema"; OCI image 1.1, "Guidelines for
Artifact Usage"; cosign, "Signature Specification", "Storage".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wasmcp.errors import SignatureError, UnknownPackageError
from wasmcp.registry import jsontext
from wasmcp.registry.oci.client import INDEX, MANIFEST
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.references import DIGEST, Place
from wasmcp.storage.digest import of_bytes

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
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "config": {"mediaType": _EMPTY_KIND, "digest": of_bytes(_EMPTY), "size": len(_EMPTY)},
            "layers": [{"mediaType": media_type, "digest": of_bytes(document), "size": len(document)}],
            "subject": {"mediaType": MANIFEST, "digest": place.digest, "size": len(subject)},
        }
    )
    client = resolver.client(place.host)
    for data in (document, _EMPTY):
        client.push_blob(place, of_bytes(data), resolver.store.put(of_bytes(data), [data]))
    digest = of_bytes(manifest)
    if not client.push_manifest(place, digest, manifest):
        entry = {"mediaType": MANIFEST, "digest": digest, "size": len(manifest), "artifactType": media_type}
        entries = _tagged(place, resolver)
        if all(one.get("digest") != digest for one in entries):
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]}
            client.push_manifest(place, tag_of(str(place.digest)), _json(index), kind=INDEX)
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
            layer = jsontext.loads(manifest)["layers"][0]
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
            resolver.store.put(of_bytes(listed), [listed])
            resolver.store.remember(repository, {**resolver.store.tags(repository), tag: of_bytes(listed)})
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
        return [one for one in jsontext.loads(index)["manifests"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError):
        raise SignatureError("the referrers cannot be read: not an index", reference=str(place)) from None


def _json(document: Any) -> bytes:
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
    layer = {"mediaType": kind.media_type, "digest": of_bytes(document), "size": len(document)}
    layers = [*_layers(place, tag, resolver), {**layer, "annotations": dict(kind.annotations)}]
    rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in layers]}
    config = _layers_json({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": of_bytes(config), "size": len(config)},
        "layers": layers,
    }
    client = resolver.client(place.host)
    for data in (document, config):
        client.push_blob(place, of_bytes(data), resolver.store.put(of_bytes(data), [data]))
    client.push_manifest(place, tag, _layers_json(manifest))


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
        layers = jsontext.loads(data)["layers"]
    except UnknownPackageError:
        return []
    except (ValueError, KeyError, TypeError):
        raise SignatureError(f"the attached `{tag}` cannot be read: not a manifest", reference=str(place)) from None
    return [layer for layer in layers if isinstance(layer, dict)][:_LAYERS_LIMIT]


def _layers_json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
