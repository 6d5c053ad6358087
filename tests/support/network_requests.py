"""Uses of requests, urllib3, urllib.request and http.client as authors write them, each with its result."""
# ruff: noqa: S113, S310, S323

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any

import requests
import urllib3

SESSION = requests.Session()
POOL = urllib3.PoolManager()
CLOSED = "http://127.0.0.1:1/"


def get_with_parameters(base: str) -> Any:
    response = requests.get(f"{base}/?a=1", params={"q": "ä"}, headers={"x-one": "1"}, timeout=5)
    return [response.status_code, response.reason, response.ok, *response.json()[:3]]


def post_json(base: str) -> Any:
    return requests.post(f"{base}/", json={"a": [1, None]}, timeout=5).json()[4]


def post_form(base: str) -> Any:
    return requests.post(f"{base}/echo", data={"a": "1", "b": ["2", "3"]}, timeout=5).text


def post_files(base: str) -> Any:
    return "of the file" in requests.post(f"{base}/echo", files={"f": ("f.txt", b"of the file")}, timeout=5).text


def post_pieces(base: str) -> Any:
    def pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    return [
        requests.post(f"{base}/echo", data=pieces(), timeout=5).text,
        requests.post(f"{base}/size", data=pieces(), timeout=5).json()[0],
    ]


def other_methods(base: str) -> Any:
    return [requests.request(method, f"{base}/", timeout=5).json()[0] for method in ("PUT", "DELETE", "PURGE")]


def head(base: str) -> Any:
    response = requests.head(f"{base}/zeros?5", timeout=5)
    return [response.status_code, response.headers["Content-Length"], response.text]


def redirects(base: str) -> Any:
    response = requests.get(f"{base}/moved?302", timeout=5)
    first = requests.get(f"{base}/moved?302", allow_redirects=False, timeout=5)
    return [first.status_code, response.json()[1], [before.status_code for before in response.history]]


def too_many_redirects(base: str) -> Any:
    try:
        requests.get(f"{base}/round", timeout=5)
    except requests.TooManyRedirects as error:
        return type(error).__name__


def cookies(base: str) -> Any:
    with requests.Session() as session:
        session.get(f"{base}/", timeout=5)
        return [session.cookies.get_dict(), session.get(f"{base}/headers", timeout=5).json()["cookie"]]


def credentials(base: str) -> Any:
    return requests.get(f"{base}/headers", auth=("user", "password"), timeout=5).json()["authorization"]


def compressed(base: str) -> Any:
    return requests.get(f"{base}/gzip", timeout=5).text


def large_response(base: str) -> Any:
    return len(requests.get(f"{base}/zeros?3000000", timeout=5).content)


def lines(base: str) -> Any:
    with requests.get(f"{base}/lines", stream=True, timeout=5) as response:
        return b"".join(response.iter_content(4)).decode()


def unread_response(base: str) -> Any:
    with requests.Session() as session:
        with session.get(f"{base}/zeros?3000000", stream=True, timeout=5) as response:
            first = next(response.iter_content(100))
        return [len(first), session.get(f"{base}/gzip", timeout=5).text]


def session_of_module(base: str) -> Any:
    return [SESSION.get(f"{base}/gzip", timeout=5).text for _ in range(2)]


def status(base: str) -> Any:
    try:
        requests.get(f"{base}/missing", timeout=5).raise_for_status()
    except requests.HTTPError as error:
        return [error.response.status_code, error.response.text]


def repeated_status(base: str) -> Any:
    session = requests.Session()
    retries = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0)
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
    try:
        session.get(f"{base}/status?503", timeout=5)
    except requests.exceptions.RetryError as error:
        return "too many 503" in str(error)


def failure(url: str, **options: Any) -> list[str]:
    """Return the class of the exception that a request raises, and its text."""
    try:
        return ["none", requests.get(url, **{"timeout": 5, **options}).text]
    except requests.RequestException as error:
        return [type(error).__name__, str(error)]


def read_timeout(base: str) -> Any:
    return failure(f"{base}/never", timeout=0.2)[0]


def read_timeout_of_body(base: str) -> Any:
    return failure(f"{base}/stalls", timeout=(5, 0.3))[0]


def refused_connection(base: str) -> Any:
    kind, text = failure(CLOSED)
    return [kind, "Failed to establish a new connection: connection-refused" in text]


def unknown_host(base: str) -> Any:
    kind, text = failure("http://no-such-host.invalid/")
    return [kind, "NameResolutionError" in text]


def secure_connection_to_plain_server(base: str) -> Any:
    return failure(base.replace("http:", "https:"))[0]


def unchecked_certificates(base: str) -> Any:
    kind, text = failure(base.replace("http:", "https:"), verify=False)
    return [failure(f"{base}/gzip", verify=False)[1], kind, "the check of certificates cannot be turned off" in text]


def private_authority(base: str) -> Any:
    return failure(base.replace("http:", "https:"), verify="/private/authority.pem")


def client_certificate(base: str) -> Any:
    return failure(base.replace("http:", "https:"), cert="/client.pem")


def short_body(base: str) -> Any:
    return failure(f"{base}/short")[0]


def nonsense(base: str) -> Any:
    return failure(f"{base}/nonsense")[0]


def another_host_header(base: str) -> Any:
    kind, text = failure(base, headers={"host": "example.org"})
    return [kind, "the header `host` is set by the host" in text]


def proxy(base: str) -> Any:
    kinds = []
    for url in ("http://example.org/", "https://example.org/"):
        kind, text = failure(url, proxies={"http": base, "https": base})
        kinds += [kind, "a component does not use proxies" in text]
    return kinds


def pool(base: str) -> Any:
    response = POOL.request("POST", f"{base}/", json={"a": 1})
    return [response.status, response.json()[4]]


def pool_stream(base: str) -> Any:
    response = POOL.request("GET", f"{base}/lines", preload_content=False)
    found = b"".join(response.stream(4)).decode()
    response.release_conn()
    return found


def pool_timeout(base: str) -> Any:
    try:
        POOL.request("GET", f"{base}/never", timeout=0.2, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return type(error).__name__


def pool_refused(base: str) -> Any:
    try:
        POOL.request("GET", CLOSED, retries=1)
    except urllib3.exceptions.MaxRetryError as error:
        return type(error.reason).__name__


def standard_get(base: str) -> Any:
    with urllib.request.urlopen(f"{base}/headers", timeout=5) as response:
        return [response.status, response.headers["content-length"] is not None, "user-agent" in json.load(response)]


def standard_post(base: str) -> Any:
    data = urllib.parse.urlencode({"a": "ä"}).encode()
    request = urllib.request.Request(f"{base}/", data=data, headers={"X-One": "1"})
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)[2:]


def standard_redirect(base: str) -> Any:
    with urllib.request.urlopen(f"{base}/moved?302", timeout=5) as response:
        return response.geturl().removeprefix(base)


def standard_cookies(base: str) -> Any:
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{base}/", timeout=5).close()
    return {cookie.name: cookie.value for cookie in jar}


def standard_lines(base: str) -> Any:
    with urllib.request.urlopen(f"{base}/lines", timeout=5) as response:
        return [line.decode().strip() for line in response]


def standard_status(base: str) -> Any:
    try:
        urllib.request.urlopen(f"{base}/missing", timeout=5)
    except urllib.error.HTTPError as error:
        with error:
            return [error.code, error.read().decode()]


def standard_failure(url: str, **options: Any) -> list[str]:
    """Return the class of the exception that `urlopen` raises, and that of its reason."""
    try:
        with urllib.request.urlopen(url, **{"timeout": 5, **options}) as response:
            return ["none", response.read().decode()]
    except urllib.error.URLError as error:
        return [type(error).__name__, type(error.reason).__name__]
    except (OSError, http.client.HTTPException) as error:
        return [type(error).__name__]


def standard_failures(base: str) -> Any:
    return [
        standard_failure(CLOSED),
        standard_failure("http://no-such-host.invalid/"),
        standard_failure(base.replace("http:", "https:")),
        standard_failure(f"{base}/never", timeout=0.2),
        standard_failure(f"{base}/stalls", timeout=0.3),
        standard_failure(f"{base}/short"),
        standard_failure(f"{base}/nonsense"),
    ]


def standard_unchecked(base: str) -> Any:
    context = ssl._create_unverified_context()
    return standard_failure(base.replace("http:", "https:"), context=context)


def standard_proxy(base: str) -> Any:
    handler = urllib.request.ProxyHandler({"http": base, "https": base})
    kinds = []
    for url in ("http://example.org/", "https://example.org/"):
        try:
            urllib.request.build_opener(handler).open(url, timeout=5)
        except urllib.error.URLError as error:
            kinds.append("a component does not use proxies" in str(error))
    return kinds


def connection(base: str) -> Any:
    """Use one connection for several requests."""
    client = http.client.HTTPConnection(base.partition("//")[2], timeout=5)
    found = []
    for path in ("/gzip", "/zeros?3"):
        client.request("GET", path, headers={"Accept": "*/*"})
        response = client.getresponse()
        found.append([response.status, len(response.read()) > 0, response.getheader("Content-Length") is not None])
    client.close()
    return found


def expectation(base: str) -> Any:
    client = http.client.HTTPConnection(base.partition("//")[2], timeout=5)
    client.request("POST", "/echo", body=[b"in ", b"chunks"], headers={"Expect": "100-continue"}, encode_chunked=True)
    return client.getresponse().read().decode()


def remote_procedure(base: str) -> Any:
    """Call a server that does not support XML-RPC."""
    try:
        xmlrpc.client.ServerProxy(f"{base}/missing").add(1, 2)
    except xmlrpc.client.ProtocolError as error:
        return error.errcode


EXPECTED: dict[Any, Any] = {
    get_with_parameters: [200, "OK", True, "GET", "/?a=1&q=%C3%A4", {"x-one": ["1"]}],
    post_json: '{"a": [1, null]}',
    post_form: "a=1&b=2&b=3",
    post_files: True,
    post_pieces: ["one two", 7],
    other_methods: ["PUT", "DELETE", "PURGE"],
    head: [200, "5", ""],
    redirects: [302, "/?moved", [302]],
    too_many_redirects: "TooManyRedirects",
    cookies: [{"a": "1", "b": "2"}, ["a=1; b=2"]],
    credentials: ["Basic dXNlcjpwYXNzd29yZA=="],
    compressed: "compressed",
    large_response: 3000000,
    lines: "one\r\ntwö\nthree",
    unread_response: [100, "compressed"],
    session_of_module: ["compressed", "compressed"],
    status: [404, "not here"],
    repeated_status: True,
    read_timeout: "ReadTimeout",
    read_timeout_of_body: "ConnectionError",
    refused_connection: ["ConnectionError", True],
    unknown_host: ["ConnectionError", True],
    secure_connection_to_plain_server: "SSLError",
    unchecked_certificates: ["compressed", "SSLError", True],
    short_body: "ChunkedEncodingError",
    nonsense: "ConnectionError",
    another_host_header: ["ConnectionError", True],
    proxy: ["ProxyError", True, "ProxyError", True],
    pool: [200, '{"a":1}'],
    pool_stream: "one\r\ntwö\nthree",
    pool_timeout: "ReadTimeoutError",
    pool_refused: "NewConnectionError",
    standard_get: [200, True, True],
    standard_post: [{"x-one": ["1"]}, [], "a=%C3%A4"],
    standard_redirect: "/?moved#top",
    standard_cookies: {"a": "1", "b": "2"},
    standard_lines: ["one", "twö", "three"],
    standard_status: [404, "not here"],
    standard_failures: [
        ["URLError", "ConnectionRefusedError"],
        ["URLError", "gaierror"],
        ["URLError", "SSLError"],
        ["TimeoutError"],
        ["TimeoutError"],
        ["IncompleteRead"],
        ["BadStatusLine"],
    ],
    standard_unchecked: ["URLError", "SSLError"],
    standard_proxy: [True, True],
    connection: [[200, True, True], [200, True, True]],
    expectation: "in chunks",
    remote_procedure: 404,
}
"""Use -> its result; see `support.network_uses.fits`."""

IN_COMPONENT: dict[Any, Any] = {
    private_authority: ["SSLError", "the certificate authorities `/private/authority.pem` cannot be used..."],
    client_certificate: ["SSLError", "the client certificate `/client.pem` cannot be used..."],
}
"""Use -> its result, where it differs natively, with the real `ssl`."""
