"""Requests to a registry, and what comes back. Source: OCI distribution 1.1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from wasmcp.errors import RegistryError, RegistryUnreachableError
from wasmcp.registry import jsontext
from wasmcp.registry.hosts import Origin
from wasmcp.registry.oci.errors import elsewhere, refusal
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.retry import Retry
from wasmcp.registry.oci.session import Session
from wasmcp.registry.oci.transport import PIECE, body, pieces, shown

if TYPE_CHECKING:
    import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BLOB_TRIES = 3
MANIFEST_LIMIT = 4 << 20  # OCI distribution 1.1: registries should take manifests up to this size
LIST_LIMIT = 16 << 20
PAGES_LIMIT = 1000
_PIECE = PIECE


class Client:
    """One registry.

    Args:
        host: Its host, with its port where it has one, in normal form.
        scheme: `http` or `https`, where that is known.
        sleep: Called with the seconds of each pause between two tries.
    """

    def __init__(self, host: str, *, scheme: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.host = host
        self._retry = Retry(sleep)
        self._session = Session(host, self._retry, scheme=scheme)

    def manifest(self, place: Place, version: str | None = None) -> tuple[bytes, str]:
        """Return a manifest as it came and its digest as the registry says it ("" when it does not).

        Raises:
            UnknownPackageError: There is none.
            RegistryError: See `request`.
        """
        path = f"{place.repository}/manifests/{version or place.version}"
        headers = {"Accept": f"{MANIFEST}, {INDEX}"}
        response = self.request("GET", path, place.repository, reference=str(place), headers=headers)
        return _body(response, MANIFEST_LIMIT, str(place)), response.headers.get("Docker-Content-Digest", "")

    def tags(self, place: Place) -> list[str]:
        """Return the tags of a repository, all pages of them.

        Raises:
            UnknownPackageError: There is no such repository.
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages(f"{place.repository}/tags/list", place.repository, str(place)):
            tags = page.get("tags")
            found += [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        return list(dict.fromkeys(found))

    def repositories(self) -> list[str]:
        """Return what the registry says it has; many public ones do not say.

        Raises:
            RegistryError: See `request`.
        """
        found: list[str] = []
        for page in self._pages("_catalog", "", self.host):
            names = page.get("repositories")
            found += [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return found

    def blob(self, place: Place, digest: str) -> Iterator[bytes]:
        """Yield the bytes of a blob as they come; an answer cut short ends early, digests tell.

        One that breaks off goes on where it was (RFC 9110, section 14.2), three times at most.

        Raises:
            UnknownPackageError: There is none.
            RegistryError: See `request`.
        """
        done, tries, compressed = 0, BLOB_TRIES, False
        path = f"{place.repository}/blobs/{digest}"
        while True:
            # A range of what is compressed would be of other bytes.
            headers = {"Range": f"bytes={done}-"} if done and not compressed else {}
            response = self.request("GET", path, place.repository, reference=str(place), headers=headers)
            compressed = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
            # One that knows no ranges sends it all again.
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
        """Yield the content of a plain address as it comes.

        Raises:
            RegistryError: See `request`.
        """
        yield from _pieces(self.request("GET", url, "", reference=url), url)

    def push_blob(self, place: Place, digest: str, path: Path) -> None:
        """Put a blob there, unless it is there already.

        Raises:
            RegistryError: See `request`.
        """
        reference, repository = str(place), place.repository
        # A registry that does not say whether it has a blob gets it again.
        unknown = (404, 405, 501)
        known = self.request("HEAD", f"{repository}/blobs/{digest}", repository, reference=reference, fine=unknown)
        known.close()
        if known.status_code not in unknown:
            return
        opened = self.request("POST", f"{repository}/blobs/uploads/", repository, reference=reference)
        opened.close()
        where = opened.headers.get("Location", "")
        if not where:
            raise RegistryUnreachableError("the registry takes an upload, but does not say where", reference=reference)
        url = urljoin(str(opened.url), where).partition("#")[0]
        url += f"{'&' if '?' in url else '?'}digest={quote(digest, safe='')}"
        headers = {"Content-Type": "application/octet-stream"}
        with path.open("rb") as file:
            self.request("PUT", url, repository, reference=reference, headers=headers, data=file).close()

    def push_manifest(self, place: Place, version: str, data: bytes, *, kind: str = MANIFEST) -> bool:
        """Put a manifest there, under a tag or its digest; return whether the registry lists it with its subject.

        Raises:
            RegistryError: See `request`.
        """
        path, headers = f"{place.repository}/manifests/{version}", {"Content-Type": kind}
        response = self.request("PUT", path, place.repository, reference=str(place), headers=headers, data=data)
        response.close()
        return "OCI-Subject" in response.headers

    def referrers(self, place: Place) -> bytes | None:
        """Return the index of what refers to the manifest at a place; None where the registry keeps no such list.

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
        """Ask the registry, again where that may help.

        Args:
            method: Of HTTP.
            path: Below `/v2/`, or an address.
            repository: The repository that it is about: credentials may be for one. The empty string for none.
            reference: What it is about, for messages.
            headers: Header fields beside those of authentication.
            data: The body: bytes or a file, which is read again for another try.
            fine: Statuses beside 200 to 299 that are an answer.

        Returns:
            The response; its body is not read yet.

        Raises:
            RegistryDeniedError: 401 or 403, also with the credentials that there are.
            UnknownPackageError: 404.
            RegistryUnreachableError: No answer, or one that stays an error of the registry.
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
        """Yield the pages of a list; each is asked of the registry itself, whatever host a link names.

        A registry behind a proxy may not know its own name. Source: OCI distribution 1.1, "Listing Tags".
        """
        seen: set[str] = set()
        while path and path not in seen:
            if len(seen) >= PAGES_LIMIT:
                problem = f"`{self.host}` answers with a list of more than {PAGES_LIMIT} pages"
                raise RegistryUnreachableError(problem, reference=reference)
            seen.add(path)
            response = self.request("GET", path, repository, reference=reference)
            try:
                page = jsontext.loads(_body(response, LIST_LIMIT, reference))
            except ValueError:
                page = None
            if not isinstance(page, dict):
                raise RegistryUnreachableError(
                    f"`{self.host}` answers with something that is no list", reference=reference
                )
            yield page
            following = response.links.get("next", {}).get("url", "")
            if not following:
                return
            parts = urlsplit(urljoin(str(response.url), following))
            if not parts.path.startswith("/v2/"):
                problem = f"`{self.host}` says that its list goes on at `{shown(following)}`, which is not below `/v2/`"
                raise RegistryUnreachableError(problem, reference=reference)
            path = parts.path.removeprefix("/v2/") + (f"?{parts.query}" if parts.query else "")


def _body(response: requests.Response, limit: int, reference: str) -> bytes:
    """Return a body, with the reference in what is raised."""
    try:
        return body(response, limit)
    except RegistryError as error:
        raise RegistryUnreachableError(str(error), reference=reference) from error


def _pieces(response: requests.Response, reference: str) -> Iterator[bytes]:
    """Yield the pieces of a body, with the reference in what is raised."""
    try:
        yield from pieces(response, _PIECE)
    except RegistryError as error:
        raise RegistryUnreachableError(str(error), reference=reference) from error
