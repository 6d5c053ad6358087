"""Attached documents stored under cosign's digest-derived tags, one layer each.

Source: cosign, "Signature Specification", "Storage".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wasmcp.errors import SignatureError, UnknownPackageError
from wasmcp.registry import jsontext
from wasmcp.registry.oci.client import MANIFEST
from wasmcp.registry.oci.references import DIGEST, Place
from wasmcp.registry.oci.version_resolver import Resolver
from wasmcp.storage.digest import of_bytes

_CONFIG = "application/vnd.oci.image.config.v1+json"
_SIZE_LIMIT = 4 << 20
_LAYERS_LIMIT = 64
TOTAL_LIMIT = 16 << 20
"""Maximum total size of the documents of one kind that are attached to a manifest, in bytes."""


@dataclass(frozen=True)
class Kind:
    """Kind of attached document.

    Attributes:
        media_type: The media type of its layer.
        annotations: The annotations of its layer.
    """

    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def add(place: Place, tag: str, document: bytes, kind: Kind, resolver: Resolver) -> None:
    """Attach a document to a manifest; existing documents stay.

    Raises:
        RegistryError: The registry rejects it.
    """
    layer = {"mediaType": kind.media_type, "digest": of_bytes(document), "size": len(document)}
    layers = [*_layers(place, tag, resolver), {**layer, "annotations": dict(kind.annotations)}]
    rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in layers]}
    config = _json({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": of_bytes(config), "size": len(config)},
        "layers": layers,
    }
    client = resolver.client(place.host)
    for data in (document, config):
        client.push_blob(place, of_bytes(data), resolver.store.put(of_bytes(data), [data]))
    client.push_manifest(place, tag, _json(manifest))


def read(place: Place, tag: str, media_type: str, resolver: Resolver) -> Iterator[tuple[Mapping[str, Any], bytes]]:
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


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
