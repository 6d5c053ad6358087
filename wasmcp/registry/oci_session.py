"""The connection to a registry: `oras`, made strict.

Beyond what `oras` does: time-outs; no plain HTTP but to this machine, also after redirects and to token servers; Basic
and Bearer by what the registry asks for; credentials go to the registry that they are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wasmcp.errors import RegistryError
from wasmcp.registry.oci_auth import credentials, token
from wasmcp.registry.references import is_loopback

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""


def with_parameter(url: str, name: str, value: str) -> str:
    """Return an address with one more parameter in its query."""
    added: str = _oras().utils.append_url_params(url, {name: value})
    return added


class Session:
    """The connection to one registry, with whatever it wants to know of us."""

    def __init__(self, host: str) -> None:
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
        # A registry on this machine may have TLS; the first answer tells (see `_prefix`).
        self._registry = oras.provider.Registry(hostname=host, insecure=is_loopback(host))
        self._session: requests.Session = self._registry.session
        self._session.mount("http://", LoopbackOnly())
        self._session.headers["User-Agent"] = "wasmcp"
        self._session.auth = _unchanged  # else requests would look into ~/.netrc and overwrite what we send
        self._basic: str | None = None
        self._header: dict[str, str] = {}
        self._scheme: str | None = None if is_loopback(host) else "https"
        self._loaded = False

    @property
    def known(self) -> bool:
        """Whether there are credentials for it."""
        return self._basic is not None

    def send(self, method: str, path: str, headers: Mapping[str, str], data: Any, reference: str) -> requests.Response:
        """Send one request, with credentials where the registry asks for them.

        Args:
            method: Of HTTP.
            path: Below `/v2/`, or a URL.
            headers: Header fields beside those of authentication.
            data: The body: bytes or a file, which is read from its start.
            reference: What it is about, for messages.
        """
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


def _oras() -> Any:
    try:
        import oras.provider  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise RegistryError("registries need `oras`: install `wasmcp[registry]`") from None
    return oras


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
