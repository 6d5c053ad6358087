"""Uses of aiohttp as authors write them, each with its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

CLOSED = "http://127.0.0.1:1/"


async def failure(url: str, **options: Any) -> list[str]:
    """Return the class of the exception that a request raises, and its text."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url, **options) as response:
            return ["none", await response.text()]
    except (aiohttp.ClientError, TimeoutError) as error:
        return [type(error).__name__, str(error)]


async def get_with_parameters(base: str) -> Any:
    async with (
        aiohttp.ClientSession(headers={"x-one": "1"}) as session,
        session.get(f"{base}/", params={"q": "ä b"}) as response,
    ):
        return [response.status, response.reason, *(await response.json(content_type=None))[:3]]


async def post_bodies(base: str) -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    async with aiohttp.ClientSession() as session:
        found = []
        for body in ({"json": {"a": [1]}}, {"data": {"a": "1"}}, {"data": pieces()}, {"data": b"bytes"}):
            async with session.post(f"{base}/echo", **body) as response:
                found.append(await response.text())
        form = aiohttp.FormData()
        form.add_field("file", b"of the file", filename="f.txt")
        async with session.post(f"{base}/echo", data=form) as response:
            found.append("of the file" in await response.text())
    return found


async def other_methods(base: str) -> Any:
    async with aiohttp.ClientSession(base) as session:
        found = []
        for method in ("PUT", "DELETE", "PURGE"):
            async with session.request(method, "/") as response:
                found.append((await response.json(content_type=None))[0])
        async with session.head("/zeros?5") as response:
            found.append([response.status, response.headers["Content-Length"], await response.text()])
    return found


async def redirects(base: str) -> Any:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/moved?302") as response:
            last = [response.url.path_qs, [before.status for before in response.history]]
        async with session.get(f"{base}/moved?302", allow_redirects=False) as response:
            return [response.status, *last]


async def too_many_redirects(base: str) -> Any:
    return (await failure(f"{base}/round"))[0]


async def cookies(base: str) -> Any:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{base}/") as response:
            received = {name: cookie.value for name, cookie in response.cookies.items()}
        async with session.get(f"{base}/headers") as response:
            return [received, (await response.json(content_type=None))["cookie"]]


async def compressed(base: str) -> Any:
    return (await failure(f"{base}/gzip"))[1]


async def large_response(base: str) -> Any:
    return len((await failure(f"{base}/zeros?3000000"))[1])


async def lines(base: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{base}/lines") as response:
        return [line.decode().strip() async for line in response.content]


async def unread_response(base: str) -> Any:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/zeros?3000000") as response:
            first = await response.content.readany()
        async with session.get(f"{base}/gzip") as response:
            return [len(first) > 0, await response.text()]


async def status(base: str) -> Any:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        try:
            await session.get(f"{base}/missing")
        except aiohttp.ClientResponseError as error:
            return [error.status, error.message]


async def concurrently(base: str) -> Any:
    """The server answers these requests only when all of them have arrived."""
    found = await asyncio.gather(*(failure(f"{base}/together") for _ in range(3)))
    return [text for _, text in found]


async def total_timeout(base: str) -> Any:
    return (await failure(f"{base}/never", timeout=aiohttp.ClientTimeout(total=0.2)))[0]


async def read_timeout(base: str) -> Any:
    return (await failure(f"{base}/stalls", timeout=aiohttp.ClientTimeout(sock_read=0.3)))[0]


async def cancelled(base: str) -> Any:
    try:
        await asyncio.wait_for(failure(f"{base}/never"), 0.2)
    except TimeoutError:
        return (await failure(f"{base}/gzip"))[1]


async def failures(base: str) -> Any:
    urls = [
        CLOSED,
        "http://no-such-host.invalid/",
        base.replace("http:", "https:"),
        f"{base}/short",
        f"{base}/nonsense",
    ]
    return [(await failure(url))[0] for url in urls]


async def unchecked_certificates(base: str) -> Any:
    kind, text = await failure(base.replace("http:", "https:"), ssl=False)
    return [(await failure(f"{base}/gzip", ssl=False))[1], kind, "the check of certificates cannot be turned" in text]


async def another_host_header(base: str) -> Any:
    return await failure(base, headers={"host": "example.org"})


async def proxy(base: str) -> Any:
    kind, text = await failure("http://example.org/", proxy=base)
    return [kind, "a component does not use proxies" in text]


async def web_socket(base: str) -> Any:
    async with aiohttp.ClientSession() as session:
        try:
            await session.ws_connect(base)
        except aiohttp.ClientError as error:
            return [type(error).__name__, str(error)]


async def expectation(base: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{base}/echo", data=b"expected", expect100=True) as response,
    ):
        return await response.text()


EXPECTED: dict[Any, Any] = {
    get_with_parameters: [200, "OK", "GET", "/?q=%C3%A4+b", {"x-one": ["1"]}],
    post_bodies: ['{"a": [1]}', "a=1", "one two", "bytes", True],
    other_methods: ["PUT", "DELETE", "PURGE", [200, "5", ""]],
    redirects: [302, "/?moved", [302]],
    too_many_redirects: "TooManyRedirects",
    cookies: [{"a": "1", "b": "2"}, ["a=1; b=2"]],
    compressed: "compressed",
    large_response: 3000000,
    lines: ["one", "twö", "three"],
    unread_response: [True, "compressed"],
    status: [404, "Not Found"],
    concurrently: ["together", "together", "together"],
    total_timeout: "TimeoutError",
    read_timeout: "SocketTimeoutError",
    cancelled: "compressed",
    failures: [
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "ClientConnectorSSLError",
        "ClientPayloadError",
        "ClientResponseError",
    ],
    unchecked_certificates: ["compressed", "ClientConnectorSSLError", True],
    another_host_header: ["ClientConnectionError", "the header `host` is set by the host..."],
    proxy: ["ClientProxyConnectionError", True],
    web_socket: ["ClientConnectionError", "a component cannot change the protocol of a connection to `websocket`"],
    expectation: "expected",
}
"""Use -> its result; see `support.network_uses.fits`."""
