"""Talking to a registry: what is asked of it, again where another try can help, and what comes back.

Retries have growing pauses, or the one that the registry asks for; errors say what happened. Source: OCI distribution
1.1.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from wasmcp.errors import RegistryUnreachable
from wasmcp.registry import jsontext
from wasmcp.registry.oci_answers import cause_of, detail_of, refusal
from wasmcp.registry.oci_session import Session, with_parameter
from wasmcp.registry.references import Place

if TYPE_CHECKING:
    import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TRIES = 5
BLOB_TRIES = 3
MANIFEST_LIMIT = 4 << 20  # OCI distribution 1.1: registries should take manifests up to this size
LIST_LIMIT = 16 << 20
_PIECE = 1 << 18
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSE_LIMIT = 60.0


class Client:
    """One registry.

    Attributes:
        host: Its host, with its port where it has one.
    """

    def __init__(self, host: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.host = host
        self._sleep = sleep
        self._session = Session(host)

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

        One that breaks off goes on where it was (RFC 9110, section 14.2), three times at most.

        Raises:
            PackageNotFound: There is none.
            RegistryError: See `request`.
        """
        done, tries = 0, BLOB_TRIES
        while True:
            headers = {"Range": f"bytes={done}-", "Accept-Encoding": "identity"} if done else {}
            path = f"{place.repository}/blobs/{digest}"
            response = self.request("GET", path, reference=str(place), headers=headers)
            # Who knows no ranges sends it all again.
            skipped = 0 if response.status_code == 206 else done
            try:
                for piece in self._pieces(response, str(place)):
                    new = piece[skipped:]
                    skipped -= len(piece) - len(new)
                    done += len(new)
                    if new:
                        yield new
            except RegistryUnreachable:
                tries -= 1
                if not tries:
                    raise
            else:
                return

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
        url = with_parameter(urljoin(str(opened.url), where), "digest", digest)
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
                response = self._session.send(method, path, headers or {}, data, reference)
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
                    raise refusal(self.host, response, reference, known=self._session.known)
                problem = f"`{self.host}` answers {status}{detail_of(response)}"
                asked = response.headers.get("Retry-After", "")
                pause = min(float(asked), _PAUSE_LIMIT) if asked.isdigit() else pause
            if attempt < TRIES - 1:
                self._sleep(pause)
        raise RegistryUnreachable(f"{problem}; gave up after {TRIES} tries", reference=reference, status=status)

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
