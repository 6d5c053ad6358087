"""Talking to registries that refuse, are busy, break off, or send us elsewhere."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
from compose_inputs import tools_component
from registries import Answer, Proxy, namespaces, needs_registry, proxy

from wasmcp.errors import (
    PackageNotFound,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
)
from wasmcp.registry import oci_client, settings
from wasmcp.registry.oci import fetch
from wasmcp.registry.oci_client import Client
from wasmcp.registry.references import Place
from wasmcp.registry.resolving import Resolver
from wasmcp.registry.store import Store
from wasmcp.storage.digest import of_bytes

DATA = tools_component("registry", "add")
CALC = "acme:calc@1.0.0"


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
def test_credentials_stay_with_their_registry(
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
