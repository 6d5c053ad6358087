"""Tools that use what a host gives: the same file is a component and a module of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wasmcp.guest import Context, NotGrantedError, config, http, kv, provider, tool


@dataclass
class Point:
    x: int
    y: int = 0


class Visits:
    """State shared by all calls of an instance."""

    made = 0

    def __init__(self) -> None:
        Visits.made += 1
        self.seen: list[str] = []


@provider
async def visits() -> Visits:
    await asyncio.sleep(0)
    return Visits()


@tool
def keep_page(url: str, key: str) -> dict[str, Any]:
    """Fetch a page and keep it under a key, with the greeting of the configuration."""
    page = http.get(url, timeout=5).raise_for_status()
    pages = kv.open(config.get("bucket", default=""))
    pages[key] = {"text": page.text, "greeting": config.get("greeting")}
    return {"kept": pages[key], "count": pages.increment("count")}


@dataclass
class Wanted:
    """Request to send."""

    url: str
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None
    timeout: float = 5
    first_byte: float | None = None
    between_bytes: float | None = None
    max_redirects: int = 10
    max_body: int | None = None


@tool
def fetch(wanted: Wanted) -> dict[str, Any]:
    """Send a request, and tell how it went."""
    try:
        response = http.request(
            wanted.method,
            wanted.url,
            headers=wanted.headers,
            body=wanted.body,
            timeout=http.Timeout(wanted.timeout, first_byte=wanted.first_byte, between_bytes=wanted.between_bytes),
            max_redirects=wanted.max_redirects,
            max_body=wanted.max_body,
        )
    except http.HttpError as error:
        facts = {name: getattr(error, name) for name in ("code", "phase", "limit", "grant") if hasattr(error, name)}
        return {"error": type(error).__name__, **facts}
    except NotGrantedError as error:
        return {"error": type(error).__name__, "grant": error.grant}
    return {
        "status": response.status,
        "reason": response.reason,
        "cookies": response.headers.all("set-cookie"),
        "text": response.text,
        "path": response.url.partition("//")[2].partition("/")[2],
        "redirects": len(response.redirects),
    }


@tool
async def fetch_all(urls: list[str]) -> list[str]:
    """Fetch several pages at a time."""
    client = http.AsyncClient(timeout=20)
    found = await asyncio.gather(*map(client.get, urls), return_exceptions=True)
    return [type(item).__name__ if isinstance(item, BaseException) else item.text for item in found]


@tool
async def give_up(url: str) -> list[str]:
    """Leave responses before they have ended, in every way there is."""
    client = http.AsyncClient()
    told = []
    for waiting in (client.get(f"{url}/never"), client.get(f"{url}/stalls")):
        try:
            await asyncio.wait_for(waiting, 0.1)
        except TimeoutError:
            told.append("given up")
    async with client.stream("GET", f"{url}/lines") as response:
        async for piece in response.chunks(1):
            told.append(piece.decode())
            break
    with http.stream("GET", f"{url}/stalls") as stalling:
        told.append(next(stalling.chunks()).decode())
    left = http.stream("GET", f"{url}/lines")
    told.append(next(left.__enter__().lines()))
    del left
    task = asyncio.create_task(client.get(f"{url}/never"))
    await asyncio.sleep(0.05)
    told.append(str(task.done()))
    return told  # with a request under way


def _pieces(count: int, size: int) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * size


@tool
def echo(url: str, count: int, size: int) -> int:
    """Send a body in pieces, and count the bytes that come back in pieces."""
    with http.stream("POST", url, body=_pieces(count, size)) as response:
        return sum(map(len, response.chunks()))


@tool
async def lines(url: str) -> list[str]:
    """Read a text line by line."""
    async with http.AsyncClient().stream("GET", url) as response:
        return [line async for line in response.lines()]


@tool
def values() -> dict[str, Any]:
    """Keep values of all kinds, and tell what became of them."""
    bucket = kv.open("values")
    given = {
        "text": "é\U0001f40d", "true": True, "int": -5, "big": 1 << 63, "huge": 1 << 70, "float": 1.5, "none": None,
        "list": [1, {"a": None}], "point": Point(1, 2),
    }  # fmt: skip
    bucket.set_many(given)
    bucket["bytes"] = b"\x00\xff"
    many = {f"many/{number:04}": number for number in range(1500)}
    for start in (0, 500, 1000):
        bucket.set_many(dict(list(many.items())[start : start + 500]))
    read = bucket.get_many([*given, "absent"])
    outcome: dict[str, Any] = {
        "kept": all(read[key] == value for key, value in given.items() if key != "point") and "absent" not in read,
        "point": bucket.get("point", kind=Point) == Point(1, 2),
        "bytes": bucket["bytes"] == b"\x00\xff",
        "counted": [bucket.increment("counter"), bucket.increment("counter", 5), bucket.increment("counter", -7)],
        "swapped": [
            bucket.compare_and_swap("swap", kv.ABSENT, "a"),
            bucket.compare_and_swap("swap", kv.ABSENT, "b"),
            bucket.compare_and_swap("swap", "c", "d"),
            bucket.compare_and_swap("swap", "a", {"x": 1}),
        ],
        "updated": bucket.update("list", lambda held: [*held, "more"]),
        "listed": sorted(bucket.keys("many/")) == sorted(many) and dict(bucket.items("many/")) == many,
        "there": ["text" in bucket, "absent" in bucket, bucket.get("absent"), bucket.get("absent", 7)],
    }
    del bucket["text"], bucket["text"]
    bucket.delete_many(["true", "absent"])
    outcome["gone"] = ["text" in bucket, "true" in bucket]
    outcome["errors"] = [_refused(attempt) for attempt in _attempts(bucket)]
    return outcome


def _attempts(bucket: kv.Bucket) -> list[Any]:
    return [
        lambda: bucket.increment("float"),
        lambda: [bucket.increment("counter", (1 << 63) - 1) for _ in range(2)],
        lambda: bucket.set("", 1),
        lambda: bucket.get("k" * 1025),
        lambda: bucket.set("k", "x" * (2 * 1024 * 1024 + 1)),
        lambda: bucket.set_many({str(number): 1 for number in range(1001)}),
        lambda: bucket["absent"],
        lambda: bucket.get("float", kind=Point),
        lambda: kv.open("n" * 513),
        lambda: kv.open("wasmcp:private"),
    ]


def _refused(attempt: Any) -> str:
    try:
        attempt()
    except (kv.StoreError, KeyError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "fine"


@tool
def settings() -> dict[str, Any]:
    """Read the configuration, and tell what is there and what is not."""
    outcome: dict[str, Any] = {
        "greeting": config.get("greeting"),
        "retries": config.get("retries", int),
        "point": config.get("point", Point).x,
        "verbose": config.get("VERBOSE", bool, default=False),
        "tags": config.get("TAGS", list[str], default=[]),
        "default": config.get("absent", default=None),
        "all": sorted(config.baked_in()),
    }
    for key, kind in (("absent", str), ("greeting", int), ("SECRET", int)):
        try:
            config.get(key, kind)
        except config.ConfigError as error:
            outcome[f"{key} as {kind.__name__}"] = f"{type(error).__name__}: {error}"
    return outcome


@tool
def visit(context: Context) -> dict[str, Any]:
    """Count the visits of a session."""
    session = context.session
    if session is None:
        return {"session": None}
    session["last"] = {"number": session.increment("count")}
    return {
        "count": session.get("count"),
        "last": session["last"],
        "keys": sorted(session.keys()),
        "there": ["last" in session, "absent" in session],
    }


@tool
def remember(name: str, visits: Visits) -> dict[str, Any]:
    """Remember a name for as long as the instance lives."""
    visits.seen.append(name)
    return {"seen": visits.seen, "made": Visits.made}
