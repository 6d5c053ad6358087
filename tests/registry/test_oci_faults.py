"""Failures of registries: each is reported, and leaves no partial files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.registries import Answer, Proxy, needs_registry

from wasmcp.errors import (
    IntegrityError,
    InvalidArtifactError,
    LockDriftError,
    RegistryError,
    RegistryUnreachableError,
    UnknownPackageError,
)
from wasmcp.registry import FetchOptions
from wasmcp.registry.oci import client
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.client import MANIFEST
from wasmcp.registry.oci.references import Place, parse_place
from wasmcp.registry.oci.transfers import fetch
from wasmcp.storage import digest_of_bytes

DATA = tools_component("registry", "add")
CALC = "acme:calc@1.0.0"
WASM_CONFIG = b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json"},'


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".part-") or path.suffix == ".wasm"]


def nothing_kept(digest: str = digest_of_bytes(DATA)) -> bool:
    store = Store()
    return store.get(digest) is None and not left_over(store.root)


@needs_registry
def test_corrupted_blob_is_refused(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (answer[0], answer[1], answer[2][:-1] + b"!") if "/blobs/" in path else answer
    )
    with pytest.raises(IntegrityError, match="does not match its digest") as caught:
        fetch(CALC)
    assert caught.value.expected == digest_of_bytes(DATA) != caught.value.found
    assert nothing_kept()


@needs_registry
def test_truncated_blob_is_pulled_again(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (answer[0], answer[1], answer[2][:50]) if "/blobs/" in path and broken.count("/blobs/") < 3 else answer
    )
    assert fetch(CALC).digest == digest_of_bytes(DATA)
    assert broken.count("/blobs/") == 3


@needs_registry
@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_is_resumed(broken: Proxy, ranges: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PIECE", 32)

    def spoil(_method: str, path: str, answer: Answer) -> Answer:
        if "/blobs/" not in path:
            return answer
        status, headers, data = answer
        if not ranges:
            status, headers, data = 200, {**headers, "Content-Length": str(len(DATA))}, DATA
        return (status, headers, data[:100]) if broken.count("/blobs/") < 3 else (status, headers, data)

    broken.spoil = spoil
    bar: list[int] = []
    fetched = fetch(CALC, FetchOptions(bar=lambda _what, done, _size: bar.append(done)))
    assert fetched.path.read_bytes() == DATA
    asked = [int(one["Range"].removeprefix("bytes=")[:-1]) for one in broken.fields if "Range" in one]
    assert len(asked) == 2
    assert asked[0] >= 32
    assert (asked[1] > asked[0]) is ranges
    assert bar == sorted(bar)
    assert bar[-1] == len(DATA)


@needs_registry
def test_permanently_truncated_blob_is_refused(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (answer[0], answer[1], answer[2][:50]) if "/blobs/" in path else answer
    with pytest.raises(RegistryUnreachableError, match=r"the response of .* is incomplete"):
        fetch(CALC)
    assert nothing_kept()
    short = {"Content-Length": "50", "Content-Type": "application/octet-stream"}
    broken.spoil = lambda _method, path, answer: (answer[0], short, answer[2][:50]) if "/blobs/" in path else answer
    with pytest.raises(IntegrityError, match="too short"):
        fetch(CALC)
    assert nothing_kept()


@needs_registry
def test_endless_blob_is_limited(broken: Proxy) -> None:
    long = {"Content-Type": "application/octet-stream"}
    broken.spoil = lambda _method, path, answer: (
        (answer[0], long, answer[2] + b"x" * 1000) if "/blobs/" in path else answer
    )
    with pytest.raises(IntegrityError, match="too long"):
        fetch(CALC)
    assert nothing_kept()


@needs_registry
def test_manifest_with_another_digest_is_refused(broken: Proxy) -> None:
    def spaced(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" not in path:
            return answer
        return answer[0], {**answer[1], "Content-Length": str(len(answer[2]) + 1)}, answer[2] + b" "

    broken.spoil = spaced
    with pytest.raises(IntegrityError, match="the manifest received has the digest"):
        fetch(CALC)
    exact = f"oci://{broken.host}/t/calc@sha256:{'0' * 64}"
    with pytest.raises(UnknownPackageError):
        fetch(exact)


@needs_registry
@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "not an OCI manifest"),
        (
            b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
            "names not one component but none",
        ),
        (b'{"schemaVersion":2,"manifests":[1,{"digest":"sha256:1"}]}', "names not one component but `sha256:1`"),
        (
            b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]}',
            "its configuration is `application/vnd.oci.image.config",
        ),
        (
            WASM_CONFIG + b'"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}]}',
            "one layer, `application/wasm`; this has `application/vnd.oci.image.layer",
        ),
        (
            WASM_CONFIG + b'"layers":[{"mediaType":"application/wasm","digest":"md5:1","size":1}]}',
            "no SHA-256 digest",
        ),
        (
            b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json"},'
            b'"layers":[{"mediaType":"application/wasm","digest":"sha256:' + b"0" * 64 + b'","size":99999999999}]}',
            "is the limit",
        ),
    ],
)
def test_artifact_that_is_not_a_component_is_refused(broken: Proxy, manifest: bytes, message: str) -> None:
    broken.spoil = lambda _method, path, answer: (
        (200, {"Content-Type": MANIFEST}, manifest) if "/manifests/" in path else answer
    )
    with pytest.raises(InvalidArtifactError, match=message):
        fetch(CALC)


@needs_registry
def test_layer_that_is_not_a_component_is_refused(broken: Proxy) -> None:
    module = b"\0asm\1\0\0\0"
    kinds = {"config": "application/vnd.wasm.config.v0+json", "layer": "application/wasm"}
    layer = {"mediaType": kinds["layer"], "digest": digest_of_bytes(module), "size": len(module)}
    manifest = {"schemaVersion": 2, "config": {"mediaType": kinds["config"]}, "layers": [layer]}

    def module_instead(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" in path:
            return 200, {"Content-Type": MANIFEST}, json.dumps(manifest).encode()
        return (200, {}, module) if "/blobs/" in path else answer

    broken.spoil = module_instead
    with pytest.raises(InvalidArtifactError, match="a core module, not a component"):
        fetch(CALC)


@needs_registry
def test_component_at_a_plain_address(broken: Proxy, tmp_path: Path) -> None:
    digest = digest_of_bytes(DATA)
    url = f"http://{broken.host}/v2/t/calc/blobs/{digest}"
    with pytest.raises(UnknownPackageError, match="not cached"):
        fetch(url, FetchOptions(offline=True))
    assert fetch(url).digest == digest
    assert fetch(url, FetchOptions(offline=True)).path.read_bytes() == DATA
    assert fetch(url, FetchOptions(deps_dir=tmp_path)).path.parent == tmp_path
    with pytest.raises(LockDriftError, match="which a lock cannot pin"):
        fetch(url, FetchOptions(locked=True))
    broken.spoil = lambda _method, path, answer: (200, {}, b"<html>") if "/blobs/" in path else answer
    with pytest.raises(InvalidArtifactError, match="not WebAssembly"):
        fetch(url)


def test_full_disk_is_reported(tmp_path: Path) -> None:
    # A process that may write files of 4 KB at most, as on a disk with no more room.
    script = """
import resource, signal, sys
from pathlib import Path
from wasmcp.errors import RegistryError
from wasmcp.storage import digest_of_bytes
from wasmcp.registry.oci.blob_store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
data = bytes(100_000)
try:
    Store(Path(sys.argv[1])).put(digest_of_bytes(data), [data])
except RegistryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_unwritable_store_is_reported(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(RegistryError, match="cannot be written: Not a directory"):
        Store(tmp_path / "store").put(digest_of_bytes(b""), [b""])


def test_place_with_tag_and_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    assert parse_place(f"oci://localhost:5000/a/b:1@{digest}") == Place("localhost:5000", "a/b", "1", digest)
