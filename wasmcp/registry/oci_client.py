"""Talking to a registry: `oras`, made strict.

Beyond what `oras` does: time-outs; retries only where another try can help, with growing pauses or the one that the
registry asks for; no plain HTTP but to this machine, also after redirects and to token servers; Basic and Bearer by
what the registry asks for; errors that say what happened.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from wasmcp.errors import RegistryError, RegistryUnreachable
from wasmcp.registry import jsontext
from wasmcp.registry.oci_answers import cause_of, detail_of, refusal
from wasmcp.registry.oci_auth import credentials, token
from wasmcp.registry.references import Place, is_loopback

if TYPE_CHECKING:
    import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""

TRIES = 5
MANIFEST_LIMIT = 4 << 20  # OCI distribution 1.1: registries should take manifests up to this size
LIST_LIMIT = 16 << 20
_PIECE = 1 << 18
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSE_LIMIT = 60.0


def _oras() -> Any:
    try:
        import oras.provider  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise RegistryError("registries need `oras`: install `wasmcp[registry]`") from None
    return oras


class Client:
    """One registry.

    Attributes:
        host: Its host, with its port where it has one.
    """

    def __init__(self, host: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        oras = _oras()
        import requests.adapters

        class LoopbackOnly(requests.adapters.HTTPAdapter):
            """Also redirects and token servers come through here."""

            def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
                if not is_loopback(urlsplit(request.url or "").netloc.rpartition("@")[2]):
                    problem = "asks for plain HTTP, which is used with this machine only"
                    raise RegistryError(problem, reference=str(request.url))
                return super().send(request, *args, **kwargs)

        self.host = host
        self._sleep = sleep
        # A registry on this machine may have TLS; the first answer tells (see `_prefix`).
        self._registry = oras.provider.Registry(hostname=host, insecure=is_loopback(host))
        self._session: requests.Session = self._registry.session
        self._session.mount("http://", LoopbackOnly())
        self._session.headers["User-Agent"] = "wasmcp"
        self._session.auth = _unchanged  # else requests would look into ~/.netrc and overwrite what we send
        self._oras = oras
        self._basic: str | None = None
        self._header: dict[str, str] = {}
        self._scheme: str | None = None if is_loopback(host) else "https"
        self._loaded = False

    # What is asked of it

    def manifest(self, place: Place, version: str | None = None) -> tuple[bytes, str]:
        """Return a manifest as it came and its digest as the registry says it ("" when it does not).

        Raises:
            PackageNotFound: There is none.
            RegistryError: See `request`.
        """
        path = f"{place.repository}/manifests/{version or place.version}"
        response = self.request("GET", path, reference=str(place), headers={"Accept": f"{MANIFEST}, {INDEX}"})
        return self._body(response, MANIFEST_LIMIT, str(place)), response.headers.get("Docker-Content-Digest", "")

    def tags(self, place: Place) -> list[str]:
        """Return the tags of a repository, all pages of them.

        Raises:
            PackageNotFound: There is no such repository.
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages(f"{place.repository}/tags/list", str(place)):
            tags = page.get("tags")
            found += [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        return found

    def repositories(self) -> list[str]:
        """Return what the registry says it has; many public ones do not say.

        Raises:
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages("_catalog", self.host):
            names = page.get("repositories")
            found += [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return found

    def blob(self, place: Place, digest: str) -> Iterator[bytes]:
        """Return the bytes of a blob as they come; an answer cut short ends early, digests tell.

        Raises:
            PackageNotFound: There is none.
            RegistryError: See `request`.
        """
        response = self.request("GET", f"{place.repository}/blobs/{digest}", reference=str(place))
        return self._pieces(response, str(place))

    def push_blob(self, place: Place, digest: str, path: Path) -> None:
        """Put a blob there, unless it is there already.

        Raises:
            RegistryError: See `request`.
        """
        known = self.request("HEAD", f"{place.repository}/blobs/{digest}", reference=str(place), fine=(404,))
        if known.status_code == 200:
            return
        opened = self.request("POST", f"{place.repository}/blobs/uploads/", reference=str(place))
        where = opened.headers.get("Location", "")
        if not where:
            raise RegistryUnreachable("the registry takes an upload, but does not say where", reference=str(place))
        url = self._oras.utils.append_url_params(urljoin(str(opened.url), where), {"digest": digest})
        headers = {"Content-Type": "application/octet-stream"}
        with path.open("rb") as file:
            self.request("PUT", url, reference=str(place), headers=headers, data=file)

    def push_manifest(self, place: Place, version: str, data: bytes, *, kind: str = MANIFEST) -> bool:
        """Put a manifest there, under a tag or its digest; return whether the registry lists it with its subject.

        Raises:
            RegistryError: See `request`.
        """
        path, headers = f"{place.repository}/manifests/{version}", {"Content-Type": kind}
        response = self.request("PUT", path, reference=str(place), headers=headers, data=data)
        return "OCI-Subject" in response.headers

    def referrers(self, place: Place) -> bytes | None:
        """Return the index of what refers to the manifest at a place; None where the registry keeps no such list.

        Raises:
            RegistryError: See `request`.
        """
        path = f"{place.repository}/referrers/{place.digest}"
        response = self.request("GET", path, reference=str(place), headers={"Accept": INDEX}, fine=(404,))
        if response.status_code == 404 or INDEX not in response.headers.get("Content-Type", ""):
            response.close()
            return None
        return self._body(response, LIST_LIMIT, str(place))

    # How

    def request(
        self,
        method: str,
        path: str,
        *,
        reference: str,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        fine: tuple[int, ...] = (),
    ) -> requests.Response:
        """Ask the registry, again where that may help.

        Args:
            method: Of HTTP.
            path: Below `/v2/`, or a URL.
            reference: What it is about, for messages.
            headers: Header fields beside those of authentication.
            data: The body: bytes or a file, which is read again for another try.
            fine: Statuses beside 200 to 299 that are an answer.

        Raises:
            RegistryDenied: 401 or 403, also with the credentials that there are.
            PackageNotFound: 404.
            RegistryUnreachable: No answer, or one that stays an error of the registry.
        """
        import requests.exceptions

        problem, status = "", None
        for attempt in range(TRIES):
            pause = min(0.25 * 2**attempt, 8) * (1 + random.random() / 4)  # noqa: S311 - so that many do not come at once
            try:
                response = self._authenticated(method, path, headers or {}, data, reference)
            except requests.exceptions.SSLError as error:
                raise RegistryUnreachable(f"TLS failed: {cause_of(error)}", reference=reference) from error
            except requests.exceptions.InvalidURL as error:
                raise RegistryUnreachable(str(error), reference=reference) from error
            except requests.exceptions.RequestException as error:
                problem, status = f"`{self.host}` does not answer: {cause_of(error)}", None
            else:
                status = response.status_code
                if status < 300 or status in fine:
                    return response
                if status not in _AGAIN:
                    raise refusal(self.host, response, reference, known=self._basic is not None)
                problem = f"`{self.host}` answers {status}{detail_of(response)}"
                asked = response.headers.get("Retry-After", "")
                pause = min(float(asked), _PAUSE_LIMIT) if asked.isdigit() else pause
            if attempt < TRIES - 1:
                self._sleep(pause)
        raise RegistryUnreachable(f"{problem}; gave up after {TRIES} tries", reference=reference, status=status)

    def _authenticated(
        self, method: str, path: str, headers: Mapping[str, str], data: Any, reference: str
    ) -> requests.Response:
        url = path if "://" in path else f"{self._prefix()}://{self.host}/v2/{path}"

        def send() -> requests.Response:
            if hasattr(data, "seek"):
                data.seek(0)
            # What this registry gave us is for this registry, wherever it sends us.
            own = self._header if urlsplit(url).netloc == self.host else {}
            fields = {**headers, **own}
            return self._session.request(method, url, headers=fields, data=data, stream=True, timeout=TIMEOUT)

        response = send()
        if response.status_code == 401 and self._challenged(response, reference):
            response.close()
            response = send()
        return response

    def _prefix(self) -> str:
        """Find out whether a registry on this machine has TLS: it does not answer plain HTTP then."""
        if self._scheme is None:
            import requests.exceptions

            try:
                answer = self._session.get(f"http://{self.host}/v2/", timeout=TIMEOUT, allow_redirects=False)
                self._scheme = "https" if answer.status_code == 400 else "http"
            except requests.exceptions.ConnectionError as error:
                # Somebody who hangs up on plain HTTP; that nobody is there is for the caller to find out.
                self._scheme = "https" if "reset" in str(error).lower() or "BadStatusLine" in str(error) else "http"
        return self._scheme

    def _challenged(self, response: requests.Response, reference: str) -> bool:
        """Answer a 401 with what it asks for; False when there is nothing (more) to answer with."""
        challenge = response.headers.get("WWW-Authenticate", "")
        kind = challenge.partition(" ")[0].lower()
        self._load(reference)
        if kind == "basic" and self._basic and not self._header:
            self._header = {"Authorization": f"Basic {self._basic}"}
            return True
        if kind == "bearer":
            self._header = token(self._session, challenge, self._basic, TIMEOUT)
            return bool(self._header)
        return False

    def _load(self, reference: str) -> None:
        """Look for credentials: the environment, then Docker's configuration with its helpers."""
        if self._loaded:
            return
        self._loaded = True
        self._basic = credentials(self.host, self._registry.auth, reference)

    # What comes back

    def _pages(self, path: str, reference: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        while path and path not in seen:
            seen.add(path)
            response = self.request("GET", path, reference=reference)
            try:
                page = jsontext.loads(self._body(response, LIST_LIMIT, reference))
            except ValueError:
                page = None
            if not isinstance(page, dict):
                raise RegistryUnreachable(f"`{self.host}` answers with something that is no list", reference=reference)
            yield page
            following = response.links.get("next", {}).get("url", "")
            path = urljoin(str(response.url), following) if following else ""
            if path and urlsplit(path).netloc != self.host:
                raise RegistryUnreachable(f"the list goes on at another host: `{path}`", reference=reference)

    def _body(self, response: requests.Response, limit: int, reference: str) -> bytes:
        data = bytearray()
        for piece in self._pieces(response, reference):
            data += piece
            if len(data) > limit:
                raise RegistryUnreachable(f"the answer is larger than {limit} bytes", reference=reference)
        return bytes(data)

    def _pieces(self, response: requests.Response, reference: str) -> Iterator[bytes]:
        import requests.exceptions

        with response:
            try:
                yield from response.iter_content(_PIECE)
            except requests.exceptions.RequestException as error:
                problem = f"`{self.host}` broke off in the middle: {cause_of(error)}"
                raise RegistryUnreachable(problem, reference=reference) from error


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
