"""Components behind an image index, as tools for several platforms publish them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import tools_component
from support.registries import Proxy, forget, namespaces, needs_registry
from support.signing_keys import make_keys

from wasmcp.errors import InvalidArtifactError, SignatureError
from wasmcp.project.lock_entries import pin_of
from wasmcp.registry import FetchOptions, lock
from wasmcp.registry.lock import Lock
from wasmcp.registry.oci import references, transfers
from wasmcp.registry.oci.client import INDEX, MANIFEST
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch
from wasmcp.registry.signing import signatures
from wasmcp.storage import digest_of_bytes

pytestmark = needs_registry
DATA = tools_component("registry", "add")


def entry(digest: str, size: int, **platform: str) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform}


def put_index(host: str, tag: str, *more: dict[str, Any], own: dict[str, str] | None = None) -> bytes:
    """Put an index under a tag that names the component 1.0.0 and more; return it."""
    resolver = transfers.resolver_for(None)
    place = Place(host, "t/calc")
    data = resolver.manifest(place, "1.0.0", "")
    platform = {"os": "wasip2", "architecture": "wasm"} if own is None else own
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [entry(digest_of_bytes(data), len(data), **platform), *more],
    }
    text = json.dumps(index).encode()
    resolver.client(host).push_manifest(place, tag, text, kind=INDEX)
    return text


def test_single_component_of_an_index_is_chosen(broken: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = transfers.resolver_for(None)
    config = resolver.manifest(Place(broken.host, "t/calc"), "1.0.0", "")
    # What buildx adds: an attestation for no platform.
    attestation = entry(digest_of_bytes(config), len(config), os="unknown", architecture="unknown")
    index = put_index(broken.host, "3.0.0", attestation)
    fetched = fetch("acme:calc@3.0.0")
    assert (fetched.digest, fetched.reference) == (digest_of_bytes(DATA), f"acme:calc@3.0.0@{digest_of_bytes(index)}")
    assert fetch("acme:calc@^3", FetchOptions(offline=True)) == fetched
    assert fetch(f"oci://{broken.host}/t/calc@{digest_of_bytes(index)}").digest == digest_of_bytes(DATA)
    pin = pin_of(resolver.resolve(references.parse("acme:calc@3.0.0")))
    assert (pin.manifest, pin.digest) == (digest_of_bytes(index), digest_of_bytes(DATA))
    lock.write(tmp_path, Lock((pin,)))
    (tmp_path / "pyproject.toml").write_text("[tool.wasmcp]\n")
    forget(tmp_path, monkeypatch)
    assert fetch("acme:calc@3.0.0", FetchOptions(root=tmp_path, locked=True)).digest == digest_of_bytes(DATA)


def test_index_of_a_single_platform_needs_no_platform_name(broken: Proxy) -> None:
    put_index(broken.host, "3.1.0", own={})
    assert fetch("acme:calc@3.1.0").digest == digest_of_bytes(DATA)


def test_index_with_several_components_is_refused(broken: Proxy) -> None:
    put_index(broken.host, "3.2.0", entry(put_other(broken.host), 2, os="linux", architecture="amd64"), own={})
    with pytest.raises(
        InvalidArtifactError, match=r"an image index, and it names not one component but `sha256:.*`, `sha256"
    ):
        fetch("acme:calc@3.2.0")


def put_other(host: str) -> str:
    """Put another manifest into the repository; return its digest."""
    resolver = transfers.resolver_for(None)
    data = resolver.manifest(Place(host, "t/calc"), "1.0.0", "") + b" "
    resolver.client(host).push_manifest(Place(host, "t/calc"), digest_of_bytes(data), data)
    return digest_of_bytes(data)


def test_signature_belongs_to_the_index(broken: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_index(broken.host, "indexed")
    private, public = make_keys(tmp_path, "ann")
    policy = f'[policy]\nrequire-signature = true\n[policy.keys]\nacme = "{public}"\n'
    namespaces(monkeypatch, tmp_path, policy=policy, acme=f"{broken.host}/t")
    resolver = transfers.resolver_for(None)
    place = Place(broken.host, "t/calc", "indexed")
    with pytest.raises(SignatureError):
        fetch(str(place))
    signatures.sign(resolver.resolve(place).place, private, None, resolver)
    assert fetch(str(place)).digest == digest_of_bytes(DATA)
