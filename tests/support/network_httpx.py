"""Uses of httpx and httpx2 as authors write them, each with its result; executed natively and in a component."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2

LIBRARIES: dict[str, Any] = {"httpx": httpx, "httpx2": httpx2}
CLIENTS: dict[str, Any] = {name: library.Client() for name, library in LIBRARIES.items()}
ASYNC_CLIENTS: dict[str, Any] = {name: library.AsyncClient() for name, library in LIBRARIES.items()}
CLOSED = "http://127.0.0.1:1/"


def raised(error: BaseException) -> list[str]:
    """Return the class and the text of an exception."""
    return [type(error).__name__, str(error)]


def get_with_parameters(x: Any, base: str) -> Any:
    response = x.get(f"{base}/?a=1", params={"q": "ä b"}, headers=[("x-many", "1"), ("x-many", "2")])
    return [response.status_code, response.reason_phrase, response.http_version, *response.json()[:3]]


def post_json(x: Any, base: str) -> Any:
    return x.post(f"{base}/", json={"a": [1, None]}).json()[4]


def post_form(x: Any, base: str) -> Any:
    return x.post(f"{base}/echo", data={"a": "1", "b": ["2", "3"]}).text


def post_files(x: Any, base: str) -> Any:
    return "content of the file" in x.post(f"{base}/echo", files={"f": ("f.txt", b"content of the file")}).text


def post_pieces(x: Any, base: str) -> Any:
    def pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    return [x.post(f"{base}/echo", content=pieces()).text, x.post(f"{base}/size", content=pieces()).json()]


def post_large_file(x: Any, base: str) -> Any:
    from io import BytesIO

    size = 3 * 1024 * 1024
    return x.post(f"{base}/size", content=BytesIO(bytes(size)), headers={"content-length": str(size)}).json()


def put_without_body(x: Any, base: str) -> Any:
    return [x.put(f"{base}/size").json(), x.request("PURGE", f"{base}/").json()[0], x.delete(f"{base}/").json()[0]]


def head(x: Any, base: str) -> Any:
    response = x.head(f"{base}/zeros?5")
    return [response.status_code, response.headers["content-length"], response.content.decode()]


def redirects(x: Any, base: str) -> Any:
    first = x.get(f"{base}/moved?302")
    last = x.get(f"{base}/moved?302", follow_redirects=True)
    return [first.status_code, last.json()[1], [response.status_code for response in last.history]]


def too_many_redirects(x: Any, base: str) -> Any:
    try:
        x.get(f"{base}/round", follow_redirects=True)
    except x.TooManyRedirects as error:
        return type(error).__name__


def cookies(x: Any, base: str) -> Any:
    with x.Client() as client:
        client.get(f"{base}/")
        return [dict(client.cookies), client.get(f"{base}/headers").json()["cookie"]]


def credentials(x: Any, base: str) -> Any:
    return x.get(f"{base}/headers", auth=("user", "password")).json()["authorization"]


def compressed(x: Any, base: str) -> Any:
    return x.get(f"{base}/gzip").text


def large_response(x: Any, base: str) -> Any:
    return len(x.get(f"{base}/zeros?3000000").content)


def lines(x: Any, base: str) -> Any:
    with x.stream("GET", f"{base}/lines") as response:
        return list(response.iter_lines())


def unread_response(x: Any, base: str) -> Any:
    """Leave a response before its end, and send another request."""
    with x.Client() as client:
        with client.stream("GET", f"{base}/zeros?3000000") as response:
            first = next(response.iter_raw())
        return [len(first) > 0, client.get(f"{base}/gzip").text]


def client_of_module(x: Any, base: str) -> Any:
    return CLIENTS[x.__name__].get(f"{base}/gzip").text


def base_url(x: Any, base: str) -> Any:
    with x.Client(base_url=base, headers={"x-of": "client"}) as client:
        return client.get("/?path").json()[1:3]


def status(x: Any, base: str) -> Any:
    try:
        x.get(f"{base}/missing").raise_for_status()
    except x.HTTPStatusError as error:
        return [error.response.status_code, error.response.text]


def read_timeout(x: Any, base: str) -> Any:
    try:
        x.get(f"{base}/never", timeout=0.2)
    except x.TimeoutException as error:
        return type(error).__name__


def read_timeout_of_body(x: Any, base: str) -> Any:
    with x.stream("GET", f"{base}/stalls", timeout=x.Timeout(5, read=0.3)) as response:
        try:
            return response.read().decode()
        except x.ReadTimeout as error:
            return type(error).__name__


def refused_connection(x: Any, base: str) -> Any:
    try:
        x.get(CLOSED)
    except x.TransportError as error:
        return raised(error)


def repeated_connection(x: Any, base: str) -> Any:
    with x.Client(transport=x.HTTPTransport(retries=2)) as client:
        try:
            client.get(CLOSED)
        except x.ConnectError as error:
            return type(error).__name__


def unknown_host(x: Any, base: str) -> Any:
    try:
        x.get("http://no-such-host.invalid/")
    except x.TransportError as error:
        return type(error).__name__


def secure_connection_to_plain_server(x: Any, base: str) -> Any:
    try:
        x.get(base.replace("http:", "https:"))
    except x.TransportError as error:
        return type(error).__name__


def unknown_scheme(x: Any, base: str) -> Any:
    try:
        x.get("ftp://127.0.0.1/")
    except x.TransportError as error:
        return type(error).__name__


def short_body(x: Any, base: str) -> Any:
    try:
        return x.get(f"{base}/short").text
    except x.TransportError as error:
        return type(error).__name__


def nonsense(x: Any, base: str) -> Any:
    try:
        return x.get(f"{base}/nonsense").text
    except x.TransportError as error:
        return type(error).__name__


def another_host_header(x: Any, base: str) -> Any:
    try:
        x.get(f"{base}/", headers={"host": "example.org"})
    except x.TransportError as error:
        return raised(error)


def upgrade(x: Any, base: str) -> Any:
    try:
        x.get(f"{base}/", headers={"connection": "upgrade", "upgrade": "websocket"})
    except x.TransportError as error:
        return raised(error)


def proxy(x: Any, base: str) -> Any:
    with x.Client(proxy=base) as client:
        try:
            client.get("http://example.org/")
        except x.TransportError as error:
            return raised(error)


def unchecked_certificates(x: Any, base: str) -> Any:
    with x.Client(verify=False) as client:
        plain = client.get(f"{base}/gzip").text
        try:
            client.get(base.replace("http:", "https:"))
        except x.TransportError as error:
            return [plain, *raised(error)]


def private_authority(x: Any, base: str) -> Any:
    try:
        x.Client(verify=ssl.create_default_context(cadata="-----BEGIN CERTIFICATE-----"))
    except ssl.SSLError as error:
        return str(error)


def client_certificate(x: Any, base: str) -> Any:
    context = ssl.create_default_context()
    try:
        context.load_cert_chain("client.pem")
    except OSError as error:
        return str(error)


async def async_get(x: Any, base: str) -> Any:
    async with x.AsyncClient() as client:
        response = await client.post(f"{base}/", json=[1])
    return response.json()[4]


async def async_client_of_module(x: Any, base: str) -> Any:
    return (await ASYNC_CLIENTS[x.__name__].get(f"{base}/gzip")).text


async def async_concurrently(x: Any, base: str) -> Any:
    """The server answers these requests only when all of them have arrived."""
    async with x.AsyncClient() as client:
        found = await asyncio.gather(*(client.get(f"{base}/together") for _ in range(3)))
    return [response.text for response in found]


async def async_lines(x: Any, base: str) -> Any:
    async with x.AsyncClient() as client, client.stream("GET", f"{base}/lines") as response:
        return [line async for line in response.aiter_lines()]


async def async_pieces(x: Any, base: str) -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    async with x.AsyncClient() as client:
        return (await client.post(f"{base}/echo", content=pieces())).text


async def async_timeout(x: Any, base: str) -> Any:
    async with x.AsyncClient(timeout=0.2) as client:
        try:
            await client.get(f"{base}/never")
        except x.TimeoutException as error:
            return type(error).__name__


async def async_cancelled(x: Any, base: str) -> Any:
    async with x.AsyncClient() as client:
        try:
            await asyncio.wait_for(client.get(f"{base}/never"), 0.2)
        except TimeoutError:
            return (await client.get(f"{base}/gzip")).text


async def async_refused_connection(x: Any, base: str) -> Any:
    async with x.AsyncClient() as client:
        try:
            await client.get(CLOSED)
        except x.ConnectError as error:
            return type(error).__name__


LINES = ["one", "twö", "three"]
EXPECTED: dict[Any, Any] = {
    get_with_parameters: [200, "OK", "HTTP/1.1", "GET", "/?q=%C3%A4+b", {"x-many": ["1", "2"]}],
    post_json: '{"a":[1,null]}',
    post_form: "a=1&b=2&b=3",
    post_files: True,
    post_pieces: ["one two", [7, "chunked"]],
    post_large_file: [3145728, "3145728"],
    put_without_body: [[0, "0"], "PURGE", "DELETE"],
    head: [200, "5", ""],
    redirects: [302, "/?moved", [302]],
    too_many_redirects: "TooManyRedirects",
    cookies: [{"a": "1", "b": "2"}, ["a=1; b=2"]],
    credentials: ["Basic dXNlcjpwYXNzd29yZA=="],
    compressed: "compressed",
    large_response: 3000000,
    lines: LINES,
    unread_response: [True, "compressed"],
    client_of_module: "compressed",
    base_url: ["/?path", {"x-of": ["client"]}],
    status: [404, "not here"],
    read_timeout: "ReadTimeout",
    read_timeout_of_body: "ReadTimeout",
    refused_connection: ["ConnectError", "connection-refused"],
    repeated_connection: "ConnectError",
    unknown_host: "ConnectError",
    secure_connection_to_plain_server: "ConnectError",
    unknown_scheme: "UnsupportedProtocol",
    short_body: "RemoteProtocolError",
    nonsense: "RemoteProtocolError",
    another_host_header: ["LocalProtocolError", "the header `host` is set by the host..."],
    upgrade: ["LocalProtocolError", "a component cannot change the protocol of a connection to `websocket`"],
    proxy: ["ProxyError", "a component does not use proxies..."],
    unchecked_certificates: ["compressed", "ConnectError", "the check of certificates cannot be turned off..."],
    async_get: "[1]",
    async_client_of_module: "compressed",
    async_concurrently: ["together", "together", "together"],
    async_lines: LINES,
    async_pieces: "one two",
    async_timeout: "ReadTimeout",
    async_cancelled: "compressed",
    async_refused_connection: "ConnectError",
}
"""Use -> its result; see `support.network_uses.fits`."""

IN_COMPONENT: dict[Any, Any] = {
    private_authority: "the certificate authorities `cadata` cannot be used...",
    client_certificate: "the client certificate `client.pem` cannot be used...",
}
"""Use -> its result, where it differs natively, with the real `ssl`."""
