"""Subscriptions: the streams of change notifications that a server's clients have open.

The guest decides which subscriptions are allowed and reports changes (`wasmcp:embedding/exchange`: the frames
`subscribe`, `watch` and `changed`). The host keeps the streams, so that they do not occupy instances.

Specification: basic/patterns/subscriptions; for handshake revisions 2025-11-25, server/resources, "Subscriptions".
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wasmcp.host.bindings.messages import Subscribe, Watch
from wasmcp.protocol import META_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.bindings.messages import Event
    from wasmcp.host.mcp.tasks import TaskNotifications

_SUBSCRIPTION = META_KEYS["subscription_id"]
_LISTS = {f"notifications/{kind}/list_changed": f"{kind}ListChanged" for kind in ("tools", "prompts", "resources")}
LIST_CHANGED = tuple(_LISTS)
"""Methods of the notifications that a list has changed."""

_RESOURCES = "resourceSubscriptions"
_TASKS = "taskIds"
URIS = 1000  # maximum number of subscribed resources of a client of a handshake revision
_URI = 128  # bytes of a subscribed URI in addition to its text


def uri_size(uri: str) -> int:
    """Return the bytes that are held for a subscribed URI."""
    return len(uri) + _URI


def filter_size(opened: Mapping[str, Any]) -> int:
    """Return the bytes that are held for the URIs and the ids of a frame `subscribe`."""
    return sum(uri_size(text) for name in (_RESOURCES, _TASKS) for text in opened["notifications"].get(name, ()))


class Listener:
    """A stream of notifications.

    Attributes:
        id: The id of the request that opened it; None for a handshake revision, whose clients have a single stream.
        end: The message that ends it, or empty bytes.
        tasks: The ids of the tasks that it listens to.
    """

    def __init__(self, opened: Mapping[str, Any], send: Callable[[bytes | None], None]) -> None:
        """Create a stream.

        Args:
            opened: The value of the frame `subscribe`: `id`, `notifications`, `end`.
            send: Called with each message, and with None at the end of the stream, on any thread; must not raise.
        """
        self.id: str | int | None = opened["id"]
        self.end: bytes = opened["end"].encode()
        self._lists = {method for method, name in _LISTS.items() if opened["notifications"].get(name)}
        self._uris: set[str] = set(opened["notifications"].get(_RESOURCES, ()))
        self.tasks: frozenset[str] = frozenset(opened["notifications"].get(_TASKS, ()))
        self._send = send

    @property
    def watched(self) -> int:
        """The number of subscribed resources."""
        return len(self._uris)

    def watches(self, uri: str) -> bool:
        """Return True if the stream is subscribed to a resource."""
        return uri in self._uris

    def watch(self, uri: str, *, on: bool) -> None:
        """Subscribe to a resource, or unsubscribe. Subscriptions beyond 1000 are ignored."""
        if not on:
            self._uris.discard(uri)
        elif len(self._uris) < URIS:
            self._uris.add(uri)

    def matches(self, change: Mapping[str, Any]) -> bool:
        """Return True if the stream is subscribed to a change."""
        method = change["method"]
        if method in _LISTS:
            return method in self._lists
        # Equivalent spellings of a URI have the same key; the guest writes keys to `subscribe` and `watch`.
        return change.get("key", change["params"]["uri"]) in self._uris

    def notify(self, change: Mapping[str, Any], plain: bytes) -> None:
        """Send a change notification.

        Args:
            change: The notification without `jsonrpc`.
            plain: The whole notification as text, shared by the streams without an id.
        """
        self._send(plain if self.id is None else _notification(change, self.id))

    def close(self) -> None:
        """End the stream, because the server stops."""
        if self.end:
            self._send(self.end)
        self._send(None)


def initial_subscription(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of the frame `subscribe` for a client of a handshake revision: subscribed to all lists."""
    lists = {
        name: True
        for name in _LISTS.values()
        if capabilities.get(name.removesuffix("ListChanged"), {}).get("listChanged")
    }
    return {"id": None, "notifications": lists, "end": ""}


class Hub:
    """All listeners of one server."""

    def __init__(self, tasks: TaskNotifications | None = None) -> None:
        """Create a hub without listeners.

        Args:
            tasks: The notifications about tasks.
        """
        self._tasks = tasks
        self._listeners: dict[Listener, None] = {}
        self._lock = threading.Lock()
        self._closed = False

    def add(self, listener: Listener) -> None:
        """Add a listener. Its stream ends at once if the server is closed."""
        with self._lock:
            if not self._closed:
                self._listeners[listener] = None
                if listener.tasks and self._tasks is not None:
                    self._tasks.add(listener)
                return
        listener.close()

    def remove(self, listener: Listener) -> None:
        """Remove a listener."""
        if listener.tasks and self._tasks is not None:
            self._tasks.remove(listener)
        with self._lock, suppress(KeyError):
            del self._listeners[listener]

    def changed(self, json_text: str) -> None:
        """Send a change to its subscribers: a JSON-RPC notification without `jsonrpc`. Called on any thread."""
        with self._lock:
            listeners = list(self._listeners)
        if not listeners:
            return
        import json

        change = json.loads(json_text)
        plain = _notification(change)
        for listener in listeners:
            if listener.matches(change):
                listener.notify(change, plain)

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            self._closed = True
            listeners, self._listeners = list(self._listeners), {}
        if self._tasks is not None:
            self._tasks.close()
        for listener in listeners:
            listener.close()


class StdioSubscriptions:
    """Streams of a client of the stdio transport, which all share one channel."""

    def __init__(self, hub: Hub, send: Callable[[bytes], None], most: int = 100) -> None:
        """Create an empty set of streams.

        Args:
            hub: The hub of the server.
            send: Called with each message, on any thread; must not raise.
            most: The maximum number of streams.
        """
        self._hub = hub
        self._write = send
        self._most = most
        self._opening: dict[object, Listener] = {}
        self._open: dict[str, Listener] = {}
        self._lock = threading.Lock()

    def event(self, call: object, event: Event) -> None:
        """Process an event of a call."""
        if not isinstance(event, Subscribe | Watch):
            return
        import json

        value = json.loads(event.text)
        with self._lock:
            if isinstance(event, Subscribe):
                self._opening[call] = Listener(value, self._send)
            elif _key(None) in self._open:
                self._open[_key(None)].watch(value.get("key", value["uri"]), on=value["on"])

    def answered(self, call: object, *, sent: bool) -> None:
        """Start the stream that a call has opened, after its response, if that was sent."""
        with self._lock:
            listener = self._opening.pop(call, None) if self._opening else None
        if listener is not None and sent:
            self._begin(listener)

    def greet(self, capabilities: Mapping[str, Any]) -> None:
        """Start the stream of a client whose `initialize` was answered by the manifest responder."""
        self._begin(Listener(initial_subscription(capabilities), self._send))

    def _begin(self, listener: Listener) -> None:
        key = _key(listener.id)
        with self._lock:
            before = self._open.pop(key, None)
            full = len(self._open) >= self._most
            if not full:
                self._open[key] = listener
        if before is not None:
            self._hub.remove(before)
        if full:
            listener.close()
        else:
            self._hub.add(listener)

    def cancel(self, request_id: object) -> bool:
        """End the stream that a request has opened. Return False if it does not exist."""
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
    import json  # lazy: needed only if clients subscribe

    params = dict(change.get("params", {}))
    if subscription is not None:
        params = {"_meta": {_SUBSCRIPTION: subscription}, **params}
    message = {"jsonrpc": "2.0", "method": change["method"]}
    if params:
        message["params"] = params
    return json.dumps(message, separators=(",", ":")).encode()


def _key(request_id: object) -> str:
    """Return a key by type and value: `1`, `"1"` and `true` are distinct JSON-RPC ids."""
    return f"{type(request_id).__name__} {request_id}"
