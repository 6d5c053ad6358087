"""Pushing and pulling, against a real registry."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.registries import docker_registry, forget, namespaces, needs_registry, publish, resolver

from wasmcp.errors import (
    InvalidArtifactError,
    InvalidReferenceError,
    RegistryError,
    UnknownPackageError,
)
from wasmcp.registry import FetchOptions
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch, push, yank
from wasmcp.storage import digest_of_bytes

pytestmark = needs_registry
OFFLINE = FetchOptions(offline=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(autouse=True)
def user(registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user of their own for each test, with a namespace of its own in the registry."""
    monkeypatch.setenv("HOME", str(tmp_path))
    namespaces(monkeypatch, tmp_path, acme=f"{registry}/t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}")


def test_pushed_component_is_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = publish(tmp_path, "1.0.0")["1.0.0"]
    forget(tmp_path, monkeypatch)
    lines: list[str] = []
    amounts: list[tuple[str, int, int]] = []
    watching = FetchOptions(progress=lines.append, bar=lambda *amount: amounts.append(amount))
    fetched = fetch("acme:calc@1.0.0", watching)
    data = tools_component("1.0.0", "add")
    assert fetched.path.read_bytes() == data
    assert fetched.digest == pushed.digest == digest_of_bytes(data)
    assert fetched.reference == f"acme:calc@1.0.0@{pushed.place.digest}"
    assert any("pulling" in line for line in lines)
    assert amounts[-1] == ("acme:calc@1.0.0", len(data), len(data))


def test_artifact_has_the_form_of_the_cncf(tmp_path: Path) -> None:
    place = publish(tmp_path, "1.0.0")["1.0.0"].place
    manifest = json.loads(resolver().manifest(place, str(place.digest), ""))
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm"]
    assert manifest["annotations"]["org.opencontainers.image.version"] == "1.0.0"
    assert manifest["annotations"]["dev.wasmcp.exports"] == "wasmcp:mcp-v20260728/tools@0.1.0"
    config = json.loads(Store().path(manifest["config"]["digest"]).read_bytes())
    assert (config["architecture"], config["os"]) == ("wasm", "wasip2")
    assert config["layerDigests"] == [manifest["layers"][0]["digest"]]
    assert config["component"]["exports"] == ["wasmcp:mcp-v20260728/tools@0.1.0"]


def test_exchange_with_another_client(tmp_path: Path) -> None:
    import oras.provider

    place = publish(tmp_path, "1.0.0")["1.0.0"].place
    other = oras.provider.Registry(hostname=place.host, insecure=True)
    folder = tmp_path / "pulled"
    other.pull(f"{place.host}/{place.repository}:1.0.0", outdir=str(folder))
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    data = tools_component("1.0.0", "add")
    assert file.read_bytes() == data
    config = tmp_path / "config.json"
    config.write_text("{}")
    other.push(
        f"{place.host}/{place.repository}:3.0.0",
        files=[f"{file}:application/wasm"],
        manifest_config=f"{config}:application/vnd.wasm.config.v0+json",
        disable_path_validation=True,
        quiet=True,
    )
    assert fetch("acme:calc@^3").digest == digest_of_bytes(data)


def test_same_component_has_the_same_digest(tmp_path: Path) -> None:
    first = publish(tmp_path, "1.0.0")["1.0.0"]
    assert publish(tmp_path, "1.0.0")["1.0.0"] == first


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("acme:calc", "2.1.0"),
        ("acme:calc@^1", "1.10.0"),
        ("acme:calc@^1.2", "1.10.0"),
        ("acme:calc@~1.2.0", "1.2.3"),
        ("acme:calc@1.2", "1.2.3"),
        ("acme:calc@>=1, <1.10", "1.2.3"),
        ("acme:calc@=1.0.0", "1.0.0"),
        ("acme:calc@>=2.2.0-alpha", "2.2.0-rc.1"),
    ],
)
def test_highest_version_of_a_range_is_chosen(tmp_path: Path, asked: str, version: str) -> None:
    publish(tmp_path, "1.0.0", "1.2.3", "1.10.0", "2.1.0", "2.2.0-rc.1")
    assert fetch(asked).reference.startswith(f"acme:calc@{version}@sha256:")


def test_tag_and_digest_name_the_same_artifact(tmp_path: Path) -> None:
    pushed = publish(tmp_path, "1.0.0")["1.0.0"]
    place = pushed.place
    bare = Place(place.host, place.repository, "1.0.0")
    assert fetch(str(bare)).digest == pushed.digest
    assert fetch(str(bare)).reference == str(place)
    assert fetch(str(Place(place.host, place.repository, digest=place.digest))).digest == pushed.digest


def test_build_metadata_survives_a_tag(tmp_path: Path) -> None:
    publish(tmp_path, "1.0.0+linux")
    assert fetch("acme:calc@^1").reference.startswith("acme:calc@1.0.0+linux@")


def test_missing_version_lists_the_available_ones(tmp_path: Path) -> None:
    publish(tmp_path, "1.0.0", "1.1.0")
    for asked in ("acme:calc@3.0.0", "acme:calc@^3"):
        with pytest.raises(UnknownPackageError) as caught:
            fetch(asked)
        assert caught.value.versions == ("1.1.0", "1.0.0")
        assert "`1.1.0`, `1.0.0`" in str(caught.value)


def test_missing_package_or_namespace() -> None:
    with pytest.raises(UnknownPackageError, match=r"has no `t[0-9a-f]+/nothing`"):
        fetch("acme:nothing@^1")
    with pytest.raises(
        UnknownPackageError, match=r"no registry is configured for the namespace `other`.*\[namespaces\]"
    ):
        fetch("other:calc@1.0.0")


def test_reference_without_a_tag_lists_the_tags(tmp_path: Path) -> None:
    place = publish(tmp_path, "1.0.0", "1.1.0")["1.0.0"].place
    with pytest.raises(UnknownPackageError, match=r"tag `latest` does not exist; the tags are `1\.0\.0`, `1\.1\.0`"):
        fetch(f"oci://{place.host}/{place.repository}")


def test_cached_component_is_used_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, "1.0.0", "1.1.0", "2.0.0")
    forget(tmp_path, monkeypatch)
    with pytest.raises(UnknownPackageError, match="no matching version is cached"):
        fetch("acme:calc@^1", OFFLINE)
    online = fetch("acme:calc@^1")
    assert fetch("acme:calc@^1", OFFLINE) == online
    assert fetch("acme:calc@1.1.0", OFFLINE).digest == online.digest
    assert fetch("acme:calc", OFFLINE).digest == online.digest, "2.0.0 is known and not cached"
    with pytest.raises(UnknownPackageError, match="offline"):
        fetch("acme:calc@2.0.0", OFFLINE)


def test_yanked_version_is_not_chosen(tmp_path: Path) -> None:
    pushed = publish(tmp_path, "1.0.0", "1.1.0")
    yank("acme:calc@1.1.0", resolver(), "adds wrongly")
    assert fetch("acme:calc@^1").reference.startswith("acme:calc@1.0.0@")
    with pytest.raises(UnknownPackageError, match=r"`1\.1\.0` was withdrawn: adds wrongly"):
        fetch("acme:calc@1.1.0")
    assert fetch(str(pushed["1.1.0"].place)).digest == pushed["1.1.0"].digest, "by digest it is still there"
    back = yank("acme:calc@1.1.0", resolver(), None)
    assert back.digest == pushed["1.1.0"].place.digest
    assert fetch("acme:calc@^1").reference.startswith("acme:calc@1.1.0@")


def test_version_is_replaced_only_with_force(tmp_path: Path) -> None:
    publish(tmp_path, "1.0.0")
    other = tmp_path / "other.wasm"
    other.write_bytes(tools_component("another", "add"))
    with pytest.raises(RegistryError, match="already exists with other content"):
        push(other, "acme:calc@1.0.0", resolver())
    assert push(other, "acme:calc@1.0.0", resolver(), force=True).digest == digest_of_bytes(other.read_bytes())


def test_only_components_are_pushed(tmp_path: Path) -> None:
    wrong = {"text.wasm": (b"hello", "not WebAssembly"), "module.wasm": (b"\0asm\1\0\0\0", "a core module")}
    for name, (data, what) in wrong.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidArtifactError, match=what):
            push(tmp_path / name, "acme:calc@1.0.0", resolver())
    with pytest.raises(RegistryError, match="cannot be read: No such file"):
        push(tmp_path / "none.wasm", "acme:calc@1.0.0", resolver())
    for reference in ("acme:calc", "acme:calc@^1", "oci://localhost/calc"):
        with pytest.raises(InvalidReferenceError):
            push(tmp_path / "text.wasm", reference, resolver())


def test_copy_in_the_dependency_folder(tmp_path: Path) -> None:
    publish(tmp_path, "1.0.0")
    fetched = fetch("acme:calc@1.0.0", FetchOptions(deps_dir=tmp_path / "deps" / "new"))
    assert fetched.path == tmp_path / "deps" / "new" / "acme_calc@1.0.0.wasm"
    assert digest_of_bytes(fetched.path.read_bytes()) == fetched.digest
    assert [path.name for path in fetched.path.parent.iterdir()] == [fetched.path.name]


def test_damaged_cache_file_is_fetched_again(tmp_path: Path) -> None:
    publish(tmp_path, "1.0.0")
    fetched = fetch("acme:calc@1.0.0")
    fetched.path.write_bytes(fetched.path.read_bytes()[:-1])
    assert digest_of_bytes(fetch("acme:calc@1.0.0").path.read_bytes()) == fetched.digest


def _fetch_in_a_process(reference: str, go: object, results: object) -> None:
    go.wait(30)  # type: ignore[attr-defined]
    pulled: list[str] = []
    fetched = fetch(reference, FetchOptions(progress=pulled.append))
    results.put((fetched.digest, [line for line in pulled if "pulling" in line]))  # type: ignore[attr-defined]


def test_concurrent_processes_pull_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = publish(tmp_path, "1.0.0")["1.0.0"]
    forget(tmp_path, monkeypatch)
    context = multiprocessing.get_context("spawn")
    go, results = context.Event(), context.Queue()
    processes = [context.Process(target=_fetch_in_a_process, args=("acme:calc@1.0.0", go, results)) for _ in range(2)]
    for process in processes:
        process.start()
    go.set()
    got = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    assert [digest for digest, _ in got] == [pushed.digest] * 2
    assert sum(len(lines) for _, lines in got) == 1
