"""Client of an OCI registry, with authentication by challenges and tokens.

Challenges are answered only for the registry's own origin: scheme, host and port. Targets of redirects, links and
upload addresses get no credentials, and token servers that they name are not contacted.
Source: OCI distribution 1.1; RFC 9110, section 11; Docker Registry v2, "Token Authentication", "OAuth2 Token
Authentication".
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from wasmcp.errors import RegistryDeniedError, RegistryError, RegistryUnreachableError
from wasmcp.registry.oci.credentials import Credentials, Found, find
from wasmcp.registry.oci.references import DEFAULT_PORTS, Origin, Place, api_host, is_loopback
from wasmcp.registry.oci.transport import PIECE, Retry, Transport, body, detail_of, elsewhere, pieces, refusal, shown
from wasmcp.revision_views import from_json_text

if TYPE_CHECKING:
    import requests


TOKEN_LIMIT = 1 << 20
"""Size limit of a token server's response, in bytes."""

_CLIENT = "wasmcp"
_SPACE = re.compile(r"[\s,]*")
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_SCHEME = re.compile(rf"{_NAME}(?=[\s,]|$)")
_OTHER = re.compile(r"[^\s,]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Challenge:
    """Challenge of a server.

    Attributes:
        scheme: The scheme in lower case: `basic`, `bearer`, or another.
        parameters: The parameters by lower-case name.
    """

    scheme: str
    parameters: Mapping[str, str]


def challenges(field: str) -> list[Challenge]:
    """Parse a field ``WWW-Authenticate``, which can hold several challenges; invalid ones are ignored."""
    found: list[tuple[str, dict[str, str]]] = []
    place = 0
    while (place := _end(_SPACE, field, place)) < len(field):
        parameter, scheme = _PARAMETER.match(field, place), _SCHEME.match(field, place)
        if parameter is not None and found:
            quoted = re.sub(r"\\(.)", r"\1", parameter[2]) if parameter[2] is not None else parameter[3]
            found[-1][1].setdefault(parameter[1].lower(), quoted)
            place = parameter.end()
        elif scheme is not None:
            found.append((scheme[0].lower(), {}))
            place = scheme.end()
        else:
            place = max(_end(_OTHER, field, place), place + 1)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return place if match is None else match.end()


class TokenServer:
    """Token server named by a registry's challenge.

    The realm can be on another host than the registry: the caller decides which servers can announce one. It must use
    TLS, unless it and the registry are on this machine. Credentials go only to its origin, not to redirect targets.

    Raises:
        RegistryUnreachableError: The challenge names no token server.
    """

    def __init__(self, challenge: Challenge, transport: Transport, retry: Retry, reference: str) -> None:
        self._url = challenge.parameters.get("realm", "")
        self._service = challenge.parameters.get("service", "")
        self._scope = challenge.parameters.get("scope", "")
        self._transport, self._retry, self._reference = transport, retry, reference
        try:
            self._origin = Origin.of(self._url)
        except ValueError as error:
            problem = f"its token server `{shown(self._url)}` is not allowed: {error}"
            raise RegistryUnreachableError(problem, reference=reference) from None

    def token(self, credentials: Credentials | None, scope: str) -> str | None:
        """Return a token, or None if anonymous clients get none.

        Args:
            credentials: The credentials, or None; an identity token takes precedence over a password.
            scope: The scope to request if the challenge does not name one.

        Raises:
            RegistryDeniedError: The server rejects the credentials.
            RegistryUnreachableError: No response, or one without a token.
        """
        who = self._origin.authority
        response = self._retry.run(lambda: self._asked(credentials, self._scope or scope), who, self._reference)
        status = response.status_code
        if status == 200:
            return self._read(response)
        detail = detail_of(response)
        if status in (400, 401, 403) and credentials is None:
            return None
        if credentials is not None and status in (400, 401, 403, 404, 405):
            kind = "the identity token" if credentials.identity_token else "the user and password"
            problem = f"the token server `{who}` rejects {kind} of {credentials.source} ({status}){detail}"
            raise RegistryDeniedError(f"{problem}: log in again", reference=self._reference, status=status)
        raise RegistryUnreachableError(
            f"the token server `{who}` answers {status}{detail}", reference=self._reference, status=status
        )

    def _asked(self, credentials: Credentials | None, scope: str) -> requests.Response:
        query = {name: text for name, text in (("service", self._service), ("scope", scope)) if text}
        if credentials is not None and credentials.identity_token:
            form = {
                **query,
                "grant_type": "refresh_token",
                "client_id": _CLIENT,
                "refresh_token": credentials.identity_token,
            }
            return self._transport.send("POST", self._url, {}, data=form, leave=False)
        basic = credentials.basic if credentials is not None else None
        secret = {"Authorization": f"Basic {basic}"} if basic else {}
        return self._transport.send(
            "GET", self._url, {}, secret=secret, owner=self._origin, parameters=query, leave=not secret
        )

    def _read(self, response: requests.Response) -> str:
        try:
            document = from_json_text(body(response, TOKEN_LIMIT))
            found = document.get("token") or document.get("access_token")
        except RegistryError as error:
            raise RegistryUnreachableError(str(error), reference=self._reference) from error
        except (ValueError, AttributeError):
            found = None
        if not isinstance(found, str) or not _TOKEN.fullmatch(found):
            problem = f"the token server `{self._origin.authority}` answers without a token"
            raise RegistryUnreachableError(problem, reference=self._reference)
        return found


_LOG = logging.getLogger("wasmcp.registry")


class Session:
    """Connection to one registry.

    Args:
        host: The registry, in normal form.
        retry: The retry policy for token servers.
        scheme: `http` or `https`, if known.
    """

    def __init__(self, host: str, retry: Retry, *, scheme: str | None = None) -> None:
        self._host = host
        self._api = api_host(host)
        self._retry = retry
        self._transport = Transport(local=is_loopback(host))
        # A registry on this machine can be with or without TLS; the first response decides (see `origin`).
        self._scheme = scheme or (None if is_loopback(host) else "https")
        self._found: dict[str, Found] = {}
        self._headers: dict[str, dict[str, str]] = {}

    @property
    def origin(self) -> Origin:
        """The origin of the registry's API."""
        if self._scheme is None:
            self._scheme = self._probed()
        return Origin.of(f"{self._scheme}://{self._api}")

    def known(self, repository: str) -> Found | None:
        """Return the credentials for a repository; None if they were not needed."""
        return self._found.get(repository)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], data: Any, *, repository: str, reference: str
    ) -> requests.Response:
        """Send one request, with credentials if the registry requires them.

        Args:
            method: The HTTP method.
            path: A path below `/v2/`, or an address.
            headers: Header fields in addition to those of authentication.
            data: The body: bytes or a file, which is read from its start.
            repository: The repository that selects the credentials, or the empty string.
            reference: The subject of messages.

        Raises:
            RegistryError: The address is not allowed, or the token server returns no token.
            requests.exceptions.RequestException: No response.
        """
        url = path if "://" in path else f"{self.origin}/v2/{path}"

        def send() -> requests.Response:
            secret = self._headers.get(repository, {})
            return self._transport.send(method, url, headers, secret=secret, owner=self.origin, data=data)

        response = send()
        if response.status_code != 401 or Origin.of(str(response.url)) != self.origin:
            return response
        answer = self._answer(response, method, repository, reference)
        if answer is None or answer == self._headers.get(repository):
            return response
        response.close()
        self._headers[repository] = answer
        return send()

    def _answer(
        self, response: requests.Response, method: str, repository: str, reference: str
    ) -> dict[str, str] | None:
        """Return the header field that answers a 401 of the registry; None without suitable credentials."""
        asked = challenges(response.headers.get("WWW-Authenticate", ""))
        credentials = self._credentials(repository)
        bearer = next((one for one in asked if one.scheme == "bearer"), None)
        if bearer is not None:
            if credentials is not None and credentials.registry_token:
                return {"Authorization": f"Bearer {credentials.registry_token}"}
            server = TokenServer(bearer, self._transport, self._retry, reference)
            token = server.token(credentials, _scope(repository, method))
            return None if token is None else {"Authorization": f"Bearer {token}"}
        basic = credentials.basic if credentials is not None else None
        if basic and any(one.scheme == "basic" for one in asked):
            return {"Authorization": f"Basic {basic}"}
        return None

    def _credentials(self, repository: str) -> Credentials | None:
        if repository not in self._found:
            self._found[repository] = found = find(self._host, repository, DEFAULT_PORTS[self.origin.scheme])
            for problem in found.problems:
                _warn(problem)
        return self._found[repository].credentials

    def _probed(self) -> str:
        """Detect if a registry on this machine uses TLS: it then does not answer plain HTTP."""
        import requests.exceptions

        if urlsplit(f"//{self._api}").port == 443:
            return "https"
        url = f"http://{self._api}/v2/"
        try:
            answer = self._transport.send("GET", url, {}, leave=False)
        except requests.exceptions.ConnectionError as error:
            # The server closed a plain HTTP connection; the caller detects if there is a server at all.
            return "https" if "reset" in str(error).lower() or "BadStatusLine" in str(error) else "http"
        except requests.exceptions.RequestException:
            return "http"
        answer.close()
        return "https" if answer.status_code == 400 else "http"


@functools.lru_cache(maxsize=256)
def _warn(problem: str) -> None:
    """Log a problem, once per process: a build requests many packages."""
    _LOG.warning("%s", problem, extra={"problem": problem})


def _scope(repository: str, method: str) -> str:
    """Return the token scope for a request."""
    if not repository:
        return "registry:catalog:*"
    return f"repository:{repository}:{'pull' if method in ('GET', 'HEAD') else 'pull,push'}"


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BLOB_TRIES = 3
MANIFEST_LIMIT = 4 << 20  # OCI distribution 1.1: registries should take manifests up to this size
LIST_LIMIT = 16 << 20
PAGES_LIMIT = 1000


class Client:
    """Client of one registry.

    Args:
        host: The host in normal form, with an optional port.
        scheme: `http` or `https`, if known.
        sleep: Called with the seconds of each pause between two attempts; waits if omitted.
    """

    def __init__(self, host: str, *, scheme: str | None = None, sleep: Callable[[float], None] | None = None) -> None:
        self.host = host
        self._retry = Retry(sleep)
        self._session = Session(host, self._retry, scheme=scheme)

    def manifest(self, place: Place, version: str | None = None) -> tuple[bytes, str]:
        """Return the bytes of a manifest, and its digest from the response header ("" if missing).

        Raises:
            UnknownPackageError: The manifest does not exist.
            RegistryError: See `request`.
        """
        path = f"{place.repository}/manifests/{version or place.version}"
        headers = {"Accept": f"{MANIFEST}, {INDEX}"}
        response = self.request("GET", path, place.repository, reference=str(place), headers=headers)
        return _body(response, MANIFEST_LIMIT, str(place)), response.headers.get("Docker-Content-Digest", "")

    def tags(self, place: Place) -> list[str]:
        """Return all tags of a repository.

        Raises:
            UnknownPackageError: The repository does not exist.
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages(f"{place.repository}/tags/list", place.repository, str(place)):
            tags = page.get("tags")
            found += [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        return list(dict.fromkeys(found))

    def repositories(self) -> list[str]:
        """Return the registry's repositories; many public registries do not list them.

        Raises:
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages("_catalog", "", self.host):
            names = page.get("repositories")
            found += [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return found

    def blob(self, place: Place, digest: str) -> Iterator[bytes]:
        """Yield the bytes of a blob. A truncated response ends early; the digest check detects that.

        An interrupted download is resumed (RFC 9110, section 14.2), three times at most.

        Raises:
            UnknownPackageError: The blob does not exist.
            RegistryError: See `request`.
        """
        done, tries, compressed = 0, BLOB_TRIES, False
        path = f"{place.repository}/blobs/{digest}"
        while True:
            # Ranges of compressed responses would apply to other bytes.
            headers = {"Range": f"bytes={done}-"} if done and not compressed else {}
            response = self.request("GET", path, place.repository, reference=str(place), headers=headers)
            compressed = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
            # Servers without support for ranges send the whole blob again.
            skipped = 0 if response.status_code == 206 else done
            try:
                for piece in _pieces(response, str(place)):
                    new = piece[skipped:]
                    skipped -= len(piece) - len(new)
                    done += len(new)
                    if new:
                        yield new
            except RegistryUnreachableError:
                tries -= 1
                if not tries:
                    raise
            else:
                return

    def file(self, url: str) -> Iterator[bytes]:
        """Yield the content of a plain address.

        Raises:
            RegistryError: See `request`.
        """
        yield from _pieces(self.request("GET", url, "", reference=url), url)

    def push_blob(self, place: Place, digest: str, path: Path) -> None:
        """Upload a blob unless the registry has it.

        Raises:
            RegistryError: See `request`.
        """
        reference, repository = str(place), place.repository
        # Upload also if the registry does not report whether it has the blob.
        unknown = (404, 405, 501)
        known = self.request("HEAD", f"{repository}/blobs/{digest}", repository, reference=reference, fine=unknown)
        known.close()
        if known.status_code not in unknown:
            return
        opened = self.request("POST", f"{repository}/blobs/uploads/", repository, reference=reference)
        opened.close()
        where = opened.headers.get("Location", "")
        if not where:
            raise RegistryUnreachableError(
                "the registry accepts an upload without the header field `Location`", reference=reference
            )
        url = urljoin(str(opened.url), where).partition("#")[0]
        url += f"{'&' if '?' in url else '?'}digest={quote(digest, safe='')}"
        headers = {"Content-Type": "application/octet-stream"}
        with path.open("rb") as file:
            self.request("PUT", url, repository, reference=reference, headers=headers, data=file).close()

    def push_manifest(self, place: Place, version: str, data: bytes, *, kind: str = MANIFEST) -> bool:
        """Upload a manifest under a tag or its digest; return if the registry adds it to the referrers of its subject.

        Raises:
            RegistryError: See `request`.
        """
        path, headers = f"{place.repository}/manifests/{version}", {"Content-Type": kind}
        response = self.request("PUT", path, place.repository, reference=str(place), headers=headers, data=data)
        response.close()
        return "OCI-Subject" in response.headers

    def referrers(self, place: Place) -> bytes | None:
        """Return the index of the referrers of a manifest; None if the registry does not support the referrers API.

        Raises:
            RegistryError: See `request`.
        """
        path, headers = f"{place.repository}/referrers/{place.digest}", {"Accept": INDEX}
        response = self.request("GET", path, place.repository, reference=str(place), headers=headers, fine=(404, 405))
        if response.status_code >= 400 or INDEX not in response.headers.get("Content-Type", ""):
            response.close()
            return None
        return _body(response, LIST_LIMIT, str(place))

    def request(
        self,
        method: str,
        path: str,
        repository: str,
        *,
        reference: str,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        fine: tuple[int, ...] = (),
    ) -> requests.Response:
        """Send a request, with retries where these can help.

        Args:
            method: The HTTP method.
            path: A path below `/v2/`, or an address.
            repository: The repository that selects the credentials, or the empty string.
            reference: The subject of error messages.
            headers: Header fields in addition to those of authentication.
            data: The body: bytes or a file, which is read again for each attempt.
            fine: Accepted statuses in addition to 200 to 299.

        Returns:
            The response; its body has not been read.

        Raises:
            RegistryDeniedError: 401 or 403, with all available credentials.
            UnknownPackageError: 404.
            RegistryUnreachableError: No response, or a persistent error of the registry.
        """

        def attempt() -> requests.Response:
            return self._session.send(method, path, headers or {}, data, repository=repository, reference=reference)

        response = self._retry.run(attempt, self.host, reference)
        status = response.status_code
        if status < 300 or status in fine:
            return response
        if status in (401, 403) and Origin.of(str(response.url)) != self._session.origin:
            raise elsewhere(self.host, response, reference)
        raise refusal(self.host, response, reference, self._session.known(repository))

    def _pages(self, path: str, repository: str, reference: str) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list; all are requested from the registry itself, regardless of the host in links.

        A registry behind a proxy can have a wrong name in links. Source: OCI distribution 1.1, "Listing Tags".
        """
        seen: set[str] = set()
        while path and path not in seen:
            if len(seen) >= PAGES_LIMIT:
                problem = f"`{self.host}` answers with a list of more than {PAGES_LIMIT} pages"
                raise RegistryUnreachableError(problem, reference=reference)
            seen.add(path)
            response = self.request("GET", path, repository, reference=reference)
            try:
                page = from_json_text(_body(response, LIST_LIMIT, reference))
            except ValueError:
                page = None
            if not isinstance(page, dict):
                raise RegistryUnreachableError(
                    f"`{self.host}` answers with something that is not a list", reference=reference
                )
            yield page
            following = response.links.get("next", {}).get("url", "")
            if not following:
                return
            parts = urlsplit(urljoin(str(response.url), following))
            if not parts.path.startswith("/v2/"):
                problem = f"the list of `{self.host}` continues at `{shown(following)}`, which is not below `/v2/`"
                raise RegistryUnreachableError(problem, reference=reference)
            path = parts.path.removeprefix("/v2/") + (f"?{parts.query}" if parts.query else "")


def _body(response: requests.Response, limit: int, reference: str) -> bytes:
    """Return a body; errors have the reference."""
    try:
        return body(response, limit)
    except RegistryError as error:
        raise RegistryUnreachableError(str(error), reference=reference) from error


def _pieces(response: requests.Response, reference: str) -> Iterator[bytes]:
    """Yield the chunks of a body; errors have the reference."""
    try:
        yield from pieces(response, PIECE)
    except RegistryError as error:
        raise RegistryUnreachableError(str(error), reference=reference) from error
