"""HTTP transport for registries: retries, errors, time-outs, redirect checks, secrets bound to one origin, size limits.

In addition to `requests`: plain HTTP is used only with this machine, and only for a registry on this machine, never
through a proxy; a secret goes to its origin and not to redirect targets; `~/.netrc` and cookies are not used; the size
of a response is checked after decompression, chunk by chunk.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from wasmcp.errors import RegistryDeniedError, RegistryError, RegistryUnreachableError, UnknownPackageError
from wasmcp.registry.oci.credentials import Found
from wasmcp.registry.oci.references import Origin, is_loopback
from wasmcp.revision_views import from_json_text

if TYPE_CHECKING:
    import requests


TIMEOUT = (10.0, 60.0)
"""Time-out of connecting, and between two chunks of a response, in seconds."""

BODY_SECONDS = 300.0
"""Time limit of a response that is kept in memory (manifests, lists, tokens), in seconds."""

PIECE = 1 << 18
_HOPS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_PROXY = {"http": None, "https": None, "all": None}


class Transport:
    """Connections to one registry and its redirect targets.

    Args:
        local: The registry is on this machine; only then is plain HTTP to this machine allowed.
    """

    def __init__(self, *, local: bool) -> None:
        from http.cookiejar import DefaultCookiePolicy

        self._local = local
        self._session = _session()
        self._session.auth = _unchanged  # else requests would read ~/.netrc and overwrite the header
        self._session.headers.update({"User-Agent": "wasmcp", "Accept-Encoding": "identity"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        secret: Mapping[str, str] | None = None,
        owner: Origin | None = None,
        data: Any = None,
        parameters: Mapping[str, str] | None = None,
        leave: bool = True,
    ) -> requests.Response:
        """Send one request, and follow its redirects.

        Args:
            method: The HTTP method.
            url: The address.
            headers: Header fields for all servers.
            secret: Header fields for `owner` only.
            owner: The origin that the secret belongs to.
            data: The body: bytes, a form, or a file, which is read from its start.
            parameters: The query parameters.
            leave: Follow redirects to other origins; otherwise return their response.

        Returns:
            The last response; read its body with `pieces` or `body`.

        Raises:
            RegistryError: An address is not allowed.
            requests.exceptions.RequestException: No response.
        """
        for _ in range(_HOPS):
            origin = self._checked(url)
            if hasattr(data, "seek"):
                data.seek(0)
            response: requests.Response = self._session.request(
                method,
                url,
                params=parameters,
                headers={**headers, **((secret or {}) if origin == owner else {})},
                data=data,
                stream=True,
                timeout=TIMEOUT,
                allow_redirects=False,
                proxies=_NO_PROXY if is_loopback(origin.host) else None,  # type: ignore[arg-type,unused-ignore]
            )
            following = _following(method, response)
            if not following or (not leave and self._checked(following) != origin):
                return response
            response.close()
            url, parameters = following, None
        raise RegistryError(f"more than {_HOPS} redirects", reference=shown(url))

    def _checked(self, url: str) -> Origin:
        """Return the origin of an address, if it is allowed.

        Raises:
            RegistryError: The address is not allowed.
        """
        try:
            origin = Origin.of(url)
        except ValueError as error:
            raise RegistryError(f"not allowed: {error}", reference=shown(url)) from None
        if origin.scheme == "http" and not (self._local and is_loopback(origin.host)):
            problem = "requires plain HTTP, which is used with this machine only, for a registry that is on it"
            raise RegistryError(problem, reference=shown(url))
        return origin


def _following(method: str, response: requests.Response) -> str:
    """Return the target of a redirect; the empty string without a redirect, or if it must not be followed."""
    location = response.headers.get("Location", "")
    if response.status_code not in _REDIRECTS or not location:
        return ""
    if method not in ("GET", "HEAD") and response.status_code not in (307, 308):
        return ""  # these change the method to GET (RFC 9110, section 15.4)
    # Header fields are decoded as Latin-1; addresses in them can be UTF-8.
    location = location.encode("latin-1", "replace").decode("utf-8", "replace")
    return urljoin(str(response.url), location).partition("#")[0]


def pieces(response: requests.Response, size: int = PIECE) -> Iterator[bytes]:
    """Yield the decompressed body of a response in chunks of at most `size` bytes.

    Raises:
        RegistryUnreachableError: The connection breaks, or the encoding was not requested.
    """
    from urllib3.exceptions import HTTPError

    host = urlsplit(str(response.url)).netloc
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        response.close()
        raise RegistryUnreachableError(f"`{host}` answers in the encoding `{encoding}`, which was not requested")
    unzip = zlib.decompressobj(31) if encoding.endswith("gzip") else None
    with response:
        try:
            while data := response.raw.read1(size, decode_content=False):
                while data and unzip is not None:
                    if piece := unzip.decompress(data, size):
                        yield piece
                    data = b"" if unzip.eof else unzip.unconsumed_tail
                if data:
                    yield data
        except (HTTPError, OSError, zlib.error) as error:
            raise RegistryUnreachableError(f"the response of `{host}` is incomplete: {cause_of(error)}") from error


def body(response: requests.Response, limit: int) -> bytes:
    """Return the whole body of a response.

    Args:
        response: A response of `Transport.send`.
        limit: The size limit after decompression, in bytes.

    Raises:
        RegistryUnreachableError: The body is too large, takes longer than `BODY_SECONDS`, or breaks off.
    """
    host = urlsplit(str(response.url)).netloc
    end = time.monotonic() + BODY_SECONDS
    data = bytearray()
    for piece in pieces(response):
        data += piece
        if len(data) > limit:
            raise RegistryUnreachableError(f"the response of `{host}` is larger than {limit} bytes")
        if time.monotonic() > end:
            raise RegistryUnreachableError(f"the response of `{host}` was not complete within {BODY_SECONDS:.0f} s")
    return bytes(data)


def shown(url: str) -> str:
    """Return an address for messages: without password and query, which can contain a signature."""
    before, question, _ = url.partition("?")
    scheme, separator, rest = before.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}{'?...' if question else ''}"


def cause_of(error: BaseException) -> str:
    """Return the innermost reason: the outer ones only report retries."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (one for one in reason.args if isinstance(one, Exception)), None
        )
        if not isinstance(inner, Exception):
            text = str(reason)
            return text.partition(": ")[2] if text.startswith("<") else text
        reason = inner


def library() -> Any:
    """Import `requests` on demand: the import takes a quarter of a second.

    Raises:
        RegistryError: `requests` is not installed.
    """
    try:
        import requests
    except ModuleNotFoundError:
        raise RegistryError("registries need `requests`: install `wasmcp[registry]`") from None
    return requests


def _session() -> requests.Session:
    """Return a session that does not follow redirects: `requests` would read their bodies completely."""

    class HopByHop(library().Session):  # type: ignore[misc]
        def get_redirect_target(self, _response: requests.Response) -> None:
            return None

    session: requests.Session = HopByHop()
    return session


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


_DETAIL_LIMIT = 1 << 16
_DETAIL_SHOWN = 200


def refusal(host: str, response: requests.Response, reference: str, known: Found | None) -> RegistryError:
    """Return the exception for an error response of a registry.

    Args:
        host: The registry's host.
        response: The response; it is read and closed.
        reference: The subject of the message.
        known: The credentials that were found, or None if none were searched.
    """
    status, detail = response.status_code, detail_of(response)
    if status == 404:
        return UnknownPackageError(f"`{host}` does not have it (404){detail}", reference=reference)
    if status == 401:
        problem = f"`{host}` requires credentials (401){detail}; {_had(host, known)}"
        return RegistryDeniedError(problem, reference=reference, status=status)
    if status == 403:
        problem = f"`{host}` denies access (403){detail}: request access from its owner, or log in as another user"
        return RegistryDeniedError(problem, reference=reference, status=status)
    return RegistryUnreachableError(f"`{host}` answers {status}{detail}", reference=reference, status=status)


def elsewhere(host: str, response: requests.Response, reference: str) -> RegistryError:
    """Return the exception for a 401 or 403 of a server that a registry has redirected to."""
    status, server = response.status_code, urlsplit(str(response.url)).netloc
    detail = detail_of(response)
    problem = (
        f"`{host}` redirects to `{server}`, which denies access ({status}){detail}: credentials for `{host}` are sent "
        f"to `{host}` only. If both are one registry, use the name of the other one: `oci://{server}/...`"
    )
    return RegistryDeniedError(problem, reference=reference, status=status)


def detail_of(response: requests.Response) -> str:
    """Return the error message of a registry (OCI distribution, "Error Codes"), shortened to one line."""
    try:
        first = from_json_text(body(response, _DETAIL_LIMIT))["errors"][0]
        text = " ".join(str(first.get("message") or first.get("code", "")).split())
    except Exception:  # noqa: BLE001 - the body is not an error document
        text = ""
    finally:
        response.close()
    return f" ({text[:_DETAIL_SHOWN]})" if text else ""


def _had(host: str, known: Found | None) -> str:
    if known is not None and known.credentials is not None:
        have = f"it rejects those of {known.credentials.source}"
    else:
        have = "no credentials were found"
    problems = "".join(f" ({problem})" for problem in known.problems) if known is not None else ""
    return f"{have}{problems}: log in with `docker login {host}`, or set WASMCP_REGISTRY_HOST, _USER and _PASSWORD"


TRIES = 5
PAUSE_LIMIT = 60.0
"""The longest accepted `Retry-After`, in seconds; with a longer one the request is not repeated."""

PAUSES_LIMIT = 150.0
"""Limit of the total pause of one request, in seconds."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Retry:
    """Retry policy.

    Args:
        sleep: Called with the seconds of each pause; waits if omitted.
    """

    pause: Callable[[float], None] = staticmethod(time.sleep)
    """Function that waits for a number of seconds."""

    def __init__(self, sleep: Callable[[float], None] | None = None) -> None:
        if sleep is not None:
            self.pause = sleep

    def run(self, attempt: Callable[[], requests.Response], who: str, reference: str) -> requests.Response:
        """Return the first response for which a retry would not help.

        Args:
            attempt: Sends the request.
            who: The server, for messages.
            reference: The subject of messages.

        Raises:
            RegistryUnreachableError: No attempt got a response.
        """
        import requests.exceptions
        import urllib3.exceptions

        waited = 0.0
        for number in range(1, TRIES + 1):
            pause = min(0.25 * 2 ** (number - 1), 8) * (1 + random.random() / 4)  # noqa: S311 - jitter
            status: int | None = None
            try:
                response = attempt()
            except requests.exceptions.SSLError as error:
                raise RegistryUnreachableError(f"TLS failed: {cause_of(error)}", reference=reference) from error
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                if isinstance(error, ValueError):  # an invalid address or header field
                    raise RegistryUnreachableError(str(error), reference=reference) from error
                problem = f"`{who}` does not answer: {cause_of(error)}"
            else:
                if response.status_code not in _AGAIN:
                    return response
                status = response.status_code
                problem = f"`{who}` answers {status}{detail_of(response)}"
                pause = _asked(response.headers.get("Retry-After", "")) or pause
            if pause > PAUSE_LIMIT or waited + pause > PAUSES_LIMIT:
                problem += f", and requests a pause of {min(pause, 1e9):.0f} s: try again then"
                raise RegistryUnreachableError(problem, reference=reference, status=status)
            if number < TRIES:
                waited += pause
                self.pause(pause)
        problem += f"; gave up after {TRIES} tries"
        if status == 429:
            problem += ": it limits requests; wait, or log in if it allows more requests to its users"
        raise RegistryUnreachableError(problem, reference=reference, status=status)


def _asked(field: str) -> float | None:
    """Return the seconds in a field `Retry-After` (RFC 9110, section 10.2.3), or None."""
    text = field.strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=dt.UTC)
    return max((date - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
