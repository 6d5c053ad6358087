"""A web server of the test's own, with pages that behave and pages that do not."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_JSON = ("content-type", "application/json")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    other = ""
    over: threading.Event
    together: threading.Barrier

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def _answer(self, body: bytes, status: int = 200, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/").replace("-", "_").replace("/", "_")
        getattr(self, f"page_{name}", self.page_)()

    def page_(self) -> None:
        """Tell what was sent."""
        sent = {name.lower(): self.headers.get_all(name) for name in self.headers if name.lower().startswith("x-")}
        credentials = [name for name in ("authorization", "cookie") if name in self.headers]
        told = [self.command, self.path, sent, credentials, self._body().decode()]
        self._answer(json.dumps(told).encode(), 200, ("set-cookie", "a=1"), ("set-cookie", "b=2"))

    def page_echo(self) -> None:
        self._answer(self._body())

    def page_headers(self) -> None:
        """Return all header fields."""
        self._body()
        self._answer(json.dumps({name.lower(): self.headers.get_all(name) for name in self.headers}).encode())

    def page_gzip(self) -> None:
        self._answer(gzip.compress(b"compressed"), 200, ("content-encoding", "gzip"))

    def page_zeros(self) -> None:
        """Return as many bytes as the query names."""
        self._answer(bytes(int(self.path.partition("?")[2])))

    def page_size(self) -> None:
        """Return the size of the body, and how it was framed."""
        framing = self.headers.get("transfer-encoding") or self.headers.get("content-length")
        self._answer(json.dumps([len(self._body()), framing]).encode())

    def page_status(self) -> None:
        """Respond with the status that the query names."""
        self._body()
        self._answer(b"a status", int(self.path.partition("?")[2]))

    def page_chat_completions(self) -> None:
        """Answer as a model does, in server-sent events if the request wants a stream."""
        asked = json.loads(self._body())
        chat = {"id": "1", "created": 1, "model": asked["model"]}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": f"Hello, {self.headers.get('authorization')}"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            self._answer(json.dumps({**chat, "object": "chat.completion", "choices": [choice]}).encode(), 200, _JSON)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in ("Hel", "lo"):
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            event = json.dumps({**chat, "object": "chat.completion.chunk", "choices": [choice]})
            self._chunk(f"data: {event}\n\n".encode())
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def page_never(self) -> None:
        """Answer when the test is over."""
        self.over.wait(10)
        self._answer(b"late")

    def page_together(self) -> None:
        """Answer three requests at a time; fewer get an error response after a timeout."""
        try:
            self.together.wait(10)
            self._answer(b"together")
        except threading.BrokenBarrierError:
            self._answer(b"alone")

    def page_stalls(self) -> None:
        """Stop in the middle until the test is over."""
        self.send_response(200)
        self.send_header("content-length", "10")
        self.end_headers()
        self.wfile.write(b"begun")
        self.wfile.flush()
        self.over.wait(10)
        self.wfile.write(b"ended")

    def page_short(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "10")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def page_nonsense(self) -> None:
        self.wfile.write(b"nonsense\r\n\r\n")
        self.close_connection = True

    def page_lines(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in (b"one\r", b"\ntw", "ö".encode()[:1], "ö".encode()[1:] + b"\n", b"three"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def page_missing(self) -> None:
        self._body()
        self._answer(b"not here", 404)

    def page_moved(self) -> None:
        self._body()
        self._answer(b"", int(self.path.partition("?")[2] or 302), ("location", "/?moved#top"))

    def page_away(self) -> None:
        self._body()
        self._answer(b"", 307, ("location", f"{self.other}/?away"))

    def page_round(self) -> None:
        self._answer(b"", 302, ("location", "/round"))


@contextmanager
def web_server(other: str = "") -> Iterator[str]:
    """Run a web server on a loopback port; its URL, without a slash at the end.

    Args:
        other: The URL of another one, where ``/away`` sends requests on to.
    """
    methods = ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE")
    facts = {"other": other, "over": threading.Event(), "together": threading.Barrier(3)}
    handler = type("Handler", (_Handler,), {**facts, **{f"do_{name}": _Handler.do_GET for name in methods}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        handler.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
