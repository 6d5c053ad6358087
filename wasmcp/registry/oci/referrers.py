"""Referrers of a manifest: artifacts with the manifest as subject, which the registry lists.

Registries without the referrers API have the list as an index, under a tag derived from the subject's digest. Source:
OCI distribution 1.1, "Listing Referrers", "Referrers Tag Schema"; OCI image 1.1, "Guidelines for Artifact Usage".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from wasmcp.errors import SignatureError, UnknownPackageError
from wasmcp.registry import jsontext
from wasmcp.registry.oci.client import INDEX, MANIFEST
from wasmcp.registry.oci.cosign_tags import TOTAL_LIMIT
from wasmcp.registry.oci.references import DIGEST, Place
from wasmcp.registry.oci.version_resolver import Resolver
from wasmcp.storage.digest import of_bytes

_EMPTY = b"{}"
_EMPTY_KIND = "application/vnd.oci.empty.v1+json"
_SIZE_LIMIT = 4 << 20
_LIMIT = 64


def tag_of(digest: str) -> str:
    """Return the tag of the index of a manifest's referrers."""
    return digest.replace(":", "-")


def add(place: Place, document: bytes, media_type: str, resolver: Resolver) -> str:
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


def read(place: Place, media_type: str, resolver: Resolver) -> Iterator[bytes]:
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
