"""Local issuers of access tokens: processes of `wasmcp jwt serve`, and an issuer whose responses a test replaces."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from support.server_processes import WASMCP
from support.tokens import claims, jwk, private_key, signed


@contextlib.contextmanager
def issuer_process(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `wasmcp jwt serve` on a free port until the block ends; its URL and the process."""
    command = [*WASMCP, "jwt", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert first.startswith("issuer: "), process.communicate()
            yield first.removeprefix("issuer: ").strip(), process
        finally:
            process.kill()


def document(url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Return status, JSON and fields of a response to GET, or to POST with a form."""
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - of a test
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - of a test
            return response.status, json.load(response), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)


JSON = "application/json"
Respond = Callable[[BaseHTTPRequestHandler], None]


def respond(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **fields: str) -> None:
    """Send a response; underscores in names of fields stand for hyphens."""
    handler.send_response(status)
    for name, value in {"content_type": JSON, "content_length": str(len(body)), **fields}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@dataclass
class Issuer:
    """An issuer.

    Attributes:
        port: Its port.
        keys: Its private keys by `kid`, of ES256.
        pages: Functions that respond to requests, by path, in place of its own responses.
        seen: The requests: method, path, body, and the field `Authorization`.
        tokens: Opaque tokens, with the responses about them.
        over: Set when the test ends, for responses that wait.
    """

    port: int
    keys: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Respond] = field(default_factory=dict)
    seen: list[tuple[str, str, str, str]] = field(default_factory=list)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [jwk(key, "ES256", kid=kid, alg="ES256") for kid, key in self.keys.items()]}

    def rotate(self, *kids: str) -> None:
        """Replace the keys by new ones."""
        self.keys = {kid: private_key("ES256") for kid in kids}

    def token(self, kid: str, **more: Any) -> str:
        """Return a token that is signed with one of its keys."""
        return signed(
            self.keys[kid], "ES256", {"alg": "ES256", "typ": "at+jwt", "kid": kid}, claims(**{"iss": self.url, **more})
        )

    def fetches(self, path: str) -> int:
        """Return how many requests for a path there were."""
        return sum(each[1] == path for each in list(self.seen))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0)).decode()
        self.seen.append((handler.command, handler.path, body, handler.headers.get("authorization", "")))
        if handler.path in self.pages:
            self.pages[handler.path](handler)
        elif handler.path == "/jwks":
            respond(handler, json.dumps(self.jwks).encode())
        elif handler.path == "/introspect":
            from urllib.parse import parse_qs

            found = self.tokens.get(parse_qs(body).get("token", [""])[0], {"active": False})
            respond(handler, json.dumps(found).encode())
        else:
            respond(handler, b"{}", 404)

    def metadata(self, path: str, **members: Any) -> None:
        """Serve metadata at a path."""
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **members}
        self.pages[path] = lambda handler: respond(handler, json.dumps(document).encode())


@contextlib.contextmanager
def issuer_server(certificate: Path | None = None) -> Iterator[Issuer]:
    """Run an issuer with the key `first`; with a file of key and certificate, over TLS."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def do_GET(self) -> None:
            issuer.answer(self)

        do_POST = do_GET  # noqa: N815 - the name that http.server requires

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    issuer = Issuer(server.server_port)
    issuer.rotate("first")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
