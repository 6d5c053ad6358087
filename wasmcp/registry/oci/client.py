"""Client of an OCI registry. Source: OCI distribution 1.1."""

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
    """Client of one registry.

    Args:
        host: The host in normal form, with an optional port.
        scheme: `http` or `https`, if known.
        sleep: Called with the seconds of each pause between two attempts.
    """

    def __init__(self, host: str, *, scheme: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
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
            raise RegistryUnreachableError("the registry takes an upload, but does not say where", reference=reference)
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
                page = jsontext.loads(_body(response, LIST_LIMIT, reference))
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
        yield from pieces(response, _PIECE)
    except RegistryError as error:
        raise RegistryUnreachableError(str(error), reference=reference) from error
