"""Keys of issuers and introspection under runtimes that fetch nothing themselves: `wasmtime serve`, wasmCloud."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.entry_points import Embedded, Response, Served, mirrored, request
from support.issuers import Issuer, issuer_server, respond
from support.server_processes import free_port, listening, wasmtime
from support.tokens import SERVER, compose, private_key, whoami_component
from support.wash_servers import needs_wash, wash_dev

from wasmcp.component.decode import decode
from wasmcp.host import open_server
from wasmcp.host.bindings.wasi_keyvalue import define
from wasmcp.host.stores.keyvalue import MemoryStore

CALL = request("tools/call", {"name": "whoami", "arguments": {}})
CLIENT = {"JWT_INTROSPECTION_CLIENT_ID": "server one", "JWT_INTROSPECTION_CLIENT_SECRET": "s3cret:/"}
INVALID = (401, "invalid_token")
UNAVAILABLE = (503, "temporarily_unavailable")
FUTURE = 4_000_000_000


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whoami_component(tmp_path_factory.mktemp("whoami"))


@pytest.fixture(scope="module")
def protected(component: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a server that reads its settings from the environment."""
    path = tmp_path_factory.mktemp("servers") / "server.wasm"
    path.write_bytes(compose(component, environment=True, auth="required"))
    return path


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuer_server() as found:
        yield found


INSTANCES = (1, 2)
"""Counts of instances that requests one after another meet: an instance may be ending one request at the next."""


@pytest.fixture
def serve(protected: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Return a function that starts stock `wasmtime serve` with settings in the environment of the server."""
    with ExitStack() as stack:

        def start(*, instance_requests: int = 1, server: Path = protected, **settings: str) -> Served:
            whole = {"WASMCP_AUTH_MODE": "oauth", "WASMCP_SERVER_URI": SERVER, **settings}
            passed = [f"--env={name}={value}" for name, value in whole.items()]
            port = free_port()
            options = ["-Scli", f"--addr=127.0.0.1:{port}", f"--max-instance-reuse-count={instance_requests}"]
            options.append("--idle-instance-timeout=300s")
            script = f'exec "$@" 2> "{tmp_path}/log"'
            command = ["sh", "-c", script, "sh", wasmtime(), "serve", *options, *passed, str(server)]
            return Served(stack.enter_context(listening(command, port)))

        yield start


def call(server: Any, token: str | None) -> Response:
    head = {"Host": "127.0.0.1"} | mirrored(CALL)
    head |= {} if token is None else {"Authorization": f"Bearer {token}"}
    response: Response = server.http("POST", "/mcp", head, json.dumps(CALL))
    return response


def subject(response: Response) -> str:
    assert response.status == 200, response.body
    [line] = [text for text in response.body.decode().splitlines() if '"result"' in text]
    return str(json.loads(line.removeprefix("data: "))["result"]["content"][0]["text"]).split("|")[0]


def error(response: Response) -> tuple[int, str]:
    """Return status and error of a denial, which tells the client nothing else."""
    assert "wasmcp-" not in str(response.headers)
    assert b"127.0.0.1:" not in response.body
    assert response.headers["www-authenticate"].startswith("Bearer")
    return response.status, json.loads(response.body)["error"]


class TestUnderWasmtime:
    def test_the_command_of_the_other_tool_protects_a_server(self, protected: Path) -> None:
        """The settings of the Rust tool's README, with the issuer of `wasmcp jwt serve`."""
        own, other = free_port(), free_port()
        uri, base = f"http://127.0.0.1:{own}/mcp", f"http://127.0.0.1:{other}"
        issuing = [sys.executable, "-m", "wasmcp", "jwt", "serve", "--port", str(other), "--client", "notes=secret"]
        settings = [
            "WASMCP_AUTH_MODE=oauth",
            f"JWT_ISSUER={base}",
            f"JWT_JWKS_URI={base}/jwks.json",
            f"JWT_AUDIENCE={uri}",
        ]
        serving = [wasmtime(), "serve", "-Scli", f"--addr=127.0.0.1:{own}", *(f"--env={each}" for each in settings)]
        with listening(issuing, other), listening([*serving, str(protected)], own):
            form = ["-d", "grant_type=client_credentials", "-d", f"resource={uri}"]
            command = ["curl", "-s", "--noproxy", "*", f"{base}/token", "-u", "notes:secret", *form]
            fetched = subprocess.run(command, check=True, capture_output=True).stdout
            token = json.loads(fetched)["access_token"]
            server = Served(own)
            assert error(call(server, None)) == (401, "unauthorized")
            assert call(server, token).status == 200
            assert error(call(server, f"{token}x")) == INVALID

    def test_an_instance_for_each_request_costs_a_fetch_each_time(
        self, serve: Callable[..., Served], issuer: Issuer
    ) -> None:
        target = "/realms/a%20b/keys?p=one&q="
        issuer.pages[target] = lambda handler: respond(handler, json.dumps(issuer.jwks).encode())
        server = serve(JWT_JWKS_URI=issuer.url + target)
        assert [subject(call(server, issuer.token("first"))) for _ in range(3)] == ["alice"] * 3
        assert [each[:2] for each in issuer.seen] == [("GET", target)] * 3
        assert error(call(server, None)) == (401, "unauthorized")
        assert error(call(server, issuer.token("first", aud="https://other.test"))) == INVALID
        issuer.keys["invented"] = private_key("ES256")
        token = issuer.token("invented")
        del issuer.keys["invented"]
        assert error(call(server, token)) == INVALID
        assert issuer.fetches(target) == 5

    def test_an_instance_with_many_requests_fetches_once(self, serve: Callable[..., Served], issuer: Issuer) -> None:
        server = serve(instance_requests=100, JWT_JWKS_URI=f"{issuer.url}/jwks")
        old = issuer.token("first")
        assert [subject(call(server, old)) for _ in range(5)] == ["alice"] * 5
        issuer.keys["invented"] = private_key("ES256")
        assert [error(call(server, issuer.token("invented"))) for _ in range(5)] == [INVALID] * 5
        assert issuer.fetches("/jwks") in INSTANCES

    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("", "/.well-known/oauth-authorization-server"),
            ("", "/.well-known/openid-configuration"),
            ("/realms/one", "/.well-known/oauth-authorization-server/realms/one"),
            ("/realms/one", "/realms/one/.well-known/openid-configuration"),
        ],
    )
    def test_keys_are_discovered(self, serve: Callable[..., Served], issuer: Issuer, path: str, place: str) -> None:
        name = issuer.url + path
        issuer.metadata(place, issuer=name, jwks_uri=f"{issuer.url}/jwks")
        server = serve(JWT_ISSUER=name)
        assert subject(call(server, issuer.token("first", iss=name))) == "alice"
        assert issuer.seen[-1][1] == "/jwks"

    def test_metadata_that_name_other_keys_are_refused(
        self, serve: Callable[..., Served], issuer: Issuer, tmp_path: Path
    ) -> None:
        place = "/.well-known/oauth-authorization-server"
        server = serve(JWT_ISSUER=issuer.url)
        other = issuer.url.replace("127.0.0.1", "localhost")
        rows: list[tuple[dict[str, Any], str]] = [
            ({"issuer": f"{issuer.url}/"}, "of another issuer"),
            ({"issuer": None}, "of another issuer"),
            ({"jwks_uri": None}, "have no `jwks_uri`"),
            ({"jwks_uri": f"{other}/jwks"}, "private network"),
            ({"jwks_uri": "https://10.0.0.1/jwks"}, "private network"),
            ({"jwks_uri": "https://169.254.169.254/jwks"}, "private network"),
            ({"jwks_uri": "https://0x7f.1/jwks"}, "private network"),
            ({"jwks_uri": "https://[::ffff:10.0.0.1]/jwks"}, "private network"),
            ({"jwks_uri": "https://metadata.google.internal/jwks"}, "private network"),
            ({"jwks_uri": "http://keys.example/jwks"}, "must begin with `https://`"),
            ({"jwks_uri": "file:///etc/passwd"}, "must begin with `https://`"),
        ]
        for members, reason in rows:
            (tmp_path / "log").write_text("")
            issuer.metadata(place, **members)
            assert error(call(server, issuer.token("first"))) == UNAVAILABLE, members
            assert reason in (tmp_path / "log").read_text(), members
        assert issuer.fetches("/jwks") == 0
        del issuer.pages[place]
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE
        assert "the issuer has no metadata: set JWT_JWKS_URI" in (tmp_path / "log").read_text()

    def test_bad_key_sets_deny_and_the_next_good_one_is_used(
        self, serve: Callable[..., Served], issuer: Issuer, tmp_path: Path
    ) -> None:
        server = serve(JWT_JWKS_URI=f"{issuer.url}/jwks")
        good = issuer.jwks
        issuer.pages["/elsewhere"] = lambda handler: respond(handler, json.dumps(good).encode())
        for page, reason in BAD_SETS:
            (tmp_path / "log").write_text("")
            issuer.pages["/jwks"] = page
            response = call(server, issuer.token("first"))
            assert error(response) == UNAVAILABLE, reason
            assert "retry-after" in response.headers
            assert reason in (tmp_path / "log").read_text()
        assert issuer.fetches("/elsewhere") == 0
        bad = [{}, [], {"kty": "oct", "k": "x"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "first"}]
        mixed = json.dumps({"keys": [*bad, *good["keys"], {"kty": "RSA", "n": "AQ", "e": "AQ"}]}).encode()
        issuer.pages["/jwks"] = lambda handler: respond(handler, mixed, content_type="application/jwk-set+json; x=y")
        assert subject(call(server, issuer.token("first"))) == "alice"

    def test_a_slow_issuer_is_given_up(self, serve: Callable[..., Served], issuer: Issuer, tmp_path: Path) -> None:
        def drip(handler: Any) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not issuer.over.wait(0.1):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        issuer.pages["/jwks"] = drip
        server = serve(JWT_JWKS_URI=f"{issuer.url}/jwks")
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE
        assert "not complete within 10 s" in (tmp_path / "log").read_text()

    def test_an_issuer_that_is_down_denies(self, serve: Callable[..., Served], issuer: Issuer, tmp_path: Path) -> None:
        with issuer_server() as down:
            port = down.port
        server = serve(JWT_JWKS_URI=f"http://127.0.0.1:{port}/jwks")
        assert error(call(server, issuer.token("first"))) == UNAVAILABLE
        assert "cannot be used" in (tmp_path / "log").read_text()

    def test_opaque_tokens_are_introspected(self, serve: Callable[..., Served], issuer: Issuer, tmp_path: Path) -> None:
        server = serve(
            JWT_ISSUER=issuer.url,
            JWT_JWKS_URI=f"{issuer.url}/jwks",
            JWT_INTROSPECTION_URI=f"{issuer.url}/introspect",
            **CLIENT,
        )
        active = {"active": True, "sub": "bob", "aud": SERVER, "exp": FUTURE}
        issuer.tokens = {"a/b+c==": active, "other": active | {"aud": "https://other.test"}}
        assert subject(call(server, "a/b+c==")) == "bob"
        assert issuer.seen == [
            (
                "POST",
                "/introspect",
                "token=a%2Fb%2Bc%3D%3D&token_type_hint=access_token",
                "Basic c2VydmVyJTIwb25lOnMzY3JldCUzQSUyRg==",
            )
        ]
        assert error(call(server, "other")) == INVALID
        assert error(call(server, "revoked")) == INVALID
        assert subject(call(server, issuer.token("first"))) == "alice"
        for page, reason in (
            (lambda handler: respond(handler, b'{"active": "true"}'), "has no member `active`"),
            (lambda handler: respond(handler, b"{}", 401), "status of the response"),
            (lambda handler: respond(handler, b'{"active": true' + b" " * 70_000 + b"}"), "too large"),
        ):
            issuer.pages["/introspect"] = page
            assert error(call(server, "a/b+c==")) == UNAVAILABLE
            assert reason in (tmp_path / "log").read_text()
        assert "s3cret" not in (tmp_path / "log").read_text()

    def test_verdicts_of_introspection_are_used_by_an_instance(
        self, serve: Callable[..., Served], issuer: Issuer
    ) -> None:
        server = serve(
            instance_requests=100, JWT_ISSUER=issuer.url, JWT_INTROSPECTION_URI=f"{issuer.url}/introspect", **CLIENT
        )
        issuer.tokens = {"known": {"active": True, "sub": "bob", "aud": SERVER, "exp": FUTURE}}
        assert [subject(call(server, "known")) for _ in range(10)] == ["bob"] * 10
        assert issuer.fetches("/introspect") in INSTANCES


BAD_SETS: list[tuple[Callable[[Any], None], str]] = [
    (lambda handler: respond(handler, b"", 302, location="/elsewhere"), "is a redirect"),
    (lambda handler: respond(handler, b'{"keys": [' + b" " * 10_000_000 + b"]}"), "too large"),
    (lambda handler: respond(handler, b'{"keys": []}', content_type="text/html"), "not `application/json`"),
    (lambda handler: respond(handler, b"\xff"), "not UTF-8"),
    (lambda handler: respond(handler, b'{"keys": ' + b"[" * 100_000), "1 to 64 public keys"),
    (lambda handler: respond(handler, b'{"keys": [{"kty": "oct", "k": "x"}]}'), "1 to 64 public keys"),
    (lambda handler: respond(handler, b"{}", 404), "status of the response"),
    (lambda handler: respond(handler, b"{}", 500), "status of the response"),
    (lambda handler: handler.connection.close(), "cannot be reached"),
]


class Clock:
    """Wall clock of a server, which a test moves."""

    def __init__(self) -> None:
        self.now = 2_000_000_000

    def prepare(self, store: MemoryStore) -> Callable[[Any], Any]:
        """Return a function that gives a linker this clock, and values in a store."""

        def add(linker: Any) -> Any:
            linker.allow_shadowing = True
            with linker.root() as root, root.add_instance("wasi:clocks/wall-clock@0.2.8") as instance:
                for name in ("now", "resolution"):
                    instance.add_func(name, lambda _store: SimpleNamespace(seconds=self.now, nanoseconds=0))
            return define(linker, store)

        return add


class TestTime:
    """Servers whose keys are in the storage of the runtime, in this process, with a clock of their own."""

    @pytest.fixture
    def started(self, component: bytes, issuer: Issuer, tmp_path: Path) -> tuple[Clock, Callable[[], Embedded]]:
        path = tmp_path / "baked.wasm"
        settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": f"{issuer.url}/jwks", "JWT_AUDIENCE": SERVER}
        path.write_bytes(compose(component, settings=settings, auth="required", stored_sessions=True))
        clock, store = Clock(), MemoryStore()
        return clock, lambda: Embedded(path, prepare=clock.prepare(store))

    def test_instances_share_fetched_keys(self, started: tuple[Clock, Callable[[], Embedded]], issuer: Issuer) -> None:
        clock, instance = started

        def token(kid: str) -> str:
            return issuer.token(kid, exp=FUTURE)

        assert [subject(call(instance(), token("first"))) for _ in range(3)] == ["alice"] * 3
        assert issuer.fetches("/jwks") == 1
        issuer.rotate("second")
        kept = instance()
        assert error(call(kept, token("second"))) == INVALID  # no other fetch within 30 s
        clock.now += 31
        assert subject(call(kept, token("second"))) == "alice"
        assert subject(call(instance(), token("second"))) == "alice"
        assert issuer.fetches("/jwks") == 2
        clock.now += 600
        assert subject(call(instance(), token("second"))) == "alice"
        assert subject(call(kept, token("second"))) == "alice"  # takes what the other instance fetched
        assert issuer.fetches("/jwks") == 3

    def test_stale_keys_are_used_for_an_hour(
        self, started: tuple[Clock, Callable[[], Embedded]], issuer: Issuer
    ) -> None:
        clock, instance = started
        token = issuer.token("first", exp=FUTURE)
        kept = instance()
        assert subject(call(kept, token)) == "alice"
        issuer.pages["/jwks"] = lambda handler: respond(handler, b"{}", 500)
        clock.now += 601
        assert [subject(call(kept, token)) for _ in range(3)] == ["alice"] * 3
        assert subject(call(instance(), token)) == "alice"
        assert issuer.fetches("/jwks") == 2  # the pause after a failure is shared, too
        clock.now += 3590
        assert subject(call(kept, token)) == "alice"
        clock.now += 20
        assert error(call(kept, token)) == UNAVAILABLE
        assert error(call(instance(), token)) == UNAVAILABLE
        clock.now += 6
        del issuer.pages["/jwks"]
        assert subject(call(kept, token)) == "alice"
        assert subject(call(instance(), token)) == "alice"

    def test_a_clock_that_was_set_back_causes_a_fetch(
        self, started: tuple[Clock, Callable[[], Embedded]], issuer: Issuer
    ) -> None:
        clock, instance = started
        token, kept = issuer.token("first", exp=FUTURE), instance()
        assert subject(call(kept, token)) == "alice"
        clock.now -= 100_000
        issuer.rotate("second")
        assert error(call(kept, token)) == INVALID
        assert issuer.fetches("/jwks") == 2


@needs_wash
def test_keys_are_kept_in_the_storage_of_wasmcloud(component: bytes, issuer: Issuer, wash: str, tmp_path: Path) -> None:
    settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_JWKS_URI": f"{issuer.url}/jwks", "JWT_AUDIENCE": SERVER}
    path = tmp_path / "server.wasm"
    path.write_bytes(compose(component, settings=settings, stored_sessions=True, keyvalue="0.2.0-draft"))
    with wash_dev(wash, path, tmp_path, workload={"allowedHosts": ["127.0.0.1"]}) as port:
        server = Served(port)
        assert error(call(server, None)) == (401, "unauthorized")
        assert [subject(call(server, issuer.token("first"))) for _ in range(4)] == ["alice"] * 4
        assert error(call(server, f"{issuer.token('first')}x")) == INVALID
    assert issuer.fetches("/jwks") == 1


def test_only_servers_that_fetch_import_http(component: bytes) -> None:
    """Servers without configured authorization gain no import."""
    oauth = {"WASMCP_AUTH_MODE": "oauth"}
    sources: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        ({"auth": "required"}, False),
        ({"auth": "none", "environment": True}, False),
        ({"settings": {"WASMCP_ALLOWED_HOSTS": "a.example"}}, False),
        ({"settings": {**oauth, "JWT_ISSUER": "https://a.example", "JWT_PUBLIC_KEY": "x"}}, False),
        ({"settings": {**oauth, "JWT_ISSUER": "https://a.example", "JWT_JWKS": "x"}}, False),
        ({"settings": {**oauth, "JWT_ISSUER": "https://a.example"}}, True),
        ({"settings": {**oauth, "JWT_JWKS_URI": "https://a.example/jwks"}}, True),
        ({"environment": True}, True),
    ]
    for options, fetches in sources:
        imports = decode(compose(component, **options), "server").imports
        assert any(name.startswith("wasi:http/outgoing-handler") for name in imports) is fetches, options
        assert not any(name.startswith("wasi:keyvalue") for name in imports), options


def test_our_host_fetches_also_for_a_server_that_could(protected: Path, issuer: Issuer) -> None:
    settings = {"WASMCP_AUTH_MODE": "oauth", "WASMCP_SERVER_URI": SERVER, "JWT_JWKS_URI": f"{issuer.url}/jwks"}
    with open_server(protected, settings=settings, instances=2) as server:
        head = [*mirrored(CALL).items(), ("host", "127.0.0.1"), ("authorization", f"Bearer {issuer.token('first')}")]
        for _ in range(4):
            assert server.http("POST", "/mcp", head, json.dumps(CALL)).status == 200
    assert issuer.fetches("/jwks") == 1
