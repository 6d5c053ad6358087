"""ASGI application of the playground: who may read it, its files, and the feed of messages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from wasmcp.host.transports.http_body import WHOLE_BODY
from wasmcp.playground.application import Feed, Playground

Fields = dict[str, str]


async def server(scope: Any, receive: Any, send: Any) -> None:
    """Answer each request with `{"result": {}}`."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"result": ', "more_body": True})
    await send({"type": "http.response.body", "body": b"{}}"})


class Client:
    def __init__(self, hosts: Any = ("machine.example",)) -> None:
        self.feed = Feed()
        self.app = Playground(server, self.feed, lambda: "<!doctype html><title>structure</title>", hosts)

    def get(self, path: str, fields: Fields | None = None, method: str = "GET") -> tuple[int, Fields, str]:
        return asyncio.run(self.request(path, fields or {}, method))

    async def request(
        self, path: str, fields: Fields, method: str = "GET", body: bytes = b"", *, whole: bool = False
    ) -> tuple[int, Fields, str]:
        headers = {"host": "127.0.0.1:8000", **fields}
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "scheme": "http",
            "client": ("127.0.0.1", 5),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        if whole:
            scope[WHOLE_BODY] = body
        sent: list[Any] = []
        queue = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            if queue:
                return queue.pop()
            await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], head, b"".join(one.get("body", b"") for one in sent[1:]).decode()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/_playground/playground.css",
        "/_playground/playground.js",
        "/_playground/forms.js",
        "/_playground/protocol.js",
        "/_playground/structure",
    ],
)
def test_files_are_self_contained(path: str) -> None:
    status, fields, text = Client().get(path)
    assert status == 200
    assert text
    assert "default-src 'none'" in fields["content-security-policy"]
    assert fields["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in fields
    assert "http://" not in text
    assert "https://" not in text
    assert "innerHTML" not in text


@pytest.mark.parametrize("path", ["/", "/_playground/structure", "/_playground/events", "/_playground/nothing"])
@pytest.mark.parametrize(
    "fields",
    [
        {"host": "attacker.example"},
        {"host": "attacker.example:8000"},
        {"host": "127.0.0.1.attacker.example:8000"},
        {"host": ""},
        {"origin": "http://attacker.example"},
        {"origin": "http://localhost:8000"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_requests_of_other_pages_and_names_are_refused(path: str, fields: Fields) -> None:
    assert Client().get(path, fields)[0] == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "localhost:8000"},
        {"host": "LOCALHOST"},
        {"host": "127.9.9.9:1"},
        {"host": "[::1]:8000"},
        {"host": "machine.example:8000"},
        {"host": "localhost:8000", "origin": "http://localhost:8000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_names_of_this_machine_are_accepted(fields: Fields) -> None:
    assert Client().get("/", fields)[0] == 200


def test_paths_of_the_playground_are_read_only() -> None:
    assert Client().get("/", method="POST")[0] == 405
    assert Client().get("/_playground/events", method="POST")[0] == 405
    assert Client().get("/_playground/../secret")[0] == 404


@pytest.mark.parametrize("whole", [True, False])
def test_messages_of_clients_are_in_the_feed(whole: bool) -> None:
    client = Client()
    body = b'{"method":"tools/list"}'

    async def use() -> list[Any]:
        queue = client.feed.connect()
        assert queue is not None
        status, _, text = await client.request("/mcp", {"user-agent": "x"}, "POST", body, whole=whole)
        assert (status, text) == (200, '{"result": {}}')
        return [json.loads(await queue.get() or "") for _ in range(3)]

    _, request, response = asyncio.run(use())
    assert (request["direction"], request["text"], request["client"]) == ("->", body.decode(), "127.0.0.1:5")
    assert (response["direction"], response["text"], response["status"]) == ("<-", '{"result": {}}', 200)
    assert response["seconds"] >= 0


def test_events_of_streams_are_in_the_feed_as_they_are_sent() -> None:
    client = Client()
    goes_on = asyncio.Event()

    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        fields = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b'data: {"method":"x"}\n\n', "more_body": True})
        await goes_on.wait()
        await send({"type": "http.response.body", "body": b""})

    client.app = Playground(stream, client.feed, str, None)

    async def use() -> list[Any]:
        queue = client.feed.connect()
        assert queue is not None
        running = asyncio.ensure_future(client.request("/mcp", {}, "POST", b"{}", whole=True))
        found = [json.loads(await queue.get() or "") for _ in range(3)]
        goes_on.set()
        await running
        return [*found, json.loads(await queue.get() or "")]

    _, request, event, end = asyncio.run(use())
    assert request["text"] == "{}"
    assert event["text"] == 'data: {"method":"x"}\n\n'
    assert "seconds" not in event
    assert (end["text"], end["status"]) == ("", 200)


def test_large_messages_are_cut() -> None:
    client = Client()

    async def use() -> Any:
        queue = client.feed.connect()
        assert queue is not None
        await client.request("/mcp", {}, "POST", b"x" * 1_000_000)
        await queue.get()
        return json.loads(await queue.get() or "")

    found = asyncio.run(use())
    assert len(found["text"]) == 65536
    assert found["is_cut"]


def test_feed_keeps_a_bounded_number_of_events_and_pages() -> None:
    async def use() -> None:
        feed = Feed()
        feed.publish_state({"state": "ready"})
        for number in range(1000):
            feed.publish({"number": number})
        queue = feed.connect()
        assert queue is not None
        assert json.loads(await queue.get() or "") == {"type": "state", "state": "ready"}
        assert json.loads(await queue.get() or "") == {"number": 800}
        assert queue.qsize() == 199
        others = [feed.connect() for _ in range(15)]
        assert None not in others
        assert feed.connect() is None
        feed.disconnect(queue)
        last = feed.connect()
        assert last is not None
        feed.close()
        await asyncio.sleep(0)
        items = [last.get_nowait() for _ in range(last.qsize())]
        assert items[-1] is None
        assert feed.connect() is None

    asyncio.run(use())


def test_events_are_streamed_until_the_end() -> None:
    client = Client()

    async def use() -> tuple[int, Fields, str]:
        client.feed.publish_state({"state": "failed", "error": "line\n\nline"})
        stream = asyncio.ensure_future(client.request("/_playground/events", {}))
        while not client.feed._pages:  # noqa: ASYNC110 - the application has no event for it
            await asyncio.sleep(0)
        client.feed.close()
        return await stream

    status, fields, text = asyncio.run(use())
    assert status == 200
    assert fields["content-type"] == "text/event-stream"
    assert text == 'data: {"type": "state", "state": "failed", "error": "line\\n\\nline"}\n\n'


def test_components_of_the_entries_are_for_the_page_only() -> None:
    client = Client()
    client.app = Playground(server, client.feed, str, ("machine.example",), lambda: {"tools": {"<add>": "calc"}})
    status, fields, text = client.get("/_playground/owners")
    assert (status, json.loads(text)) == (200, {"tools": {"<add>": "calc"}})
    assert fields["content-type"].startswith("application/json")
    assert client.get("/_playground/owners", {"origin": "http://evil.example"})[0] == 403
    assert client.get("/_playground/owners", method="POST")[0] == 405
    assert json.loads(Client().get("/_playground/owners")[2]) == {}
