"""The local issuer over HTTP: its metadata, its errors, rotation, introspection."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from support.issuers import document

from wasmcp.auth.access_tokens import VerificationKeys, verify
from wasmcp.auth.issuer import MOST_KEYS, Issuer, serving
from wasmcp.errors import InvalidTokenError

FORM = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "secret"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving(clients={"app": "secret", "a:b": "c d"}) as found:
        yield found


def keys(issuer: Issuer) -> VerificationKeys:
    return VerificationKeys.fetch(issuer.jwks_uri)


def test_keys_are_found_through_the_metadata(issuer: Issuer) -> None:
    token = issuer.token(scopes=["read"], team="red")
    claims = verify(token, VerificationKeys.discover(issuer.url), issuer=issuer.url, audience=[issuer.audience])
    assert (claims["sub"], claims["scope"], claims["team"]) == ("alice", "read", "red")


def test_tokens_stay_valid_over_rotations_until_their_key_is_gone(issuer: Issuer) -> None:
    tokens = [issuer.token()]
    for _ in range(MOST_KEYS - 1):
        issuer.rotate()
        tokens.append(issuer.token())
    for token in tokens:
        assert verify(token, keys(issuer))
    issuer.rotate()
    assert len(issuer.jwks["keys"]) == MOST_KEYS
    with pytest.raises(InvalidTokenError):
        verify(tokens[0], keys(issuer))
    issuer.retire()
    with pytest.raises(InvalidTokenError):
        verify(tokens[-1], keys(issuer))
    assert verify(issuer.token(), keys(issuer))


def test_introspection_knows_both_kinds_of_tokens(issuer: Issuer) -> None:
    for made in (issuer.token(scopes=["a"]), issuer.opaque_token(scopes=["a"])):
        found = issuer.introspect(made)
        assert (found["active"], found["scope"], found["sub"]) == (True, "a", "alice")
        issuer.revoke(made)
        assert issuer.introspect(made) == {"active": False}
    for wrong in ("x", issuer.token(lifetime=-1), issuer.opaque_token(lifetime=-1), issuer.token(iss="https://b.test")):
        assert issuer.introspect(wrong) == {"active": False}


@pytest.mark.parametrize(
    ("path", "changes", "status", "error"),
    [
        ("/token", {"grant_type": "password"}, 400, "unsupported_grant_type"),
        ("/token", {"client_secret": "wrong"}, 401, "invalid_client"),
        ("/token", {"client_id": "other"}, 401, "invalid_client"),
        ("/token", {"scope": 'a "b"'}, 400, "invalid_scope"),
        ("/token", {"resource": "mcp"}, 400, "invalid_target"),
        ("/token", {"resource": "https://a.test/#x"}, 400, "invalid_target"),
        ("/introspect", {"client_secret": "wrong", "token": "x"}, 401, "invalid_client"),
        ("/introspect", {}, 400, "invalid_request"),
        ("/other", {}, 404, "not_found"),
    ],
)
def test_errors_are_those_of_oauth(issuer: Issuer, path: str, changes: dict[str, str], status: int, error: str) -> None:
    found, answer, fields = document(f"{issuer.url}{path}", {**FORM, **changes})
    assert (found, answer["error"]) == (status, error)
    assert ("www-authenticate" in {name.lower() for name in fields}) == (status == 401)
    assert "access_token" not in answer


def test_clients_can_use_basic_authentication(issuer: Issuer) -> None:
    form = {"grant_type": "client_credentials"}
    encoded = base64.b64encode(b"a%3Ab:c+d").decode()  # form-encoded first: RFC 6749, section 2.3.1
    assert document(f"{issuer.url}/token", form, authorization=f"Basic {encoded}")[0] == 200
    for wrong in (f"Basic {encoded}x", "Basic", "Basic \xff", f"Bearer {encoded}"):
        assert document(f"{issuer.url}/token", FORM, authorization=wrong)[0] == 401


def raw(issuer: Issuer, method: str, path: str, body: bytes = b"", **fields: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(issuer.url).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_malformed_requests_are_refused(issuer: Issuer) -> None:
    kind = "application/x-www-form-urlencoded"
    assert raw(issuer, "GET", "/token") == 405
    assert raw(issuer, "GET", "/nothing") == 404
    assert raw(issuer, "PUT", "/token") == 501
    assert raw(issuer, "GET", "/jwks.json", host="evil.test") == 403
    assert raw(issuer, "POST", "/token", b"a=b", host="evil.test:80", content_type=kind) == 403
    assert raw(issuer, "POST", "/token", b"{}", content_type="application/json") == 400
    assert raw(issuer, "POST", "/token", b"a=1&a=2", content_type=kind) == 400
    assert raw(issuer, "POST", "/token", b"&".join(b"x" for _ in range(100)), content_type=kind) == 400
    assert raw(issuer, "POST", "/token", b"a=\xff", content_type=kind) == 400
    assert raw(issuer, "POST", "/token", content_type=kind, content_length="9" * 9) == 413
    assert raw(issuer, "POST", "/token", content_type=kind, content_length="-1") == 413


def test_it_listens_on_loopback_only_and_bounds_its_connections(issuer: Issuer) -> None:
    host, port = urlsplit(issuer.url).hostname, urlsplit(issuer.url).port
    assert host == "127.0.0.1"
    assert port is not None
    waiting = [socket.create_connection((host, port), timeout=60) for _ in range(80)]
    try:
        for one in waiting[:40]:
            one.sendall(b"GET /jwks.json HTTP/1.0\r\nhost: localhost\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.0 200"
        assert waiting[-1].recv(1) == b""
    finally:
        for one in waiting:
            one.close()
    deadline = time.monotonic() + 60
    while True:  # the threads of the closed connections end soon
        with contextlib.suppress(OSError):
            assert document(issuer.jwks_uri)[0] == 200
            break
        assert time.monotonic() < deadline


def test_the_settings_are_those_of_a_server(issuer: Issuer) -> None:
    settings = issuer.settings("http://127.0.0.1:81/mcp")
    assert settings["JWT_AUDIENCE"] == "http://127.0.0.1/mcp,http://127.0.0.1:81/mcp"
    assert settings["WASMCP_SERVER_URI"] == "http://127.0.0.1:81/mcp"
    assert issuer.settings()["WASMCP_SERVER_URI"] == "http://127.0.0.1/mcp"
