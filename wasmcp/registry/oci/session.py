"""Connection to one registry: its origin and its credentials.

Challenges are answered only for the registry's own origin: scheme, host and port. Targets of redirects, links and
upload addresses get no credentials, and token servers that they name are not contacted.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wasmcp.registry.hosts import DEFAULT_PORTS, Origin, api_host, is_loopback
from wasmcp.registry.oci.auth import TokenServer, challenges
from wasmcp.registry.oci.credentials import Credentials, Found, find
from wasmcp.registry.oci.retry import Retry
from wasmcp.registry.oci.transport import Transport

if TYPE_CHECKING:
    import requests

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
    _LOG.warning("%s", problem)


def _scope(repository: str, method: str) -> str:
    """Return the token scope for a request."""
    if not repository:
        return "registry:catalog:*"
    return f"repository:{repository}:{'pull' if method in ('GET', 'HEAD') else 'pull,push'}"
