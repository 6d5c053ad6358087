"""Issuers of a server's tokens, by its settings of authorization.

A call whose response names a need (`wasmcp.host.authorization.need`) is suspended, and runs again with what was
fetched.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wasmcp.environment import INTROSPECTION_SECRET
from wasmcp.errors import IssuerDocumentError
from wasmcp.host.authorization.documents import discover, fetch
from wasmcp.host.authorization.introspection import Introspection
from wasmcp.host.authorization.keys import KeyCache
from wasmcp.host.engine import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.authorization.keys import Keys
    from wasmcp.host.authorization.need import Need

KEYS_TTL = 600
"""Default of `JWT_JWKS_TTL`, in seconds."""

INTROSPECTION_TTL = 60
"""Default of `JWT_INTROSPECTION_TTL`, in seconds."""


@dataclass(frozen=True)
class IssuerSettings:
    """Settings of authorization that this host acts on.

    Attributes:
        keys_url: Address of the key set.
        issuer: Issuer whose key set is discovered, if it has no address.
        keys_ttl: Seconds after which keys are fetched again.
        introspection_url: Endpoint that introspects tokens.
        client_id: Identifier of the server at that endpoint.
        client_secret: Its secret.
        introspection_ttl: Seconds for which a response is used.
    """

    keys_url: str | None = None
    issuer: str | None = None
    keys_ttl: float = KEYS_TTL
    introspection_url: str | None = None
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    introspection_ttl: float = INTROSPECTION_TTL

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> IssuerSettings | None:
        """Read the settings in effect, which the server has checked. Return None if nothing is to be fetched."""
        given = {name: value.strip() for name, value in settings.items()}
        introspection = given.get("JWT_INTROSPECTION_URI")
        keys, issuer = given.get("JWT_JWKS_URI"), None
        if keys is None and introspection is None and not {"JWT_JWKS", "JWT_PUBLIC_KEY"} & set(given):
            issuer = given.get("JWT_ISSUER")
        if keys is None and issuer is None and introspection is None:
            return None
        return cls(
            keys,
            issuer,
            float(given.get("JWT_JWKS_TTL", KEYS_TTL)),
            introspection,
            given.get("JWT_INTROSPECTION_CLIENT_ID", ""),
            given.get(INTROSPECTION_SECRET, ""),
            float(given.get("JWT_INTROSPECTION_TTL", INTROSPECTION_TTL)),
        )


class Issuer:
    """Client of one issuer.

    Attributes:
        keys: The keys; None if the settings contain them, or all tokens are introspected.
    """

    def __init__(self, settings: IssuerSettings) -> None:
        self._settings = settings
        self.keys: KeyCache | None = None
        if settings.keys_url is not None or settings.issuer is not None:
            self.keys = KeyCache(self._fetch_keys, settings.keys_ttl, self._keys_state)
        self._introspection: Introspection | None = None
        if settings.introspection_url is not None:
            self._introspection = Introspection(
                settings.introspection_url,
                settings.client_id,
                settings.client_secret,
                ttl=settings.introspection_ttl,
                on_state=self._introspection_state,
            )

    def provide(self, need: Need, seen: Keys | None, then: Callable[[bytes | None], None]) -> bool:
        """Fetch what a response needs. Return False if that is not possible now.

        Args:
            need: The need.
            seen: The keys of the instance that responded.
            then: Called once, on any thread: with the header lines to add to the request, which can be processed again;
                or with None.
        """
        if need.token is not None:
            introspection = self._introspection
            return introspection is not None and introspection.request(
                need.token, lambda value: then(None if value is None else b"wasmcp-introspection: %b\r\n" % value)
            )
        if self.keys is None or seen is None:
            return False
        return self.keys.request(seen, lambda keys: then(None if keys is None else b""))

    def _fetch_keys(self) -> str:
        url = self._settings.keys_url
        if url is None:
            url = self._discover(self._settings.issuer or "")
        document, value = fetch(url)
        if not isinstance(value.get("keys"), list):
            raise IssuerDocumentError(url, "the document is not a JSON Web Key Set: it has no array `keys`")
        return document

    def _discover(self, issuer: str) -> str:
        try:
            return discover(issuer)
        except IssuerDocumentError as error:
            hint = "; set `JWT_JWKS_URI` if this issuer has no metadata"
            raise IssuerDocumentError(error.url, f"{error.reason}{hint}", error.status) from None

    def _keys_state(self, reason: str | None) -> None:
        url = self._settings.keys_url or self._settings.issuer or ""
        _log(url, reason, "the keys of the issuer")

    def _introspection_state(self, reason: str | None) -> None:
        _log(self._settings.introspection_url or "", reason, "the introspection endpoint")


def _log(url: str, reason: str | None, what: str) -> None:
    if reason is None:
        logs.log(logs.AUTHORIZATION, logs.INFO, f"{what} can be used again ({url})", url=url)
    else:
        logs.log(logs.AUTHORIZATION, logs.WARNING, f"{what} cannot be used: {reason}", url=url)


class Issuers:
    """The issuers of all versions of one server in this process.

    Attributes:
        settings: The settings of authorization that were in effect when an instance booted last, without the secret;
            empty if authorization is not configured, or none has booted.
    """

    def __init__(self) -> None:
        self.settings: Mapping[str, str] = {}
        self._known: dict[IssuerSettings, Issuer] = {}
        self._lock = threading.Lock()

    def of(self, settings: Mapping[str, str]) -> Issuer | None:
        """Return the issuer for the settings in effect, whose keys are fetched from now on; None if there is nothing.

        Args:
            settings: The settings by name.
        """
        self.settings = {name: value for name, value in settings.items() if name != INTROSPECTION_SECRET}
        wanted = IssuerSettings.of(settings)
        if wanted is None:
            return None
        with self._lock:
            issuer = self._known.get(wanted)
            if issuer is None:
                issuer = self._known[wanted] = Issuer(wanted)
        if issuer.keys is not None:
            issuer.keys.current()
        return issuer
