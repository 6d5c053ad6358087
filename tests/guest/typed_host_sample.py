"""Sample for mypy and pyright: use of the library's interfaces to the host."""

from dataclasses import dataclass
from typing import Any, assert_type

from wasmcp.guest import Context, config, http, kv, provider, tool
from wasmcp.guest.kv.buckets import Session
from wasmcp.guest.testing import Answer, FakeHttp, LocalContext, Sent, fake_config, fake_http, fake_kv, fresh_instance


@dataclass
class Point:
    x: int


@provider
def origin() -> Point:
    return Point(0)


@tool
async def everything(name: str, point: Point, context: Context) -> str:
    client = http.AsyncClient(timeout=http.Timeout(5, connect=1))
    response = await client.get("https://example.org/", params={"q": [name]}, headers={"x": ["1", "2"]})
    assert_type(response.raise_for_status(), http.Response)
    assert_type(response.headers.all("x"), list[str])
    async with client.stream("POST", "https://example.org/", body=[b"x"], max_body=None) as stream:
        async for chunk in stream.chunks():
            assert_type(chunk, bytes)
    session = context.session
    assert_type(session, Session | None)
    if session is not None:
        assert_type(session.get("x", kind=Point), Point | None)
        assert_type(session.keys(), list[str])
    context.session.get("x")  # wrong
    return response.text


def values() -> None:
    bucket = kv.open("points")
    assert_type(bucket.get("x"), Any)
    assert_type(bucket.get("x", kind=Point), Point | None)
    assert_type(bucket.get("x", Point(1), kind=Point), Point)
    assert_type(bucket.increment("n"), int)
    bucket.increment("n", "1")  # wrong
    bucket.compare_and_swap("x", kv.ABSENT, 1)
    for key, _value in bucket.items("p/"):
        assert_type(key, str)
    with http.stream("GET", "https://example.org/") as response:
        assert_type(list(response.lines()), list[str])
    assert_type(config.get("x"), str)
    assert_type(config.get("x", int), int)
    assert_type(config.get("x", list[str], default=None), list[str] | None)
    assert_type(origin(), Point)
    http.get("https://example.org/", timeot=5)  # wrong
    http.post("https://example.org/", max_redirects="no")  # wrong


def test_fakes() -> None:
    def respond(sent: Sent) -> Answer:
        return Answer(201, {"x": "y"}, sent.body)

    with fake_http() as network, fake_kv() as store, fake_config({"x": 1}) as given, fresh_instance({Point: Point(1)}):
        assert_type(network, FakeHttp)
        network.route("POST", "*", respond)
        assert_type(store.bucket("x"), kv.Bucket)
        assert_type(given, dict[str, Any])
    assert_type(LocalContext(session="s", session_values={"x": 1}).session_values, dict[str, Any])
