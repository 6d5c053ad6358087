"""Registries with token servers, as public ones have them (`support.token_servers`)."""

from __future__ import annotations

import base64
import email.utils
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.registries import Answer, Proxy, docker_registry, forget, namespaces, needs_registry, proxy, publish
from support.token_servers import PASSWORD, REFRESH, USER, TokenServer, guarded, token_server

from wasmcp.errors import RegistryDeniedError, RegistryError, RegistryUnreachableError
from wasmcp.registry.oci import references
from wasmcp.registry.oci.client import Challenge, challenges
from wasmcp.registry.oci.transfers import fetch
from wasmcp.registry.oci.transport import Retry
from wasmcp.storage import digest_of_bytes

DATA = tools_component("registry", "add")
CALC = "acme:calc@1.0.0"
Login = Callable[..., None]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two tries, which are not made."""
    found: list[float] = []
    monkeypatch.setattr(Retry, "pause", staticmethod(found.append))
    return found


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Callable[[str], None]:
    """Makes a user without credentials, whose namespace `acme` is at a host."""
    del pauses
    monkeypatch.setenv("HOME", str(tmp_path))

    def make(host: str) -> None:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/t")

    return make


@pytest.fixture
def login(tmp_path: Path) -> Login:
    """Writes an entry of Docker's `config.json`."""

    def write(host: str, **entry: str) -> None:
        (tmp_path / "docker").mkdir(exist_ok=True)
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {host: entry}}))

    return write


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server() as found:
        yield found


@needs_registry
def test_anonymous_pull_with_a_token(calc_registry: str, tokens: TokenServer, user: Callable[[str], None]) -> None:
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        assert fetch(CALC).digest == digest_of_bytes(DATA)
        ((method, path, form, authorization),) = tokens.seen
        assert (method, path, authorization) == ("GET", "/token", "")
        assert form == {"service": front.host, "scope": "repository:t/calc:pull"}


@needs_registry
def test_push_with_a_password(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], login: Login, tmp_path: Path
) -> None:
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        with pytest.raises(RegistryDeniedError, match=r"requires credentials \(401\).*no credentials were found"):
            publish(tmp_path, "7.0.0")
        login(front.host, username=USER, password=PASSWORD)
        pushed = publish(tmp_path, "7.0.0")["7.0.0"]
        assert fetch("acme:calc@7.0.0").digest == pushed.digest
        assert {form["scope"] for _, _, form, _ in tokens.seen} == {
            "repository:t/calc:pull",
            "repository:t/calc:pull,push",
        }


@needs_registry
def test_identity_token_is_exchanged(
    calc_registry: str, user: Callable[[str], None], login: Login, tmp_path: Path
) -> None:
    # What `az acr login` leaves: a user without a password, and a refresh token.
    nobody = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
    with token_server(refresh_only=True, public=False) as azure, guarded(calc_registry, azure, public=False) as front:
        user(front.host)
        login(front.host, auth=nobody, identitytoken=REFRESH)
        pushed = publish(tmp_path, "8.0.0")["8.0.0"]
        assert fetch("acme:calc@8.0.0").digest == pushed.digest
        assert {(method, authorization) for method, _, _, authorization in azure.seen} == {("POST", "")}
        assert all(form["refresh_token"] == REFRESH and form["service"] == front.host for _, _, form, _ in azure.seen)
        login(front.host, auth=nobody, identitytoken="expired")
        with pytest.raises(RegistryDeniedError, match=r"rejects the identity token of `.*config\.json` \(401\)"):
            publish(tmp_path, "8.0.1")


@needs_registry
def test_identity_token_of_a_helper(
    calc_registry: str, user: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "bin" / "docker-credential-token"
    helper.parent.mkdir()
    helper.write_text(f'#!/bin/sh\necho \'{{"Username": "<token>", "Secret": "{REFRESH}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"credsStore": "token"}))
    with token_server(refresh_only=True, public=False) as azure, guarded(calc_registry, azure, public=False) as front:
        user(front.host)
        assert fetch(CALC).digest == digest_of_bytes(DATA)


@needs_registry
def test_registry_token_is_sent_unchanged(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], login: Login
) -> None:
    with guarded(calc_registry, tokens, public=False) as front:
        user(front.host)
        text = base64.urlsafe_b64encode(f"{USER}|repository:t/calc:pull".encode()).decode().rstrip("=")
        login(front.host, registrytoken=text)
        assert fetch(CALC).digest == digest_of_bytes(DATA)
        assert tokens.seen == []


@needs_registry
def test_private_repository_requires_credentials(calc_registry: str, user: Callable[[str], None], login: Login) -> None:
    with token_server(public=False) as github, guarded(calc_registry, github, public=False) as front:
        user(front.host)
        with pytest.raises(RegistryDeniedError, match=r"\(401\).*no credentials were found") as caught:
            fetch(CALC)
        assert caught.value.status == 401
        login(front.host, username=USER, password="not" + PASSWORD)
        with pytest.raises(RegistryDeniedError, match=rf"`{github.host}` rejects the user and password.*incorrect"):
            fetch(CALC)


@needs_registry
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_busy_token_server_is_retried(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], pauses: list[float], status: int
) -> None:
    tokens.answers = [(status, {}, b"later"), (status, {"Retry-After": "7"}, b"later")]
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        assert fetch(CALC).digest == digest_of_bytes(DATA)
        assert len(tokens.seen) == 3
        assert pauses[0] < 1
        assert pauses[1:] == [7.0]


@needs_registry
def test_rate_limit_is_reported_as_such(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], pauses: list[float]
) -> None:
    limited = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}'
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        tokens.answers = [(429, {}, limited)] * 5
        with pytest.raises(
            RegistryUnreachableError, match=rf"`{tokens.host}` answers 429 \(You have reached"
        ) as caught:
            fetch(CALC)
        assert caught.value.status == 429
        assert len(tokens.seen) == 5
        assert len(pauses) == 4


@needs_registry
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_pause_is_limited(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], pauses: list[float], form: str
) -> None:
    later = "3600" if form == "seconds" else email.utils.formatdate(time.time() + 3600, usegmt=True)
    tokens.answers = [(429, {"Retry-After": later}, b"")]
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        with pytest.raises(RegistryUnreachableError, match=r"answers 429, and requests a pause of 3\d\d\d s"):
            fetch(CALC)
    assert pauses == []
    assert len(tokens.seen) == 1


@needs_registry
def test_sum_of_pauses_is_limited(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], pauses: list[float]
) -> None:
    tokens.answers = [(503, {"Retry-After": "60"}, b"")] * 5
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        with pytest.raises(RegistryUnreachableError, match="requests a pause of 60 s"):
            fetch(CALC)
    assert pauses == [60.0, 60.0]


@needs_registry
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, b"<html>"), "answers without a token"),
        ((200, {}, b"[]"), "answers without a token"),
        ((200, {}, b'{"token": 1}'), "answers without a token"),
        ((200, {}, b'{"token": "a\\r\\nX-Injected: 1"}'), "answers without a token"),
        ((200, {}, b'{"token":"' + b"a" * (1 << 20) + b'"}'), "larger than 1048576 bytes"),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (64 << 20))), "larger than 1048576 bytes"),
        ((200, {"Content-Encoding": "br"}, b"x"), "encoding `br`"),
        ((404, {}, b""), "answers 404"),
        ((302, {"Location": "http://127.0.0.1:1/elsewhere"}, b""), "does not answer"),
        ((302, {"Location": "https://user:pa55@127.0.0.1/"}, b""), "a user name or a password"),
    ],
)
def test_token_server_without_a_token(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], answer: Answer, message: str
) -> None:
    with guarded(calc_registry, tokens) as front:
        user(front.host)
        tokens.answers = [answer] * 5
        with pytest.raises(RegistryError, match=message) as caught:
            fetch(CALC)
        assert "pa55" not in str(caught.value)


@needs_registry
@pytest.mark.parametrize(
    ("realm", "message"),
    [
        ("file:///etc/passwd", "not an `http` or `https` address"),
        ("", "not an `http` or `https` address"),
        ("/token", "not an `http` or `https` address"),
        ("http://registry.example.com/token", "requires plain HTTP"),
        ("https://ann:pa55@registry.example.com/token", "user name or a password"),
        ("https://127.0.0.1\\\\@registry.example.com/token", "backslash"),
    ],
)
def test_invalid_realm_is_not_contacted(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], realm: str, message: str
) -> None:
    with guarded(calc_registry, tokens, realm=realm or " ") as front:
        user(front.host)
        with pytest.raises(RegistryError, match=message) as caught:
            fetch(CALC)
        assert "pa55" not in str(caught.value)


@needs_registry
def test_credentials_do_not_follow_redirects_of_a_token_server(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], login: Login
) -> None:
    with guarded(calc_registry, tokens) as front, token_server() as other:
        user(front.host)
        away = {"Location": f"http://{other.host}/token"}
        login(front.host, username=USER, password=PASSWORD)
        tokens.answers = [(302, away, b"")]
        with pytest.raises(RegistryUnreachableError, match=rf"the token server `{tokens.host}` answers 302"):
            fetch(CALC)
        login(front.host, identitytoken=REFRESH)
        tokens.answers = [(307, away, b"")]
        with pytest.raises(RegistryUnreachableError, match=rf"the token server `{tokens.host}` answers 307"):
            fetch(CALC)
        assert other.seen == []
        tokens.answers = [(307, {"Location": "/elsewhere"}, b"")]
        assert fetch(CALC).digest == digest_of_bytes(DATA), "a redirect within its origin is followed"
        assert tokens.seen[-1][1] == "/elsewhere"


@needs_registry
@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_challenge_of_a_redirect_target_is_not_answered(
    calc_registry: str, user: Callable[[str], None], login: Login, scheme: str, tokens: TokenServer
) -> None:
    """Storage that a registry redirects to must not get the credentials of the registry, by no way."""
    challenge = f'{scheme} realm="http://{tokens.host}/token",service="s",scope="x"'
    with proxy(calc_registry) as front, proxy(calc_registry) as storage:
        user(front.host)
        login(front.host, username=USER, password=PASSWORD)
        storage.guard = lambda _method, _path, _fields: (401, {"WWW-Authenticate": challenge}, b"")

        def redirecting(_method: str, path: str, fields: dict[str, str]) -> Answer | None:
            if "Authorization" not in fields:
                return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b""
            return (307, {"Location": f"http://{storage.host}{path}"}, b"") if "/blobs/" in path else None

        front.guard = redirecting
        with pytest.raises(
            RegistryDeniedError, match=rf"`{front.host}` redirects to `{storage.host}`, which denies access"
        ):
            fetch(CALC)
        assert storage.count("/blobs/") == 1
        assert all("Authorization" not in fields for fields in storage.fields)
        assert tokens.seen == []


@needs_registry
def test_challenge_of_a_plain_http_target_is_not_answered(
    calc_registry: str, user: Callable[[str], None], login: Login, tokens: TokenServer
) -> None:
    with proxy(calc_registry) as front, guarded(calc_registry, tokens, public=False) as other:
        user(front.host)
        login(front.host, username=USER, password=PASSWORD)
        path = f"/v2/t/calc/blobs/{digest_of_bytes(DATA)}"
        front.guard = lambda _method, _path, _fields: (302, {"Location": f"http://{other.host}{path}"}, b"")
        with pytest.raises(RegistryDeniedError, match="redirects to"):
            fetch(f"http://{front.host}/open-redirect")
        assert tokens.seen == []
        assert all("Authorization" not in fields for fields in other.fields)


@needs_registry
def test_credentials_do_not_follow_an_upload_to_another_origin(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], login: Login, tmp_path: Path
) -> None:
    with guarded(calc_registry, tokens) as front, proxy(calc_registry) as storage:
        user(front.host)
        login(front.host, username=USER, password=PASSWORD)

        def elsewhere(method: str, _path: str, answer: Answer) -> Answer:
            if method == "POST" and "Location" in answer[1]:
                location = answer[1]["Location"].replace(calc_registry, storage.host)
                return answer[0], {**answer[1], "Location": location}, answer[2]
            return answer

        front.spoil = elsewhere
        assert publish(tmp_path, "9.0.0")["9.0.0"].digest
        assert storage.count("PUT /v2/t/calc/blobs/uploads/") == 2
        assert all("Authorization" not in fields for fields in storage.fields)


@needs_registry
def test_origin_of_an_upload_is_compared_in_normal_form(
    calc_registry: str, tokens: TokenServer, user: Callable[[str], None], login: Login, tmp_path: Path
) -> None:
    with guarded(calc_registry, tokens) as front:
        port = front.host.rpartition(":")[2]
        front_host = f"localhost:{port}"
        user(front_host)
        login(front_host, username=USER, password=PASSWORD)

        def spelled(method: str, _path: str, answer: Answer) -> Answer:
            if method == "POST" and "Location" in answer[1]:
                location = answer[1]["Location"].replace(calc_registry, f"LocalHost:0{port}")
                return answer[0], {**answer[1], "Location": location}, answer[2]
            return answer

        front.spoil = spelled
        assert publish(tmp_path, "9.1.0")["9.1.0"].digest


@needs_registry
def test_path_of_a_key_selects_repositories(
    calc_registry: str,
    tokens: TokenServer,
    user: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {"username": USER, "password": PASSWORD}
    for key, pushes in (("{}/t", True), ("{}/t/calc", True), ("{}/x", False), ("127.0.0.1", False), ("", False)):
        with guarded(calc_registry, tokens) as front:
            user(front.host)
            (tmp_path / "docker").mkdir(exist_ok=True)
            document = {"auths": {key.format(front.host): entry}}
            (tmp_path / "docker" / "config.json").write_text(json.dumps(document))
            forget(tmp_path, monkeypatch)
            if pushes:
                assert publish(tmp_path, "9.2.0")["9.2.0"].digest
            else:
                with pytest.raises(RegistryDeniedError, match="no credentials were found"):
                    publish(tmp_path, "9.2.0")


@needs_registry
def test_docker_hub_is_requested_at_its_api_host(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, Path],
    user: Callable[[str], None],
    login: Login,
) -> None:
    with docker_registry(tmp_path / "hub", tls=certificate, users={USER: PASSWORD}) as api:
        monkeypatch.setattr(references, "DOCKER_HUB_API", api)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        user("Docker.io")
        login("https://index.docker.io/v1/", auth=base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        assert pushed.place.host == "docker.io"
        for name in ("docker.io", "index.docker.io", "registry-1.docker.io:443"):
            assert fetch(f"oci://{name}/t/calc:1.0.0").digest == pushed.digest


@needs_registry
def test_registry_on_this_machine_is_not_requested_through_a_proxy(
    calc_registry: str, broken: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    del calc_registry
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(CALC).digest == digest_of_bytes(DATA)
    assert broken.seen


@needs_registry
def test_cookies_are_not_stored(broken: Proxy) -> None:
    broken.spoil = lambda _method, _path, answer: (answer[0], {**answer[1], "Set-Cookie": "a=b; Path=/"}, answer[2])
    assert fetch(CALC).digest == digest_of_bytes(DATA)
    assert all("Cookie" not in fields for fields in broken.fields)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        ("Basic", [("basic", {})]),
        (
            'Bearer realm="https://a.example/t",service=b,scope="c:d:e"',
            [("bearer", {"realm": "https://a.example/t", "service": "b", "scope": "c:d:e"})],
        ),
        (
            'Basic realm="a, b", BEARER Realm="https://a.example/?x=\\"1\\"" , service = "s"',
            [("basic", {"realm": "a, b"}), ("bearer", {"realm": 'https://a.example/?x="1"', "service": "s"})],
        ),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
        ('realm="a"', []),
        ('Bearer realm="', [("bearer", {})]),
        ("=,;=;\x00 é", []),
    ],
)
def test_parsing_of_challenges(field: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert challenges(field) == [Challenge(*one) for one in expected]
