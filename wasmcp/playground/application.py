"""ASGI middleware with the playground: its page at `/`, its feed of events, and the messages of all clients.

The endpoint checks `Host` and `Origin` itself. The paths of the playground are answered to pages of the same origin and
to the names of this machine only, so that no other page can read messages: neither with requests across origins nor
with a name that resolves to this machine (DNS rebinding). They change nothing.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from wasmcp.apps_section import ui_problems
from wasmcp.host.transports.asgi_middleware import respond
from wasmcp.host.transports.http_body import WHOLE_BODY
from wasmcp.host.transports.http_options import ENDPOINT
from wasmcp.protocol import APP_DOMAINS

if TYPE_CHECKING:
    from wasmcp.host.transports.asgi_middleware import Application, Scope
    from wasmcp.host.transports.asgi_response import Send
    from wasmcp.host.transports.http_body import Receive

_KEPT = 200  # events
_KEPT_BYTES = 1 << 20
_WAITING = 500  # events that wait for one page
_MOST_PAGES = 16


class Feed:
    """Events, of which the last are kept for pages that connect later. Its methods can be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        self._kept: deque[str] = deque()
        self._size = 0
        self._pages: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    def publish_state(self, state: dict[str, Any]) -> None:
        """Publish the state of the build; pages get the last one when they connect."""
        with self._lock:
            self._state = state
            self._send(json.dumps({"type": "state", **state}))

    def publish(self, event: dict[str, Any]) -> None:
        """Publish an event."""
        text = json.dumps(event)
        with self._lock:
            self._kept.append(text)
            self._size += len(text)
            while len(self._kept) > _KEPT or self._size > _KEPT_BYTES:
                self._size -= len(self._kept.popleft())
            self._send(text)

    def connect(self) -> asyncio.Queue[str | None] | None:
        """Return a queue with the events for a page, which ends with None; None if there are too many pages."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        with self._lock:
            if self._is_closed or len(self._pages) >= _MOST_PAGES:
                return None
            self._pages[queue] = asyncio.get_running_loop()
            for text in (json.dumps({"type": "state", **self._state}), *self._kept):
                queue.put_nowait(text)
        return queue

    def disconnect(self, queue: asyncio.Queue[str | None]) -> None:
        """Remove the queue of a page."""
        with self._lock:
            self._pages.pop(queue, None)

    def close(self) -> None:
        """End the queues of all pages."""
        with self._lock:
            self._is_closed = True
            self._send(None)

    def _send(self, text: str | None) -> None:
        """Send a text to all pages. The lock must be held."""
        for queue, loop in list(self._pages.items()):
            if text is not None and queue.qsize() > _WAITING + _KEPT:
                continue  # the page does not read
            try:
                loop.call_soon_threadsafe(queue.put_nowait, text)
            except RuntimeError:  # the loop is closed
                del self._pages[queue]


PREFIX = "/_playground/"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STRUCTURE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts"
)
_FILES = {
    "/": ("index.html", "text/html"),
    f"{PREFIX}playground.css": ("playground.css", "text/css"),
    f"{PREFIX}protocol.js": ("protocol.js", "text/javascript"),
    f"{PREFIX}apps.js": ("apps.js", "text/javascript"),
    f"{PREFIX}forms.js": ("forms.js", "text/javascript"),
    f"{PREFIX}tasks.js": ("tasks.js", "text/javascript"),
    f"{PREFIX}playground.js": ("playground.js", "text/javascript"),
}
_NONE = "'none'"
_SHOWN = 64 << 10  # bytes of a message in the feed
_PING = 15.0  # seconds


class Playground:
    """Application in front of a server, with the playground."""

    def __init__(
        self,
        app: Application,
        feed: Feed,
        structure: Callable[[], str],
        hosts: Container[str] | None,
        owners: Callable[[], Mapping[str, Mapping[str, str]]] = dict,
    ) -> None:
        """Wrap an application.

        Args:
            app: The application of the server.
            feed: The feed of events.
            structure: Function that returns the HTML page of the server's structure. It can block.
            hosts: The names in `Host` that are accepted in addition to loopback names; None for all.
            owners: Function that returns the components of the entries, by kind of list and identity. It can block.
        """
        self._app = app
        self._feed = feed
        self._structure = structure
        self._hosts = hosts
        self._owners = owners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path == "/" or path.startswith(PREFIX):
            await self._page(path, scope, receive, send)
        elif scope["method"] == "POST" and (path == ENDPOINT or path.startswith(f"{ENDPOINT}/")):
            await self._recorded(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        fields = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not _is_allowed(fields, scope.get("scheme", "http"), self._hosts):
            await respond(send, 403, "Forbidden: this page is for its own origin, under a name of this machine\n")
        elif scope["method"] != "GET":
            await respond(send, 405, "Method not allowed\n", (b"allow", b"GET"))
        elif path in _FILES:
            name, kind = _FILES[path]
            await _answer(send, files("wasmcp.playground").joinpath("static", name).read_bytes(), kind, _POLICY)
        elif path == f"{PREFIX}sandbox":
            await _sandbox(send, scope.get("query_string", b""))
        elif path == f"{PREFIX}structure":
            await self._structure_page(send)
        elif path == f"{PREFIX}owners":
            found = await asyncio.to_thread(self._owners)
            await _answer(send, json.dumps(found).encode(), "application/json", _POLICY)
        elif path == f"{PREFIX}events":
            await self._events(receive, send)
        else:
            await respond(send, 404, "Not found\n")

    async def _structure_page(self, send: Send) -> None:
        page = await asyncio.to_thread(self._structure)
        await _answer(send, page.encode(), "text/html", _STRUCTURE_POLICY)

    async def _events(self, receive: Receive, send: Send) -> None:
        queue = self._feed.connect()
        if queue is None:
            await respond(send, 503, "Too many pages are open\n", (b"retry-after", b"5"))
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while True:
                text = await _next(queue, gone)
                if text is None:
                    break
                body = f"data: {text}\n\n" if text else ": \n\n"
                await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._feed.disconnect(queue)

    async def _recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process a request of a client, and publish its messages."""
        began = time.monotonic()
        whole = scope.get(WHOLE_BODY)
        received = bytearray((whole or b"")[:_SHOWN])
        sent = bytearray()
        status = 0
        is_stream = False

        async def taken() -> Any:
            message = await receive()
            if message["type"] == "http.request" and whole is None:
                received.extend(message.get("body", b"")[: _SHOWN - len(received)])
            return message

        async def given(message: Any) -> None:
            nonlocal status, is_stream
            body = message.get("body", b"")
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = (b"content-type", b"text/event-stream") in message["headers"]
                self._publish(scope, "->", received)
            elif is_stream:
                if body.strip():
                    self._publish(scope, "<-", bytearray(body[:_SHOWN]))
            else:
                sent.extend(body[: _SHOWN - len(sent)])
            await send(message)

        try:
            await self._app(scope, taken, given)
        finally:
            self._publish(scope, "<-", sent, status=status, seconds=time.monotonic() - began)

    def _publish(self, scope: Scope, direction: str, body: bytearray, **facts: Any) -> None:
        client = scope.get("client")
        agent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")
        self._feed.publish(
            {
                "type": "wire",
                "direction": direction,
                "client": f"{client[0]}:{client[1]}" if client else "",
                "agent": agent[:200],
                "text": body.decode("utf-8", "replace"),
                "is_cut": len(body) >= _SHOWN,
                "time": time.time(),
                **facts,
            }
        )


async def _sandbox(send: Send, query: bytes) -> None:
    """Respond with the page that gets the HTML of an app, under the policy of the app."""
    policy = sandbox_policy("".join(parse_qs(query.decode("latin-1")).get("csp", ["{}"])))
    if policy is None:
        await respond(send, 400, "Bad request: `csp` is not the `csp` of an app\n")
        return
    page = files("wasmcp.playground").joinpath("static", "sandbox.html").read_bytes()
    await _answer(send, page, "text/html", policy)


def sandbox_policy(text: str) -> str | None:
    """Return the content security policy of an app, or None for an invalid `csp`.

    It is as strict as the specification's, without `'self'`: the origin is that of this server. Source: extension
    `io.modelcontextprotocol/ui`, "Content Security Policy Enforcement".

    Args:
        text: The `csp` of the app as JSON.
    """
    try:
        csp = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if any(True for _ in ui_problems({"csp": csp})):
        return None
    connect, resource, frame, base = (" ".join(csp.get(member, ())) for member in APP_DOMAINS)
    return (
        f"default-src 'none'; script-src 'unsafe-inline' {resource}; style-src 'unsafe-inline' {resource}; "
        f"img-src data: {resource}; font-src data: {resource}; media-src data: {resource}; "
        f"connect-src {connect or _NONE}; frame-src {frame or _NONE}; base-uri {base or _NONE}; object-src 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    )


async def _answer(send: Send, body: bytes, kind: str, policy: str) -> None:
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", policy.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(queue: asyncio.Queue[str | None], gone: asyncio.Future[None]) -> str | None:
    """Return the next event, the empty string if nothing happens for a while, None at the end."""
    item = asyncio.ensure_future(queue.get())
    waited: set[asyncio.Future[Any]] = {item, gone}
    done, _ = await asyncio.wait(waited, timeout=_PING, return_when=asyncio.FIRST_COMPLETED)
    if item in done and gone not in done:
        return item.result()
    item.cancel()
    return None if gone in done else ""


def _is_allowed(fields: dict[bytes, str], scheme: str, hosts: Container[str] | None) -> bool:
    """Return True for a request to a name of this machine that was not sent by a page of another origin."""
    authority = fields.get(b"host", "").lower()
    name = authority.rpartition(":")[0] if _has_port(authority) else authority
    if not (_is_loopback(name) or hosts is None or name in hosts):
        return False
    origin = fields.get(b"origin")
    if origin is not None and origin.lower() != f"{scheme}://{authority}":
        return False
    return fields.get(b"sec-fetch-site", "none") in {"none", "same-origin"}


def _has_port(authority: str) -> bool:
    tail = authority.rpartition(":")[2]
    return ":" in authority and not authority.endswith("]") and tail.isascii() and tail.isdigit()


def _is_loopback(name: str) -> bool:
    import ipaddress

    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
