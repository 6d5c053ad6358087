"""OCI artifact of a WebAssembly component: one layer, and a configuration that lists its imports and exports.

Source: CNCF TAG Runtime, "Wasm OCI Artifact layout".
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmcp.errors import ComponentError, InvalidArtifactError
from wasmcp.registry import jsontext
from wasmcp.registry.oci.client import MANIFEST
from wasmcp.registry.oci.references import DIGEST
from wasmcp.storage.digest import of_bytes
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
        document = jsontext.loads(data)
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
    return Artifact(of_bytes(data), digest, size, {str(key): str(value) for key, value in said.items()})


def member_of_index(data: bytes, reference: str) -> str | None:
    """Return the digest of the only component manifest in an image index; None if the document is not an index.

    A manifest for the architecture `wasm` takes precedence over other platforms; attestations, which Docker lists
    under an unknown platform, are ignored. Source: OCI image 1.1, "Image Index".

    Raises:
        InvalidArtifactError: The index has no such manifest, or several.
    """
    try:
        document = jsontext.loads(data)
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
    raise InvalidArtifactError(f"what it contains is {kind}", reference=reference)


def make(data: bytes, annotations: Mapping[str, str], reference: str) -> tuple[bytes, bytes]:
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
    layer = of_bytes(data)
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
        "config": {"mediaType": CONFIG, "digest": of_bytes(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": layer, "size": len(data)}],
        "annotations": dict(sorted(said.items())),
    }
    return config, _json(manifest)


def _sources_date() -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 0), dt.UTC)
    except (ValueError, OverflowError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC)


def yank(manifest: bytes, reason: str | None) -> bytes:
    """Return a manifest with the yank annotation, or (None) without it."""
    document = jsontext.loads(manifest)
    annotations = {key: value for key, value in (document.get("annotations") or {}).items() if key != YANKED}
    document["annotations"] = dict(sorted({**annotations, **({} if reason is None else {YANKED: reason})}.items()))
    return _json(document)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
