"""Keys that the host fetches for the authorization of a server, discovery of issuers, and introspection of tokens."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import mirrored, request
from support.issuers import Issuer, issuer_server, respond
from support.server_processes import free_port, served
from support.tokens import SERVER, compose, private_key, whoami_component
from support.waiting import wait_until, wait_without

from wasmcp.errors import InvalidSettingError, IssuerDocumentError
from wasmcp.host import Server, open_server
from wasmcp.host.authorization import documents
from wasmcp.host.authorization.documents import discover
from wasmcp.host.authorization.issuer import LONGEST_PAUSE, PAUSE, STALE, IssuerSettings, KeyCache, Keys
from wasmcp.host.engine import logs

CALL = request("tools/call", {"name": "whoami", "arguments": {}})
FUTURE = 4_000_000_000


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whoami_component(tmp_path_factory.mktemp("whoami"))


@pytest.fixture(scope="module")
def protected(component: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("servers") / "server.wasm"
    path.write_bytes(compose(component))
    return path


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuer_server() as found:
        yield found


@pytest.fixture
def opened(protected: Path) -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def opened(instances: int = 1, **settings: str) -> Server:
            whole = {"WASMCP_AUTH_MODE": "oauth", "WASMCP_SERVER_URI": SERVER, **settings}
            return stack.enter_context(open_server(protected, settings=whole, instances=instances))

        yield opened


def call(server: Server, token: str | None, *more: tuple[str, str]) -> Any:
    head = [("host", "127.0.0.1"), *mirrored(CALL).items(), *more]
    head += [] if token is None else [("authorization", f"Bearer {token}")]
    return server.http("POST", "/mcp", head, json.dumps(CALL))


def subject(response: Any) -> str:
    assert response.status == 200, response.body
    return str(json.loads(response.body)["result"]["content"][0]["text"]).split("|")[0]


def error(response: Any) -> tuple[int, str]:
    """Return status and error of a denial, which tells the client nothing else."""
    assert "wasmcp-" not in str(response.headers)
    assert "127.0.0.1:" not in response.body
    assert dict(response.headers)["www-authenticate"].startswith("Bearer")
    return response.status, json.loads(response.body)["error"]


CLIENT = {"JWT_INTROSPECTION_CLIENT_ID": "server one", "JWT_INTROSPECTION_CLIENT_SECRET": "s3cret:/"}
INVALID = (401, "invalid_token")
UNAVAILABLE = (503, "temporarily_unavailable")


class TestKeys:
    def test_keys_are_fetched_once_for_all_instances(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        server = opened(4, JWT_ISSUER=issuer.url, JWT_JWKS_URI=f"{issuer.url}/jwks")
        token = issuer.token("first")
        with ThreadPoolExecutor(8) as threads:
            assert {subject(each) for each in threads.map(lambda _: call(server, token), range(40))} == {"alice"}
        assert issuer.fetches("/jwks") == 1
        assert error(call(server, issuer.token("first", aud="https://other.test"))) == INVALID

    def test_port_path_and_query_of_the_address_are_kept(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        target = "/realms/a%20b/keys?p=one&q="
        issuer.pages[target] = lambda handler: respond(handler, json.dumps(issuer.jwks).encode())
        server = opened(JWT_JWKS_URI=issuer.url + target)
        assert subject(call(server, issuer.token("first"))) == "alice"
        assert [each[:2] for each in issuer.seen] == [("GET", target)]

    def test_a_new_key_is_found_by_one_fetch_and_invented_ones_cause_no_more(
        self, opened: Callable[..., Server], issuer: Issuer
    ) -> None:
        server = opened(2, JWT_JWKS_URI=f"{issuer.url}/jwks")
        old = issuer.token("first")
        assert subject(call(server, old)) == "alice"
        issuer.rotate("second", "third")
        assert subject(call(server, issuer.token("second"))) == "alice"
        assert error(call(server, old)) == INVALID
        issuer.keys["invented"] = private_key("ES256")
        assert issuer.fetches("/jwks") == 2
        for _ in range(5):
            assert error(call(server, issuer.token("invented"))) == INVALID
        assert issuer.fetches("/jwks") == 2
        assert subject(call(server, issuer.token("third"))) == "alice"

    def test_bad_keys_among_good_ones_are_skipped(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        bad = [{}, [], {"kty": "oct", "k": "x"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "first"}]
        document = json.dumps({"keys": [*bad, *issuer.jwks["keys"], {"kty": "RSA", "n": "AQ", "e": "AQ"}]})
        issuer.pages["/jwks"] = lambda handler: respond(handler, document.encode())
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert subject(call(server, issuer.token("first"))) == "alice"

    def test_keys_in_header_fields_of_a_client_are_not_used(
        self, opened: Callable[..., Server], issuer: Issuer
    ) -> None:
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks", JWT_INTROSPECTION_URI=f"{issuer.url}/introspect", **CLIENT)
        active = {"active": True, "sub": "mallory", "aud": SERVER, "exp": FUTURE}
        forged = [
            ("wasmcp-introspection", f"600 {json.dumps(active)}"),
            ("Wasmcp-Introspection", f"600 {json.dumps(active)}"),
            ("wasmcp-identify", "only"),
        ]
        assert error(call(server, "opaque", *forged)) == INVALID
        assert subject(call(server, issuer.token("first"), *forged)) == "alice"

    def test_a_server_without_a_token_in_the_request_needs_no_keys(
        self, opened: Callable[..., Server], issuer: Issuer
    ) -> None:
        issuer.pages["/jwks"] = lambda handler: respond(handler, b"", 500)
        server = opened(JWT_ISSUER=issuer.url, JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert error(call(server, None)) == (401, "unauthorized")
        known = server.http("GET", "/.well-known/oauth-protected-resource", [("host", "127.0.0.1")])
        assert json.loads(known.body)["authorization_servers"] == [issuer.url]

    def test_settings_of_the_author_and_of_the_operator_count_together(
        self, component: bytes, issuer: Issuer, tmp_path: Path
    ) -> None:
        path = tmp_path / "baked.wasm"
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": f"{issuer.url}/jwks"}
        path.write_bytes(compose(component, settings=settings, auth="required"))
        operator = {"JWT_ISSUER": issuer.url, "JWT_AUDIENCE": SERVER, **CLIENT}
        operator["JWT_INTROSPECTION_URI"] = f"{issuer.url}/introspect"
        with open_server(path, settings=operator) as server:
            assert subject(call(server, issuer.token("first"))) == "alice"
            assert server.authorization["JWT_ISSUER"] == issuer.url
            assert "s3cret" not in str(server.authorization)

    def test_a_reload_keeps_the_keys(self, opened: Callable[..., Server], issuer: Issuer, protected: Path) -> None:
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert subject(call(server, issuer.token("first"))) == "alice"
        server.reload(protected)
        assert subject(call(server, issuer.token("first"))) == "alice"
        assert issuer.fetches("/jwks") == 1


def self_signed(folder: Path) -> Path:
    """Return a file with a key and its certificate for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = private_key("ES256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(1))
    builder = builder.not_valid_after(now + dt.timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(encoding))
    return path


def redirected(handler: Any) -> None:
    respond(handler, b"", 302, location="/elsewhere")


def large(handler: Any) -> None:
    respond(handler, b'{"keys": [' + b" " * 10_000_000 + b"]}")


def large_without_length(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"keys": [' + b" " * 10_000_000 + b"]}")


def closed(handler: Any) -> None:
    handler.connection.close()


ATTACKS: dict[str, tuple[Callable[[Any], None], str]] = {
    "redirect": (redirected, "status 302: redirects are not followed"),
    "10 MB": (large, "more than 524288 bytes"),
    "10 MB without a length": (large_without_length, "more than 524288 bytes"),
    "wrong type": (lambda handler: respond(handler, b'{"keys": []}', content_type="text/html"), "type `text/html`"),
    "not JSON": (lambda handler: respond(handler, b"\xff"), "not JSON"),
    "deep nesting": (lambda handler: respond(handler, b'{"keys": ' + b"[" * 100_000), "not JSON"),
    "a list": (lambda handler: respond(handler, b"[]"), "not a JSON object"),
    "no keys": (lambda handler: respond(handler, b'{"keys": {}}'), "no array `keys`"),
    "only bad keys": (lambda handler: respond(handler, b'{"keys": [{"kty": "oct", "k": "x"}]}'), "1 to 64 public keys"),
    "too many keys": (
        lambda handler: respond(handler, json.dumps({"keys": 65 * server_key()}).encode()),
        "1 to 64 public keys",
    ),
    "server error": (lambda handler: respond(handler, b"{}", 500), "status 500"),
    "connection closed": (closed, "cannot be reached"),
}


def server_key() -> list[Any]:
    from support.tokens import jwk

    return [jwk(private_key("ES256"), "ES256")]


class TestAttacks:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_a_bad_key_set_denies_and_the_next_good_one_is_used(
        self, opened: Callable[..., Server], issuer: Issuer, attack: str, caplog: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("wasmcp.host.authorization.issuer.FIRST_PAUSE", 0.05)
        page, reason = ATTACKS[attack]
        issuer.pages["/jwks"] = page
        issuer.pages["/elsewhere"] = lambda handler: respond(handler, json.dumps(issuer.jwks).encode())
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE
        assert "retry-after" in dict(call(server, issuer.token("first")).headers)
        assert issuer.fetches("/elsewhere") == 0
        del issuer.pages["/jwks"]
        response = call(server, issuer.token("first"))
        while response.status == 503:  # the pause after a failure
            threading.Event().wait(0.02)
            response = call(server, issuer.token("first"))
        assert subject(response) == "alice"
        assert issuer.fetches("/jwks") < 8
        logs.flush()
        assert reason in caplog.text

    def test_an_issuer_that_is_down_denies(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        with issuer_server() as down:
            port = down.port
        server = opened(JWT_JWKS_URI=f"http://127.0.0.1:{port}/jwks")
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE

    def test_a_call_that_waits_for_keys_delays_no_other_call(
        self, opened: Callable[..., Server], issuer: Issuer
    ) -> None:
        begun, released = threading.Event(), threading.Event()

        def wait(handler: Any) -> None:
            begun.set()
            assert released.wait(60)
            respond(handler, json.dumps(issuer.jwks).encode())

        issuer.pages["/jwks"] = wait
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks")
        with ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(call, server, issuer.token("first")) for _ in range(4)]
            assert begun.wait(60)
            for _ in range(20):  # the only instance is free
                assert error(call(server, None)) == (401, "unauthorized")
            assert not any(each.done() for each in waiting)
            released.set()
            assert {subject(each.result(60)) for each in waiting} == {"alice"}
        assert issuer.fetches("/jwks") == 1

    @pytest.mark.parametrize("slow", ["head", "body"])
    def test_a_slow_issuer_is_given_up(
        self, opened: Callable[..., Server], issuer: Issuer, slow: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def drip(handler: Any) -> None:
            if slow == "body":
                handler.send_response(200)
                handler.end_headers()
            while not issuer.over.wait(0.02):  # each read gets a byte, so that no time-out of a socket ends it
                handler.wfile.write(b" ")
                handler.wfile.flush()

        monkeypatch.setattr(documents, "TIMEOUT", 0.3)
        issuer.pages["/jwks"] = drip
        with pytest.raises(IssuerDocumentError, match="not complete within"):
            documents.fetch(f"{issuer.url}/jwks")
        server = opened(JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE

    def test_certificates_are_checked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        certificate = self_signed(tmp_path)
        with issuer_server(certificate) as protected:
            url = protected.url.replace("http:", "https:") + "/jwks"
            with pytest.raises(IssuerDocumentError, match="CERTIFICATE_VERIFY_FAILED"):
                documents.fetch(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert documents.fetch(url)[1] == protected.jwks
            with pytest.raises(IssuerDocumentError, match="CERTIFICATE_VERIFY_FAILED"):
                documents.fetch(url.replace("127.0.0.1", "localhost"))
            protected.pages["/slow"] = lambda _handler: protected.over.wait(60)
            with pytest.raises(IssuerDocumentError, match="not complete within"):
                documents.fetch(url.replace("/jwks", "/slow"), timeout=0.3)

    @pytest.mark.parametrize(
        "url",
        [
            "http://issuer.test/jwks",
            "http://127.0.0.1.issuer.test/jwks",
            "http://localhost@issuer.test/jwks",
            "http://localhost:80@issuer.test/jwks",
            "http://127.0.0.1\\@issuer.test/jwks",
            "https://user:secret@issuer.test/jwks",
            "https://issuer.test/jwks#x",
            "https://issuer.test/a b",
            "https://issuer.test:port/",
            "https://",
            "ftp://127.0.0.1/jwks",
            "file:///etc/passwd",
        ],
    )
    def test_addresses_that_are_not_protected_are_refused(self, opened: Callable[..., Server], url: str) -> None:
        if url != "https://issuer.test:port/":
            with pytest.raises(InvalidSettingError, match="JWT_JWKS_URI must be a URL that begins with `https://`"):
                opened(JWT_JWKS_URI=url).boot()
        if "#" not in url:
            with pytest.raises(IssuerDocumentError, match=r"URL|https"):
                documents.fetch(url)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Key sets that a cache fetches, and what it does with them."""

    def __init__(self) -> None:
        self.documents: list[str | None] = []
        self.states: list[str | None] = []
        self.fetched = 0
        self.allowed = threading.Semaphore(0)
        self.clock = Clock()
        self.cache = KeyCache(self._fetch, 600, self.states.append, self.clock)

    def _fetch(self) -> str:
        assert self.allowed.acquire(timeout=60)
        self.fetched += 1
        document = self.documents.pop(0)
        if document is None:
            raise IssuerDocumentError("https://issuer.test/jwks", "down")
        return document

    def request(self, seen: Keys) -> Keys | str | None:
        """Request newer keys and wait for them. Return `refused` if none are fetched."""
        answered = threading.Event()
        found: list[Keys | None] = []

        def then(newest: Keys | None) -> None:
            found.append(newest)
            answered.set()

        if not self.cache.request(seen, then):
            return "refused"
        self.allowed.release()
        assert answered.wait(60)
        return found[0]

    def fetch(self, document: str | None) -> Keys | str | None:
        """Let the cache fetch, because its keys are too old."""
        self.documents.append(document)
        return self.request(self.cache.current())


class TestKeyCache:
    def test_keys_are_used_for_their_time_to_live_and_then_fetched_again(self) -> None:
        source = Source()
        first = source.fetch("one")
        assert isinstance(first, Keys)
        source.clock.now += 599
        assert source.cache.current() is first
        assert source.fetched == 1
        source.clock.now += 2
        source.fetch("two")
        assert source.cache.current().document == "two"
        assert source.fetched == 2

    def test_the_same_keys_stay_the_same(self) -> None:
        source = Source()
        first = source.fetch("one")
        source.clock.now += 700
        assert source.fetch("one") is first
        assert source.cache.current() is first

    def test_old_keys_stay_in_use_while_the_issuer_is_down_and_not_longer(self) -> None:
        source = Source()
        first = source.fetch("one")
        source.clock.now += 700
        assert source.fetch(None) is None
        assert source.cache.current() is first
        source.clock.now += STALE - 101
        assert source.fetch(None) is None
        assert source.cache.current() is first
        source.clock.now += 1
        source.documents.append(None)
        assert source.cache.current().document == ""
        assert source.states == ["https://issuer.test/jwks: down"]

    def test_an_unknown_key_causes_one_fetch_in_a_time(self) -> None:
        source = Source()
        source.fetch("one")
        source.documents += ["two", "three"]
        assert source.request(source.cache.current()) is source.cache.current()
        assert source.request(source.cache.current()) == "refused"
        source.clock.now += PAUSE + 1
        assert source.request(source.cache.current()) is source.cache.current()
        assert source.fetched == 3

    def test_an_instance_with_old_keys_gets_those_that_are_there(self) -> None:
        source = Source()
        old = source.fetch("one")
        assert isinstance(old, Keys)
        source.documents.append("two")
        newest = source.request(source.cache.current())
        assert source.request(old) is newest
        assert source.fetched == 2

    def test_the_pause_after_failures_grows(self) -> None:
        source = Source()
        for pause in (1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE):
            assert source.fetch(None) is None
            source.clock.now += pause - 0.25
            assert source.request(source.cache.current()) == "refused"
            source.clock.now += 0.5
        assert source.fetched == 8

    def test_keys_that_cannot_be_used_are_replaced_by_those_before(self) -> None:
        source = Source()
        first = source.fetch("one")
        source.clock.now += 700
        bad = source.fetch("bad")
        assert isinstance(bad, Keys)
        source.cache.refuse(bad, "no key")
        assert source.cache.current() is first
        source.cache.refuse(bad, "no key")
        assert source.states == ["no key"]


class TestDiscovery:
    def test_keys_are_discovered_by_the_issuer_alone(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        issuer.metadata("/.well-known/oauth-authorization-server")
        server = opened(JWT_ISSUER=issuer.url)
        assert subject(call(server, issuer.token("first"))) == "alice"
        assert error(call(server, issuer.token("first", sub=""))) == INVALID

    @pytest.mark.parametrize(
        "path",
        [
            "/.well-known/oauth-authorization-server/tenant/one",
            "/.well-known/openid-configuration/tenant/one",
            "/tenant/one/.well-known/openid-configuration",
        ],
    )
    def test_metadata_is_found_at_each_address(self, issuer: Issuer, path: str) -> None:
        issuer.metadata(path, issuer=f"{issuer.url}/tenant/one")
        assert discover(f"{issuer.url}/tenant/one") == f"{issuer.url}/jwks"

    def test_a_page_that_is_no_document_is_passed_over(self, issuer: Issuer) -> None:
        page = "/.well-known/oauth-authorization-server"
        issuer.pages[page] = lambda handler: respond(handler, b"<html>", content_type="text/html")
        issuer.metadata("/.well-known/openid-configuration")
        assert discover(issuer.url) == f"{issuer.url}/jwks"

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"issuer": "https://other.test"}, "of another issuer, `https://other.test`"),
            ({"issuer": None}, "of another issuer, `None`"),
            ({"jwks_uri": None}, "has no `jwks_uri`"),
            ({"jwks_uri": "http://other.test/jwks"}, "must begin with `https://`"),
            ({"jwks_uri": "file:///etc/passwd"}, "must begin with `https://`"),
        ],
    )
    def test_metadata_that_cannot_be_trusted_denies(
        self, opened: Callable[..., Server], issuer: Issuer, members: dict[str, Any], reason: str
    ) -> None:
        issuer.metadata("/.well-known/oauth-authorization-server", **members)
        with pytest.raises(IssuerDocumentError) as caught:
            discover(issuer.url)
        assert reason in str(caught.value)
        assert error(call(opened(JWT_ISSUER=issuer.url), issuer.token("first"))) == UNAVAILABLE

    def test_keys_of_a_protected_issuer_are_protected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from wasmcp.host.authorization import documents

        document = {"issuer": "https://issuer.test", "jwks_uri": "http://127.0.0.1/jwks"}
        monkeypatch.setattr(documents, "fetch", lambda _url: ("", document))
        with pytest.raises(IssuerDocumentError, match="must begin with `https://`"):
            discover("https://issuer.test")

    def test_the_issuer_of_the_metadata_is_compared_whole(self, issuer: Issuer) -> None:
        issuer.metadata("/.well-known/oauth-authorization-server", issuer=f"{issuer.url}/")
        with pytest.raises(IssuerDocumentError, match="is of another issuer"):
            discover(issuer.url)

    def test_an_issuer_without_metadata_is_an_error_that_names_the_setting(
        self, opened: Callable[..., Server], issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert error(call(opened(JWT_ISSUER=issuer.url), issuer.token("first"))) == UNAVAILABLE
        logs.flush()
        assert "set `JWT_JWKS_URI`" in caplog.text
        with pytest.raises(IssuerDocumentError, match="has no metadata"):
            discover(issuer.url)


OPAQUE = {"active": True, "sub": "carol", "scope": "read write", "aud": SERVER, "exp": FUTURE, "client_id": "c"}


class TestIntrospection:
    @pytest.fixture
    def server(self, opened: Callable[..., Server], issuer: Issuer) -> Server:
        return opened(JWT_INTROSPECTION_URI=f"{issuer.url}/introspect", JWT_ISSUER=issuer.url, **CLIENT)

    def test_an_active_token_is_accepted_and_its_verdict_is_kept(self, server: Server, issuer: Issuer) -> None:
        issuer.tokens["opaque-1"] = OPAQUE
        for _ in range(3):
            assert subject(call(server, "opaque-1")) == "carol read write"
        assert len(issuer.seen) == 1
        method, path, body, credentials = issuer.seen[0]
        assert (method, path, body) == ("POST", "/introspect", "token=opaque-1&token_type_hint=access_token")
        import base64

        assert base64.b64decode(credentials.removeprefix("Basic ")) == b"server+one:s3cret%3A%2F"
        assert issuer.fetches("/jwks") == 0

    def test_an_inactive_token_is_denied_and_that_is_kept(self, server: Server, issuer: Issuer) -> None:
        for _ in range(3):
            response = call(server, "unknown")
            assert error(response) == INVALID
            assert "not active" in response.body
        assert len(issuer.seen) == 1

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"cnf": {"jkt": "x"}}, "neither DPoP nor mutual TLS is supported"),
            ({"token_type": "DPoP"}, "DPoP is not supported"),
            ({"exp": 1}, "expired"),
            ({"nbf": FUTURE}, "not valid yet"),
            ({"aud": "https://other.test"}, "aud"),
            ({"aud": None}, "aud"),
            ({"iss": "https://other.test"}, "iss"),
            ({"sub": None}, "sub"),
            ({"sub": 1}, "wrong type"),
            ({"exp": "4000000000"}, "wrong type"),
        ],
        ids=str,
    )
    def test_claims_of_a_response_are_checked(
        self, server: Server, issuer: Issuer, members: dict[str, Any], reason: str
    ) -> None:
        found = {**OPAQUE, **members}
        issuer.tokens["opaque"] = {name: value for name, value in found.items() if value is not None}
        response = call(server, "opaque")
        assert error(response) == INVALID
        assert reason in response.body

    def test_a_response_needs_no_expiry_and_no_issuer(self, server: Server, issuer: Issuer) -> None:
        issuer.tokens["opaque"] = {"active": True, "sub": "carol", "aud": [SERVER]}
        assert subject(call(server, "opaque")) == "carol"

    def test_all_tokens_are_introspected_without_keys(self, server: Server, issuer: Issuer) -> None:
        token = issuer.token("first")
        assert error(call(server, token)) == INVALID
        issuer.tokens[token + "x"] = OPAQUE
        assert subject(call(server, token + "x")) == "carol read write"

    def test_with_keys_only_opaque_tokens_are_introspected(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        uris = {"JWT_INTROSPECTION_URI": f"{issuer.url}/introspect", "JWT_JWKS_URI": f"{issuer.url}/jwks"}
        server = opened(**uris, **CLIENT)
        issuer.tokens["opaque"] = OPAQUE
        assert subject(call(server, "opaque")) == "carol read write"
        assert subject(call(server, issuer.token("first"))) == "alice"
        issuer.rotate("first")
        forged = issuer.token("first")
        issuer.rotate("first")
        issuer.tokens[forged] = OPAQUE
        assert error(call(server, forged)) == INVALID
        assert issuer.fetches("/introspect") == 1

    @pytest.mark.parametrize("token", ["a b", "a,b", "\xe9", "x" * 20_000, '"'])
    def test_texts_that_are_no_tokens_are_not_sent(self, server: Server, issuer: Issuer, token: str) -> None:
        assert error(call(server, token)) == INVALID
        assert not issuer.seen

    @pytest.mark.parametrize(
        "page",
        [
            lambda handler: respond(handler, b"{}"),
            lambda handler: respond(handler, b'{"active": "true"}'),
            lambda handler: respond(handler, b'{"active": 1}'),
            lambda handler: respond(handler, json.dumps({**OPAQUE, "x": "y" * 70_000}).encode()),
            lambda handler: respond(handler, b"", 401),
            lambda handler: respond(handler, b"", 307, location="/elsewhere"),
            closed,
        ],
        ids=["no member", "text", "number", "large", "unauthorized", "redirect", "closed"],
    )
    def test_an_endpoint_that_fails_denies(self, server: Server, issuer: Issuer, page: Any, caplog: Any) -> None:
        issuer.pages["/introspect"] = page
        issuer.pages["/elsewhere"] = lambda handler: respond(handler, json.dumps(OPAQUE).encode())
        assert error(call(server, "opaque")) == UNAVAILABLE
        assert error(call(server, "other")) == UNAVAILABLE
        logs.flush()
        assert "the introspection endpoint cannot be used" in caplog.text
        assert "opaque" not in caplog.text
        assert "s3cret" not in caplog.text
        assert issuer.fetches("/elsewhere") == 0

    def test_a_verdict_ends_after_its_time(self, opened: Callable[..., Server], issuer: Issuer) -> None:
        server = opened(JWT_INTROSPECTION_URI=f"{issuer.url}/introspect", JWT_INTROSPECTION_TTL="0", **CLIENT)
        issuer.tokens["opaque"] = OPAQUE
        assert subject(call(server, "opaque")) == "carol read write"
        issuer.tokens["opaque"] = {"active": False}
        assert error(call(server, "opaque")) == INVALID

    def test_concurrent_requests_with_one_token_are_introspected_once(
        self, opened: Callable[..., Server], issuer: Issuer
    ) -> None:
        server = opened(2, JWT_INTROSPECTION_URI=f"{issuer.url}/introspect", **CLIENT)
        issuer.tokens["opaque"] = OPAQUE
        with ThreadPoolExecutor(8) as threads:
            found = {subject(each) for each in threads.map(lambda _: call(server, "opaque"), range(32))}
        assert found == {"carol read write"}
        assert len(issuer.seen) == 1

    def test_the_secret_is_not_shown(self) -> None:
        found = IssuerSettings.of({"JWT_INTROSPECTION_URI": "https://issuer.test/introspect", **CLIENT})
        assert found is not None
        assert found.client_secret
        assert "s3cret" not in repr(found)

    def test_the_secret_cannot_be_baked_in(self, component: bytes) -> None:
        from wasmcp.errors import CompositionError

        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_INTROSPECTION_CLIENT_SECRET": "s3cret"}
        with pytest.raises(CompositionError, match="`JWT_INTROSPECTION_CLIENT_SECRET` is a secret"):
            compose(component, settings=settings)

    @pytest.mark.parametrize(
        ("settings", "problem"),
        [
            (CLIENT, "need JWT_INTROSPECTION_URI"),
            ({"JWT_INTROSPECTION_URI": "https://a.test"}, "needs JWT_INTROSPECTION_CLIENT_ID and"),
            ({"JWT_INTROSPECTION_URI": "http://a.test", **CLIENT}, "JWT_INTROSPECTION_URI must be a URL that begins"),
            (
                {"JWT_INTROSPECTION_URI": "https://a.test", "JWT_INTROSPECTION_TTL": "7200", **CLIENT},
                "JWT_INTROSPECTION_TTL must be a number of seconds from 0 to 3600",
            ),
            (
                {"JWT_INTROSPECTION_URI": "https://a.test", "JWT_JWKS_TTL": "60", **CLIENT},
                "JWT_JWKS_TTL has no effect",
            ),
        ],
    )
    def test_settings_that_contradict_each_other_end_the_start(
        self, opened: Callable[..., Server], settings: dict[str, str], problem: str
    ) -> None:
        with pytest.raises(InvalidSettingError) as caught:
            opened(**settings).boot()
        assert problem in str(caught.value)
        assert "s3cret" not in str(caught.value)


class TestServe:
    def test_a_redirect_denies_until_the_issuer_is_mended(
        self, protected: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": f"{issuer.url}/jwks", "WASMCP_SERVER_URI": SERVER}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        issuer.pages["/jwks"] = redirected
        port = free_port()
        with served(str(protected), "--port", str(port)) as process:
            head = mirrored(CALL) | {"authorization": f"Bearer {issuer.token('first')}"}
            denied = connected(port, json.dumps(CALL), head)
            assert (denied.status, json.loads(denied.read())["error"]) == UNAVAILABLE
            process.wait_for("redirects are not followed")
            del issuer.pages["/jwks"]
            wait_until(lambda: connected(port, json.dumps(CALL), head).status == 200)
            process.wait_for("can be used again")

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_each_process_fetches_keys_for_itself(
        self, protected: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, workers: str
    ) -> None:
        monkeypatch.setenv("WASMCP_AUTH_MODE", "oauth")
        monkeypatch.setenv("JWT_ISSUER", issuer.url)
        issuer.metadata("/.well-known/oauth-authorization-server")
        port = free_port()
        with served(str(protected), "--port", str(port), "--workers", workers) as process:
            body = json.dumps(CALL)
            head = mirrored(CALL) | {"authorization": f"Bearer {issuer.token('first', aud='other')}"}
            for _ in range(8):
                response = connected(port, body, head)
                assert response.status == 200, response.read()
                assert b"alice" in response.read()
            denied = connected(port, body, mirrored(CALL))
            assert denied.status == 401
            assert "wasmcp-" not in str(denied.headers)
            process.stop()
            output = "".join(process.lines)
        assert output.count("tokens of any audience are accepted") == 1
        assert 1 <= issuer.fetches("/jwks") <= int(workers) + 1  # with several, the supervisor checks the settings, too

    def test_no_warning_if_the_audience_is_checked(
        self, protected: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": issuer.url, "JWT_AUDIENCE": "here"}.items():
            monkeypatch.setenv(name, value)
        with served(str(protected), "--port", str(free_port())) as process:
            process.stop()
        assert "audience" not in "".join(process.lines)


def connected(port: int, body: str, head: dict[str, str]) -> Any:
    def sent() -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/mcp", body, head)
        return connection.getresponse()

    return wait_without((ConnectionRefusedError, ConnectionResetError), sent)
