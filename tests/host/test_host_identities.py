"""Verified identities in rate limits and in the audit log."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import mirrored, request
from support.server_processes import Process, free_port, served
from support.tokens import ISSUER, SERVER, claims, compose, jwk, private_key, signed, whoami_component

from wasmcp.host import Server, open_server
from wasmcp.host.operations.rate_limits import Rate, RateLimiter, RateLimits
from wasmcp.host.operations.request_records import Identities, Identity, RequestRecord
from wasmcp.host.transports.asgi import App
from wasmcp.host.transports.asgi_middleware import RECORD, Admission

KEY = private_key("ES256")
JWKS = json.dumps({"keys": [jwk(KEY, "ES256")]})
OAUTH = {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": ISSUER, "JWT_JWKS": JWKS, "WASMCP_SERVER_URI": SERVER}
CALL = request("tools/call", {"name": "whoami", "arguments": {}})
STREAMED = request("tools/call", {"name": "whoami", "arguments": {}, "_meta": CALL["params"]["_meta"]})
STREAMED["params"]["_meta"] = {**CALL["params"]["_meta"], "progressToken": "p"}


def token(subject: str, *, key: Any = KEY, **more: Any) -> str:
    return signed(key, "ES256", {"alg": "ES256"}, claims(sub=subject, **more))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identities")
    path = folder / "server.wasm"
    path.write_bytes(compose(whoami_component(folder)))
    return path


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    with open_server(path, settings=OAUTH, instances=1) as opened:
        yield opened


class Sent:
    """A response of the application, and the record of its request."""

    def __init__(self, app: App, bearer: str | None, *fields: tuple[bytes, bytes], message: Any = CALL) -> None:
        self.messages: list[Any] = []
        self.record = RequestRecord(0.0, "192.0.2.1", "POST", "/mcp", "1.1")
        head = {**mirrored(message), "host": "127.0.0.1"}
        head |= {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        headers = [(name.lower().encode(), value.encode()) for name, value in head.items()]
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "headers": [*headers, *fields],
            "client": ("192.0.2.1", 1),
            RECORD: self.record,
        }
        self._body = json.dumps(message).encode()
        self._app = app

    async def run(self) -> Sent:
        bodies = [{"type": "http.request", "body": self._body, "more_body": False}]

        async def receive() -> Any:
            return bodies.pop(0) if bodies else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            self.messages.append(message)

        await self._app(self.scope, receive, send)
        assert b"wasmcp-" not in b" ".join(name for name, _ in self.messages[0]["headers"])
        return self

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])


Run = Callable[..., list[int]]


@pytest.fixture
def run() -> Iterator[Run]:
    """Process requests one after the other, on one event loop, and return their statuses."""
    with asyncio.Runner() as runner:

        async def all_of_them(requests: tuple[Sent, ...]) -> list[int]:
            return [(await asyncio.wait_for(each.run(), 60)).status for each in requests]

        yield lambda *requests: runner.run(all_of_them(requests))


def limited(server: Server, number: int) -> App:
    limits = RateLimits("identity", {"requests": Rate(number, 3600.0)})
    return App(server, Admission(RateLimiter(limits), lambda _: False))


class TestRateLimits:
    def test_all_tokens_of_a_principal_count_together(self, server: Server, run: Run) -> None:
        app = limited(server, 3)
        tokens = [token("alice", jti=str(n)) for n in range(5)]
        requests = [Sent(app, one) for one in tokens]
        assert run(*requests) == [200, 200, 200, 429, 429]
        assert requests[4].record.identity == (ISSUER, "alice")
        assert run(Sent(app, token("bob")), Sent(app, token("Alice"))) == [200, 200]

    def test_another_issuer_is_another_principal(self, path: Path, run: Run) -> None:
        settings = {name: value for name, value in OAUTH.items() if name != "JWT_ISSUER"}
        with open_server(path, settings=settings, instances=1) as server:
            app = limited(server, 1)
            issuers = (ISSUER, "https://other.test", None)
            assert run(*(Sent(app, token("alice", iss=each)) for each in issuers)) == [200, 200, 200]
            assert run(*(Sent(app, token("alice", iss=each, jti="x")) for each in issuers)) == [429, 429, 429]

    def test_requests_without_a_valid_token_count_by_address(self, server: Server, run: Run) -> None:
        app = limited(server, 2)
        forged = token("alice", key=private_key("ES256"))
        expired = token("alice", exp=1)
        forged_field = (b"wasmcp-identity", base64.urlsafe_b64encode(f"{ISSUER}\nalice".encode()))
        only = (b"wasmcp-identify", b"only")
        assert run(Sent(app, forged, forged_field), Sent(app, expired, only), Sent(app, None)) == [401, 401, 429]
        assert run(Sent(app, token("alice")), Sent(app, token("alice"))) == [200, 200]
        assert run(Sent(app, token("alice"))) == [429]

    def test_a_limited_request_reaches_no_component(self, server: Server, run: Run) -> None:
        app = limited(server, 1)
        second = Sent(app, token("alice"))
        assert run(Sent(app, token("alice")), second) == [200, 429]
        answer = json.loads(second.messages[1]["body"])
        assert answer["error"]["code"] == -32000
        assert "result" not in answer


class TestAudit:
    def test_the_identity_is_recorded_and_the_client_does_not_see_it(self, server: Server, run: Run) -> None:
        app = App(server, Admission(None, lambda _: False, identifies=True))
        requests = [
            Sent(app, token("alice")),
            Sent(app, token("carol \N{SNOWMAN}\n")),
            Sent(app, token("alice", exp=1)),
            Sent(app, None),
            Sent(app, None, (b"wasmcp-identity", b"x"), (b"Wasmcp-Identify", b"with")),
        ]
        assert run(*requests) == [200, 200, 401, 401, 401]
        known = [each.record.identity for each in requests]
        assert known == [(ISSUER, "alice"), (ISSUER, "carol \N{SNOWMAN}\n"), None, None, None]

    def test_the_identity_of_a_streamed_response_is_recorded(self, server: Server, run: Run) -> None:
        app = App(server, Admission(None, lambda _: False, identifies=True))
        streamed = Sent(app, token("alice"), message=STREAMED)
        assert run(streamed) == [200]
        assert b"notifications/progress" in streamed.messages[1]["body"]
        assert streamed.record.identity == (ISSUER, "alice")

    def test_a_public_server_has_no_identities(self, path: Path, run: Run) -> None:
        with open_server(path, instances=1) as server:
            app = App(server, Admission(None, lambda _: False, identifies=True))
            request = Sent(app, token("alice"))
            assert run(request) == [200]
            assert request.record.identity is None


class TestIdentities:
    def test_a_bounded_number_of_tokens_is_known(self) -> None:
        identities = Identities()
        for n in range(5000):
            fields = [(b"authorization", b"Bearer %d" % n)]
            digest, known = identities.find(fields)
            assert digest is not None
            assert known is None
            identities.keep(digest, Identity(None, str(n)))
        assert identities.find([(b"authorization", b"Bearer 4999")])[1] == (None, "4999")
        assert identities.find([(b"authorization", b"Bearer 0")])[1] is None
        assert identities.find([(b"authorization", b"a"), (b"authorization", b"b")]) == (None, None)
        assert identities.find([]) == (None, None)


class TestServe:
    def test_limits_and_audit_log_by_identity(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.host.test_host_issuers import connected

        for name, value in OAUTH.items():
            monkeypatch.setenv(name, value)
        port, audit = free_port(), tmp_path / "audit.log"
        options = ["--rate-limit", "tools=1/hour", "--rate-limit-by", "identity", "--audit-log", str(audit)]
        with served(str(path), "--port", str(port), *options) as process:
            statuses = []
            for subject in ("alice", "alice", "bob"):
                head = mirrored(CALL) | {"authorization": f"Bearer {token(subject)}"}
                statuses.append(connected(port, json.dumps(CALL), head).status)
            statuses.append(connected(port, json.dumps(CALL), mirrored(CALL)).status)
            process.stop()
        assert statuses == [200, 429, 200, 401]
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        assert [line["identity"] and line["identity"]["subject"] for line in lines] == ["alice", "alice", "bob", None]
        assert [line["decision"] for line in lines] == ["allowed", "limited", "allowed", "denied"]
        assert "eyJ" not in audit.read_text()

    def test_limits_by_identity_need_authorization(self, path: Path) -> None:
        process = Process(
            str(path), "--port", str(free_port()), "--rate-limit-by", "identity", "--rate-limit", "tools=1/hour"
        )
        assert process.process.wait(60) == 1
        process.wait_for("rate limits by identity need identities")
