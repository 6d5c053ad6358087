"""Table of cases for handlers in every language: `handlers/table.json`, with a network that follows its routes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "handlers"
TABLE_PATH = FOLDER / "table.json"
TABLE: dict[str, Any] = json.loads(TABLE_PATH.read_text("utf-8"))
ABSENT = "absent"


def with_origins(case: Any, origins: dict[str, str]) -> Any:
    """Return a case with the URLs of its servers."""
    text = json.dumps(case)
    for name, url in origins.items():
        text = text.replace(f"{{{name}:me:p%40ss}}", url.replace("://", "://me:p%40ss@"))
        text = text.replace(f"{{{name}}}", url)
    return json.loads(text)


def cases(kind: str, language: str, *, fakes: bool) -> list[Any]:
    """Return the cases for a language: Rust and Python take all, others those that name them.

    Args:
        kind: ``http`` or ``kv``.
        language: The language.
        fakes: True for cases that only a fake network can show.
    """
    found = [case for case in TABLE[kind] if fakes or case.get("only") != "fakes"]
    return [case for case in found if kind != "http" or language in ("rust", "python", *case.get("also", []))]


@dataclass
class Network:
    """Two web servers that follow the routes of a case.

    Attributes:
        origins: Their URLs, by name, and that of a closed port.
        routes: The routes of the present case, by URL.
        requests: The requests that have arrived: method, URL, header fields and body.
    """

    origins: dict[str, str] = field(default_factory=dict)
    routes: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self, case: Any) -> Any:
        """Return a case with the URLs of this network, and follow its routes from now on."""
        found = with_origins(case, self.origins)
        self.routes, self.requests = found.get("routes", {}), []
        return found


@contextmanager
def network() -> Iterator[Network]:
    """Run the servers on loopback ports."""
    found = Network(origins={"closed": "http://127.0.0.1:1"})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"network": found})) for _ in "ab"]
    threads = []
    for name, server in zip("ab", servers, strict=True):
        server.daemon_threads = True
        found.origins[name] = f"http://127.0.0.1:{server.server_port}"
        threads.append(threading.Thread(target=server.serve_forever, daemon=True))
        threads[-1].start()
    try:
        yield found
    finally:
        found.over.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def log_message(self, *_: Any) -> None:
        """Write nothing."""

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        url = f"http://{self.headers['host']}{self.path}"
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.network.requests.append({"method": self.command, "url": url, "headers": headers, "body": self._body()})
        routes = self.network.routes
        route = routes.get(url) or routes.get(url.partition("?")[0]) or routes.get("*") or {}
        if "error" in route:
            self.network.over.wait(20)
            return
        body = route.get("body", "").encode()
        status = route.get("status", 200)
        self.send_response(status)
        for name, value in route.get("headers", []):
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def _body(self) -> str:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces).decode()


def check_outcome(found: dict[str, Any], case: dict[str, Any]) -> None:
    """Compare the members of an outcome that a case names."""
    expected = case["outcome"]
    assert {name: found.get(name, ABSENT) for name in expected} == expected, (case["name"], found)


def lookups(language: str) -> list[Any]:
    """Return the lookups of the configuration for a language: without a default TypeScript has no type to check."""
    found = TABLE["config"]["lookups"]
    return [lookup for lookup in found if language != "typescript" or not lookup.get("typed")]


def check_requests(found: list[dict[str, Any]], case: dict[str, Any], language: str) -> None:
    """Compare the requests that have arrived with those that a case names; TypeScript joins the values of a field."""
    if "sent" not in case:
        return
    assert len(found) == len(case["sent"]), (case["name"], found)
    for request, expected in zip(found, case["sent"], strict=True):
        for name, value in expected.items():
            if name == "headers":
                values = {key: [text for other, text in request["headers"] if other == key] for key in value}
                joined = {key: [", ".join(texts)] if texts else [] for key, texts in value.items()}
                assert values == (joined if language == "typescript" else value), (case["name"], request)
            elif name == "json":
                assert json.loads(request["body"]) == value, (case["name"], request)
            else:
                assert request[name] == value, (case["name"], request)


def check_steps(found: list[dict[str, Any]], steps: list[dict[str, Any]]) -> None:
    """Compare the outcomes of steps or lookups: a result, or the name of an error and its message."""
    for outcome, step in zip(found, steps, strict=True):
        if "fails" not in step:
            assert outcome == {"gives": step.get("gives")}, (step, outcome)
            continue
        assert outcome["fails"] == step["fails"], (step, outcome)
        message = outcome["message"]
        assert message == step.get("message", message)
        assert message.startswith(step.get("begins", "")), (step, message)
        assert "hunter2" not in message
