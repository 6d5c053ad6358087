"""What goes wrong with registries: each is said, and leaves nothing half-made."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_inputs import tools_component
from registries import Answer, Proxy, docker_registry, namespaces, needs_registry, proxy

from wasmcp.errors import (
    ArtifactRefused,
    IntegrityError,
    LockDrift,
    PackageNotFound,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
)
from wasmcp.registry import oci_client, settings
from wasmcp.registry.fetching import FetchOptions
from wasmcp.registry.oci import fetch
from wasmcp.registry.oci_client import MANIFEST, Client
from wasmcp.registry.publishing import push
from wasmcp.registry.references import Place, parse_place
from wasmcp.registry.resolving import Resolver
from wasmcp.registry.store import Store
from wasmcp.storage.digest import of_bytes

DATA = tools_component("registry", "add")
CALC = "acme:calc@1.0.0"
WASM_CONFIG = b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json"},'


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with `t/calc` in version 1.0.0."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as host, pytest.MonkeyPatch.context() as patch:
        namespaces(patch, folder, acme=f"{host}/t")
        (folder / "calc.wasm").write_bytes(DATA)
        push(folder / "calc.wasm", CALC, Resolver(settings.load(), Store()))
        yield host


@pytest.fixture
def broken(registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy in front of it, in which the namespace is; nobody waits for another try."""
    monkeypatch.setenv("HOME", str(tmp_path))
    pauses: list[float] = []
    monkeypatch.setattr(oci_client.time, "sleep", pauses.append)
    monkeypatch.setattr(oci_client.Client.__init__, "__kwdefaults__", {"sleep": pauses.append})
    with proxy(registry) as front:
        namespaces(monkeypatch, tmp_path, acme=f"{front.host}/t")
        front.pauses = pauses  # type: ignore[attr-defined]
        yield front


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".part-") or path.suffix == ".wasm"]


def nothing_kept(digest: str = of_bytes(DATA)) -> bool:
    store = Store()
    return store.get(digest) is None and not left_over(store.root)


@needs_registry
def test_a_corrupted_blob_is_refused(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (answer[0], answer[1], answer[2][:-1] + b"!") if "/blobs/" in path else answer
    )
    with pytest.raises(IntegrityError, match="not what was asked for") as caught:
        fetch(CALC)
    assert caught.value.expected == of_bytes(DATA) != caught.value.found
    assert nothing_kept()


@needs_registry
def test_a_truncated_blob_is_pulled_again(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (answer[0], answer[1], answer[2][:50]) if "/blobs/" in path and broken.count("/blobs/") < 3 else answer
    )
    assert fetch(CALC).digest == of_bytes(DATA)
    assert broken.count("/blobs/") == 3


@needs_registry
def test_a_blob_that_stays_truncated_is_refused(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (answer[0], answer[1], answer[2][:50]) if "/blobs/" in path else answer
    with pytest.raises(RegistryUnreachable, match="broke off in the middle"):
        fetch(CALC)
    assert nothing_kept()
    short = {"Content-Length": "50", "Content-Type": "application/octet-stream"}
    broken.spoil = lambda _method, path, answer: (answer[0], short, answer[2][:50]) if "/blobs/" in path else answer
    with pytest.raises(IntegrityError, match="cut short"):
        fetch(CALC)
    assert nothing_kept()


@needs_registry
def test_a_blob_without_end_is_not_read_to_the_end(broken: Proxy) -> None:
    long = {"Content-Type": "application/octet-stream"}
    broken.spoil = lambda _method, path, answer: (
        (answer[0], long, answer[2] + b"x" * 1000) if "/blobs/" in path else answer
    )
    with pytest.raises(IntegrityError, match="too long"):
        fetch(CALC)
    assert nothing_kept()


@needs_registry
def test_a_manifest_that_is_another_is_refused(broken: Proxy) -> None:
    def spaced(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" not in path:
            return answer
        return answer[0], {**answer[1], "Content-Length": str(len(answer[2]) + 1)}, answer[2] + b" "

    broken.spoil = spaced
    with pytest.raises(IntegrityError, match="the manifest that came has the digest"):
        fetch(CALC)
    exact = f"oci://{broken.host}/t/calc@sha256:{'0' * 64}"
    with pytest.raises(PackageNotFound):
        fetch(exact)


@needs_registry
@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "no OCI manifest"),
        (b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}', "image.index"),
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
def test_what_is_no_component_is_refused(broken: Proxy, manifest: bytes, message: str) -> None:
    broken.spoil = lambda _method, path, answer: (
        (200, {"Content-Type": MANIFEST}, manifest) if "/manifests/" in path else answer
    )
    with pytest.raises(ArtifactRefused, match=message):
        fetch(CALC)


@needs_registry
def test_a_layer_that_is_no_component_is_refused(broken: Proxy) -> None:
    module = b"\0asm\1\0\0\0"
    kinds = {"config": "application/vnd.wasm.config.v0+json", "layer": "application/wasm"}
    layer = {"mediaType": kinds["layer"], "digest": of_bytes(module), "size": len(module)}
    manifest = {"schemaVersion": 2, "config": {"mediaType": kinds["config"]}, "layers": [layer]}

    def module_instead(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" in path:
            return 200, {"Content-Type": MANIFEST}, json.dumps(manifest).encode()
        return (200, {}, module) if "/blobs/" in path else answer

    broken.spoil = module_instead
    with pytest.raises(ArtifactRefused, match="a core module, not a component"):
        fetch(CALC)


@needs_registry
@pytest.mark.parametrize(("status", "kind"), [(401, RegistryDenied), (403, RegistryDenied), (404, PackageNotFound)])
def test_what_is_refused_is_not_tried_again(broken: Proxy, status: int, kind: type[RegistryError]) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "not today"}]}).encode()
    broken.spoil = lambda _method, path, answer: (status, {}, body) if "/manifests/" in path else answer
    with pytest.raises(kind, match="not today" if status != 404 else "there are `1.0.0`"):
        fetch(CALC)
    assert broken.count("/manifests/") == 1


@needs_registry
def test_a_busy_registry_is_asked_again_when_it_says(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (429, {"Retry-After": "7"}, b"") if "/manifests/" in path and broken.count("/manifests/") < 3 else answer
    )
    assert fetch(CALC).digest == of_bytes(DATA)
    assert broken.pauses == [7.0, 7.0]  # type: ignore[attr-defined]


@needs_registry
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_that_stays_busy_is_given_up(broken: Proxy, status: int) -> None:
    broken.spoil = lambda _method, path, answer: (status, {}, b"oops") if "/manifests/" in path else answer
    with pytest.raises(RegistryUnreachable, match=f"answers {status}; gave up after 5 tries") as caught:
        fetch(CALC)
    assert caught.value.status == status
    pauses = broken.pauses  # type: ignore[attr-defined]
    assert len(pauses) == 4
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses))


@needs_registry
def test_a_connection_that_breaks_is_made_again(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        None if "/manifests/" in path and broken.count("/manifests/") < 2 else answer
    )
    assert fetch(CALC).digest == of_bytes(DATA)


def test_a_registry_that_is_down(broken_free: str) -> None:
    with pytest.raises(
        RegistryUnreachable, match=rf"`{broken_free}` does not answer: .*refused; gave up after 5 tries"
    ):
        fetch(CALC)


@pytest.fixture
def broken_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A place where no registry is."""
    from servers import free_port

    host = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr(oci_client.Client.__init__, "__kwdefaults__", {"sleep": lambda _seconds: None})
    namespaces(monkeypatch, tmp_path, acme=f"{host}/t")
    return host


def test_plain_http_is_for_this_machine_only() -> None:
    client = Client("registry.example.com", sleep=lambda _seconds: None)
    with pytest.raises(RegistryError, match="asks for plain HTTP"):
        client.request("GET", "http://registry.example.com/v2/", reference="x")
    with pytest.raises(RegistryError, match="asks for plain HTTP"):
        client.request("GET", "http://127.0.0.1@registry.example.com/v2/", reference="x")


@needs_registry
def test_nor_after_a_redirect_or_for_a_token(broken: Proxy) -> None:
    away = {"Location": "http://registry.example.com/elsewhere"}
    broken.spoil = lambda _method, path, answer: (307, away, b"") if "/blobs/" in path else answer
    with pytest.raises(RegistryError, match=r"`http://registry.example.com/elsewhere`: asks for plain HTTP"):
        fetch(CALC)
    challenge = {"WWW-Authenticate": 'Bearer realm="http://registry.example.com/token",service="s"'}
    broken.spoil = lambda _method, path, answer: (401, challenge, b"") if "/manifests/" in path else answer
    with pytest.raises(RegistryError, match=r"`http://registry.example.com/token.*asks for plain HTTP"):
        fetch(CALC)


@needs_registry
@pytest.mark.parametrize("basic", [False, True])
def test_a_token_is_got_where_the_registry_says(broken: Proxy, basic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if basic:
        for key, value in {"HOST": broken.host, "USER": "ann", "PASSWORD": "secret"}.items():
            monkeypatch.setenv(f"WASMCP_REGISTRY_{key}", value)
    challenge = f'Bearer realm="http://{broken.host}/token",service="s",scope="repository:t/calc:pull"'

    def guarded(_method: str, path: str, answer: Answer) -> Answer:
        fields = broken.fields[-1]
        if path.startswith("/token"):
            assert fields.get("Authorization") == ("Basic YW5uOnNlY3JldA==" if basic else None)
            assert "scope=repository%3At%2Fcalc%3Apull" in path
            return 200, {}, b'{"token":"abc"}'
        return answer if fields.get("Authorization") == "Bearer abc" else (401, {"WWW-Authenticate": challenge}, b"")

    broken.spoil = guarded
    assert fetch(CALC).digest == of_bytes(DATA)
    assert broken.count("/token") == 1


@needs_registry
def test_credentials_stay_with_their_registry(broken: Proxy, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"HOST": broken.host, "USER": "ann", "PASSWORD": "secret"}.items():
        monkeypatch.setenv(f"WASMCP_REGISTRY_{key}", value)
    with proxy(registry) as other:

        def elsewhere(_method: str, path: str, answer: Answer) -> Answer:
            if "Authorization" not in broken.fields[-1]:
                return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b""
            return (307, {"Location": f"http://{other.host}{path}"}, b"") if "/blobs/" in path else answer

        broken.spoil = elsewhere
        assert fetch(CALC).digest == of_bytes(DATA)
        assert other.count("/blobs/") == 1
        assert "Authorization" not in other.fields[0]


@needs_registry
def test_tags_come_in_pages(broken: Proxy) -> None:
    def paged(_method: str, path: str, answer: Answer) -> Answer:
        if "/tags/list" not in path:
            return answer
        if "last=" in path:
            return 200, {}, b'{"name":"t/calc","tags":["1.0.0","latest"]}'
        return 200, {"Link": '</v2/t/calc/tags/list?n=1&last=0.9.0>; rel="next"'}, b'{"name":"t/calc","tags":["0.9.0"]}'

    broken.spoil = paged
    place = Place(broken.host, "t/calc")
    assert Client(broken.host).tags(place) == ["0.9.0", "1.0.0", "latest"]
    assert [str(one) for one in Resolver(settings.load(), Store()).versions(place)] == ["0.9.0", "1.0.0"]
    broken.spoil = lambda _method, path, answer: (200, {}, b"<html>") if "/tags/list" in path else answer
    with pytest.raises(RegistryUnreachable, match="no list"):
        Client(broken.host).tags(place)
    loop = {"Link": "<http://127.0.0.1:1/v2/>; rel=next"}
    broken.spoil = lambda _method, path, answer: (200, loop, b"{}") if "/tags/list" in path else answer
    with pytest.raises(RegistryUnreachable, match="at another host"):
        Client(broken.host).tags(place)


@needs_registry
def test_a_compressed_answer_counts_by_what_it_holds(broken: Proxy) -> None:
    def compressed(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" not in path:
            return answer
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (oci_client.MANIFEST_LIMIT + 1))

    broken.spoil = compressed
    with pytest.raises(RegistryUnreachable, match="larger than"):
        fetch(CALC)


@needs_registry
def test_a_plain_address(broken: Proxy, tmp_path: Path) -> None:
    digest = of_bytes(DATA)
    url = f"http://{broken.host}/v2/t/calc/blobs/{digest}"
    with pytest.raises(PackageNotFound, match="not cached"):
        fetch(url, FetchOptions(offline=True))
    assert fetch(url).digest == digest
    assert fetch(url, FetchOptions(offline=True)).path.read_bytes() == DATA
    assert fetch(url, FetchOptions(deps_dir=tmp_path)).path.parent == tmp_path
    with pytest.raises(LockDrift, match="which a lock cannot pin"):
        fetch(url, FetchOptions(locked=True))
    broken.spoil = lambda _method, path, answer: (200, {}, b"<html>") if "/blobs/" in path else answer
    with pytest.raises(ArtifactRefused, match="not WebAssembly"):
        fetch(url)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    # A process that may write files of 4 KB at most, as on a disk with no more room.
    script = """
import resource, signal, sys
from pathlib import Path
from wasmcp.errors import RegistryError
from wasmcp.storage.digest import of_bytes
from wasmcp.registry.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
data = bytes(100_000)
try:
    Store(Path(sys.argv[1])).put(of_bytes(data), [data])
except RegistryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large" in done.stdout
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(RegistryError, match="cannot be written: Not a directory"):
        Store(tmp_path / "store").put(of_bytes(b""), [b""])


def test_places() -> None:
    digest = f"sha256:{'0' * 64}"
    assert parse_place(f"oci://localhost:5000/a/b:1@{digest}") == Place("localhost:5000", "a/b", "1", digest)
