"""Who hears of changes: the streams of notifications that a server's clients have open.

The guest decides what a client may listen to and what has changed (`wasmcp:embedding/exchange`: the frames `subscribe`,
`watch` and `changed`); here the streams are kept, so that none of them occupies an instance.
Specification: basic/patterns/subscriptions; for older clients 2025-11-25, server/resources, "Subscriptions".
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_LISTS = {f"notifications/{kind}/list_changed": f"{kind}ListChanged" for kind in ("tools", "prompts", "resources")}
_RESOURCES = "resourceSubscriptions"
_MOST_OF_ONE = 100  # of one client's connection
URIS = 1000  # of one older client
_URI = 128  # bytes that a URI takes besides its own


def uri_size(uri: str) -> int:
    """Return the bytes that are held for a URI that a client listens to."""
    return len(uri) + _URI


def filter_size(opened: Mapping[str, Any]) -> int:
    """Return the bytes that are held for the URIs of a frame `subscribe`."""
    return sum(map(uri_size, opened["notifications"].get(_RESOURCES, ())))


class Listener:
    """A stream of notifications.

    Attributes:
        id: Of the request that opened it; None for an older client, which has one stream for everything.
        end: The message that ends it, empty for none.
    """

    def __init__(self, opened: Mapping[str, Any], send: Callable[[bytes | None], None]) -> None:
        """Begin.

        Args:
            opened: What the frame `subscribe` says: `id`, `notifications`, `end`.
            send: Takes one message; None when the stream is over. Called on any thread; must not raise.
        """
        self.id: str | int | None = opened["id"]
        self.end: bytes = opened["end"].encode()
        self._lists = {method for method, name in _LISTS.items() if opened["notifications"].get(name)}
        self._uris: set[str] = set(opened["notifications"].get(_RESOURCES, ()))
        self._send = send

    @property
    def watched(self) -> int:
        """The number of resources that it listens to."""
        return len(self._uris)

    def watches(self, uri: str) -> bool:
        """Tell whether it listens to a resource."""
        return uri in self._uris

    def watch(self, uri: str, *, on: bool) -> None:
        """Listen to a resource, or no longer. Beyond 1000 of them the rest is not listened to."""
        if not on:
            self._uris.discard(uri)
        elif len(self._uris) < URIS:
            self._uris.add(uri)

    def hears(self, change: Mapping[str, Any]) -> bool:
        """Tell whether a change is one that it listens to."""
        method = change["method"]
        if method in _LISTS:
            return method in self._lists
        # Spellings of a URI that mean the same have one key; the guest has put keys into `subscribe` and `watch`.
        return change.get("key", change["params"]["uri"]) in self._uris

    def tell(self, change: Mapping[str, Any], plain: bytes) -> None:
        """Send a change.

        Args:
            change: The notification without `jsonrpc`.
            plain: The whole of it as text, which clients without an id share.
        """
        self._send(plain if self.id is None else _notification(change, self.id))

    def close(self) -> None:
        """End the stream: the server is to stop."""
        if self.end:
            self._send(self.end)
        self._send(None)


def unasked(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the guest says in `subscribe` when an older client has initialized: it hears of all lists."""
    lists = {
        name: True
        for name in _LISTS.values()
        if capabilities.get(name.removesuffix("ListChanged"), {}).get("listChanged")
    }
    return {"id": None, "notifications": lists, "end": ""}


class Hub:
    """All listeners of one server."""

    def __init__(self) -> None:
        self._listeners: dict[Listener, None] = {}
        self._lock = threading.Lock()
        self._closed = False

    def add(self, listener: Listener) -> None:
        """Have it hear of changes. When the server is closed, its stream ends."""
        with self._lock:
            if not self._closed:
                self._listeners[listener] = None
                return
        listener.close()

    def remove(self, listener: Listener) -> None:
        """Have it hear nothing more."""
        with self._lock, suppress(KeyError):
            del self._listeners[listener]

    def changed(self, json_text: str) -> None:
        """Tell of a change: a JSON-RPC notification without `jsonrpc`. Called on any thread of the host."""
        with self._lock:
            listeners = list(self._listeners)
        if not listeners:
            return
        import json

        change = json.loads(json_text)
        plain = _notification(change)
        for listener in listeners:
            if listener.hears(change):
                listener.tell(change, plain)

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            self._closed = True
            listeners, self._listeners = list(self._listeners), {}
        for listener in listeners:
            listener.close()


class Connection:
    """The streams of a client of the stdio transport, which all share one channel."""

    def __init__(self, hub: Hub, send: Callable[[bytes], None]) -> None:
        """Begin.

        Args:
            hub: That of the server.
            send: Takes one message. Called on any thread; must not raise.
        """
        self._hub = hub
        self._write = send
        self._opening: dict[object, Listener] = {}
        self._open: dict[str, Listener] = {}
        self._lock = threading.Lock()

    def event(self, call: object, kind: str, json_text: str) -> None:
        """Take a frame of a call."""
        if kind not in {"subscribe", "watch"}:
            return
        import json

        value = json.loads(json_text)
        with self._lock:
            if kind == "subscribe":
                self._opening[call] = Listener(value, self._send)
            elif _key(None) in self._open:
                self._open[_key(None)].watch(value.get("key", value["uri"]), on=value["on"])

    def answered(self, call: object, *, sent: bool) -> None:
        """Take note that a call was answered: a stream that it opens begins after its answer, if that was sent."""
        with self._lock:
            listener = self._opening.pop(call, None) if self._opening else None
        if listener is not None and sent:
            self._begin(listener)

    def greet(self, capabilities: Mapping[str, Any]) -> None:
        """Take note that an older client was answered its `initialize` for the server."""
        self._begin(Listener(unasked(capabilities), self._send))

    def _begin(self, listener: Listener) -> None:
        key = _key(listener.id)
        with self._lock:
            before = self._open.pop(key, None)
            full = len(self._open) >= _MOST_OF_ONE
            if not full:
                self._open[key] = listener
        if before is not None:
            self._hub.remove(before)
        if full:
            listener.close()
        else:
            self._hub.add(listener)

    def cancel(self, request_id: object) -> bool:
        """End the stream that a request has opened. False: there is none."""
        with self._lock:
            listener = self._open.pop(_key(request_id), None) if request_id is not None else None
        if listener is None:
            return False
        self._hub.remove(listener)
        return True

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            listeners, self._open = list(self._open.values()), {}
        for listener in listeners:
            self._hub.remove(listener)
            listener.close()

    def _send(self, message: bytes | None) -> None:
        if message is not None:
            self._write(message)


def _notification(change: Mapping[str, Any], subscription: str | int | None = None) -> bytes:
    import json  # here: a server whose clients do not listen never needs it, and its start is waited for

    params = dict(change.get("params", {}))
    if subscription is not None:
        params = {"_meta": {_SUBSCRIPTION: subscription}, **params}
    message = {"jsonrpc": "2.0", "method": change["method"]}
    if params:
        message["params"] = params
    return json.dumps(message, separators=(",", ":")).encode()


def _key(request_id: object) -> str:
    """1 and "1" are two ids, and so are 1 and true."""
    return f"{type(request_id).__name__} {request_id}"
