"""Registries that refuse requests, are busy, close connections or redirect."""

from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.registries import Answer, Proxy, namespaces, needs_registry, proxy, publish

from wasmcp.errors import (
    IntegrityError,
    InvalidArtifactError,
    InvalidReferenceError,
    RegistryDeniedError,
    RegistryError,
    RegistryUnreachableError,
    UnknownPackageError,
)
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci import client as oci_client
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.client import Client
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch
from wasmcp.registry.oci.transport import Retry
from wasmcp.storage import digest_of_bytes

DATA = tools_component("registry", "add")
CALC = "acme:calc@1.0.0"


@needs_registry
@pytest.mark.parametrize(
    ("status", "kind"), [(401, RegistryDeniedError), (403, RegistryDeniedError), (404, UnknownPackageError)]
)
def test_refused_request_is_not_repeated(broken: Proxy, status: int, kind: type[RegistryError]) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "not today"}]}).encode()
    broken.spoil = lambda _method, path, answer: (status, {}, body) if "/manifests/" in path else answer
    with pytest.raises(kind, match="not today" if status != 404 else "available are `1.0.0`"):
        fetch(CALC)
    assert broken.count("/manifests/") == 1


@needs_registry
def test_busy_registry_is_retried_after_its_pause(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        (429, {"Retry-After": "7"}, b"") if "/manifests/" in path and broken.count("/manifests/") < 3 else answer
    )
    assert fetch(CALC).digest == digest_of_bytes(DATA)
    assert broken.pauses == [7.0, 7.0]  # type: ignore[attr-defined]


@needs_registry
@pytest.mark.parametrize("status", [429, 500, 503])
def test_retries_of_a_busy_registry_end(broken: Proxy, status: int) -> None:
    broken.spoil = lambda _method, path, answer: (status, {}, b"oops") if "/manifests/" in path else answer
    with pytest.raises(RegistryUnreachableError, match=f"answers {status}; gave up after 5 tries") as caught:
        fetch(CALC)
    assert caught.value.status == status
    pauses = broken.pauses  # type: ignore[attr-defined]
    assert len(pauses) == 4
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses))


@needs_registry
def test_broken_connection_is_retried(broken: Proxy) -> None:
    broken.spoil = lambda _method, path, answer: (
        None if "/manifests/" in path and broken.count("/manifests/") < 2 else answer
    )
    assert fetch(CALC).digest == digest_of_bytes(DATA)


def test_unreachable_registry_is_reported(broken_free: str) -> None:
    with pytest.raises(
        RegistryUnreachableError, match=rf"`{broken_free}` does not answer: .*refused; gave up after 5 tries"
    ):
        fetch(CALC)


@pytest.fixture
def broken_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A place where no registry is."""
    from support.server_processes import free_port

    host = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr(Retry, "pause", staticmethod(lambda _: None))
    namespaces(monkeypatch, tmp_path, acme=f"{host}/t")
    return host


def test_plain_http_is_allowed_only_with_this_machine() -> None:
    client = Client("registry.example.com", sleep=lambda _seconds: None)
    with pytest.raises(RegistryError, match="requires plain HTTP"):
        client.request("GET", "http://registry.example.com/v2/", "", reference="x")
    with pytest.raises(RegistryError, match="requires plain HTTP"):
        client.request("GET", "http://127.0.0.1:1/v2/", "", reference="x")
    with pytest.raises(RegistryError, match=r"`http://registry.example.com/v2/`: .*user name or a password"):
        client.request("GET", "http://127.0.0.1@registry.example.com/v2/", "", reference="x")


@needs_registry
def test_plain_http_is_refused_after_redirects_and_for_tokens(broken: Proxy) -> None:
    away = {"Location": "http://registry.example.com/elsewhere"}
    broken.spoil = lambda _method, path, answer: (307, away, b"") if "/blobs/" in path else answer
    with pytest.raises(RegistryError, match=r"`http://registry.example.com/elsewhere`: requires plain HTTP"):
        fetch(CALC)
    challenge = {"WWW-Authenticate": 'Bearer realm="http://registry.example.com/token",service="s"'}
    broken.spoil = lambda _method, path, answer: (401, challenge, b"") if "/manifests/" in path else answer
    with pytest.raises(RegistryError, match=r"`http://registry.example.com/token.*requires plain HTTP"):
        fetch(CALC)


@needs_registry
@pytest.mark.parametrize("basic", [False, True])
def test_token_is_requested_at_the_realm(broken: Proxy, basic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert fetch(CALC).digest == digest_of_bytes(DATA)
    assert broken.count("/token") == 1


@needs_registry
def test_credentials_are_sent_only_to_their_registry(
    broken: Proxy, calc_registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {"HOST": broken.host, "USER": "ann", "PASSWORD": "secret"}.items():
        monkeypatch.setenv(f"WASMCP_REGISTRY_{key}", value)
    with proxy(calc_registry) as other:

        def elsewhere(_method: str, path: str, answer: Answer) -> Answer:
            if "Authorization" not in broken.fields[-1]:
                return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b""
            return (307, {"Location": f"http://{other.host}{path}"}, b"") if "/blobs/" in path else answer

        broken.spoil = elsewhere
        assert fetch(CALC).digest == digest_of_bytes(DATA)
        assert other.count("/blobs/") == 1
        assert "Authorization" not in other.fields[0]


@needs_registry
def test_tags_are_read_in_pages(broken: Proxy) -> None:
    def paged(_method: str, path: str, answer: Answer) -> Answer:
        if "/tags/list" not in path:
            return answer
        if "last=" in path:
            return 200, {}, b'{"name":"t/calc","tags":["1.0.0","latest"]}'
        return 200, {"Link": '</v2/t/calc/tags/list?n=1&last=0.9.0>; rel="next"'}, b'{"name":"t/calc","tags":["0.9.0"]}'

    broken.spoil = paged
    place = Place(broken.host, "t/calc")
    assert Client(broken.host).tags(place) == ["0.9.0", "1.0.0", "latest"]
    assert [str(one) for one in Resolver(namespace_policy.load(), Store()).versions(place)] == ["0.9.0", "1.0.0"]
    broken.spoil = lambda _method, path, answer: (200, {}, b"<html>") if "/tags/list" in path else answer
    with pytest.raises(RegistryUnreachableError, match="not a list"):
        Client(broken.host).tags(place)
    away = {"Link": "<http://127.0.0.1:1/elsewhere?n=1>; rel=next"}
    broken.spoil = lambda _method, path, answer: (200, away, b"{}") if "/tags/list" in path else answer
    with pytest.raises(
        RegistryUnreachableError, match=r"continues at `http://127.0.0.1:1/elsewhere\?...`, which is not"
    ):
        Client(broken.host).tags(place)


@needs_registry
def test_next_page_is_requested_from_the_registry_itself(broken: Proxy) -> None:
    def paged(_method: str, path: str, answer: Answer) -> Answer:
        if "/tags/list" not in path:
            return answer
        if "last=" in path:
            return 200, {}, b'{"name":"t/calc","tags":["1.0.0"]}'
        link = '<http://registry.internal:5000/v2/t/calc/tags/list?n=1&last=0.9.0>; rel="next"'
        return 200, {"Link": link}, b'{"name":"t/calc","tags":["0.9.0"]}'

    broken.spoil = paged
    assert Client(broken.host).tags(Place(broken.host, "t/calc")) == ["0.9.0", "1.0.0"]


@needs_registry
def test_endless_list_is_refused(broken: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oci_client, "PAGES_LIMIT", 5)

    def endless(_method: str, path: str, answer: Answer) -> Answer:
        if "/tags/list" not in path:
            return answer
        return 200, {"Link": f'</v2/t/calc/tags/list?n={len(broken.seen)}>; rel="next"'}, b'{"tags":["1.0.0"]}'

    broken.spoil = endless
    with pytest.raises(RegistryUnreachableError, match="more than 5 pages"):
        Client(broken.host).tags(Place(broken.host, "t/calc"))
    assert broken.count("/tags/list") == 5


@needs_registry
def test_compressed_response_is_limited_by_its_content(broken: Proxy) -> None:
    def compressed(_method: str, path: str, answer: Answer) -> Answer:
        if "/manifests/" not in path:
            return answer
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (oci_client.MANIFEST_LIMIT + 1))

    broken.spoil = compressed
    with pytest.raises(RegistryUnreachableError, match="larger than"):
        fetch(CALC)


@needs_registry
@pytest.mark.parametrize("status", [405, 501])
def test_registry_without_head_requests_gets_the_blob_again(broken: Proxy, status: int, tmp_path: Path) -> None:
    broken.guard = lambda method, _path, _fields: (status, {}, b"") if method == "HEAD" else None
    assert publish(tmp_path, "2.0.0")["2.0.0"].digest
    assert publish(tmp_path, "2.0.0")["2.0.0"].digest
    assert broken.count("PUT /v2/t/calc/blobs/uploads/") == 4


@needs_registry
def test_text_of_a_registry_is_escaped(broken: Proxy) -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred\u202e"
    body = json.dumps({"errors": [{"code": "DENIED", "message": evil}]}).encode()
    broken.spoil = lambda _method, path, answer: (403, {}, body) if "/manifests/" in path else answer
    with pytest.raises(RegistryDeniedError, match=r"\\x1b\]0;owned\\x07\\x1b\[31mred\\u202e") as caught:
        fetch(CALC)
    assert str(caught.value).isprintable()
    manifest = {"schemaVersion": 2, "config": {"mediaType": evil}, "layers": []}
    broken.spoil = lambda _method, path, answer: (
        (200, {}, json.dumps(manifest).encode()) if "/manifests/" in path else answer
    )
    with pytest.raises(InvalidArtifactError, match=r"its configuration is `\\x1b") as refused:
        fetch(CALC)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "reference",
    ["https://ann:pa55@127.0.0.1:1/x.wasm", "https://pa55@127.0.0.1:1/x.wasm", "oci://ann:pa55@127.0.0.1:1/t/calc"],
)
def test_password_in_an_address_is_refused_and_not_printed(reference: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        fetch(reference)
    assert "pa55" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


@needs_registry
def test_signature_in_an_address_is_not_printed(broken: Proxy) -> None:
    away = {"Location": "http://storage.example.com/blob?X-Amz-Signature=5ecret"}
    broken.spoil = lambda _method, path, answer: (307, away, b"") if "/blobs/" in path else answer
    with pytest.raises(RegistryError, match=r"`http://storage.example.com/blob\?...`: requires plain HTTP") as caught:
        fetch(CALC)
    assert "5ecret" not in str(caught.value)


@needs_registry
def test_number_of_redirects_is_limited(broken: Proxy) -> None:
    broken.guard = lambda _method, path, _fields: (307, {"Location": path}, b"") if "/blobs/" in path else None
    with pytest.raises(RegistryError, match="more than 10 redirects"):
        fetch(CALC)
    assert broken.count("/blobs/") == 10


@needs_registry
def test_redirect_of_an_upload_to_a_get_is_refused(broken: Proxy, tmp_path: Path) -> None:
    broken.guard = lambda method, _path, _fields: (302, {"Location": "/v2/"}, b"") if method == "PUT" else None
    with pytest.raises(RegistryUnreachableError, match="answers 302"):
        publish(tmp_path, "2.1.0")


@needs_registry
def test_body_of_a_redirect_is_not_read(broken: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(32 << 20))
    fields = {"Location": "elsewhere", "Content-Encoding": "gzip"}
    broken.guard = lambda _method, path, _fields: (307, fields, bomb) if path.endswith(digest_of_bytes(DATA)) else None
    decompressed: list[int] = []
    monkeypatch.setattr("requests.Response.content", property(lambda _: decompressed.append(1) or b""))
    with pytest.raises(UnknownPackageError):
        fetch(CALC)
    assert decompressed == []


@needs_registry
def test_compression_bomb_is_not_unpacked(broken: Proxy, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    broken.guard = lambda _method, path, _fields: (
        (200, {"Content-Encoding": "gzip"}, bomb) if path.endswith(digest_of_bytes(DATA)) else None
    )
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="too long"):
            fetch(CALC)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.startswith(".part-")]


def test_unknown_host_name_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retry, "pause", staticmethod(lambda _: None))
    with pytest.raises(RegistryUnreachableError):
        fetch(f"oci://{'a' * 64}.example/t/calc:1.0.0")
