"""Authentication to a registry: challenges and tokens.

Source: RFC 9110, section 11; Docker Registry v2, "Token Authentication", "OAuth2 Token Authentication".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wasmcp.errors import RegistryDeniedError, RegistryError, RegistryUnreachableError
from wasmcp.registry import jsontext
from wasmcp.registry.hosts import Origin
from wasmcp.registry.oci.credentials import Credentials
from wasmcp.registry.oci.errors import detail_of
from wasmcp.registry.oci.retry import Retry
from wasmcp.registry.oci.transport import Transport, body, shown

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
            problem = f"the token server `{who}` does not take {kind} of {credentials.source} ({status}){detail}"
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
            document = jsontext.loads(body(response, TOKEN_LIMIT))
            found = document.get("token") or document.get("access_token")
        except RegistryError as error:
            raise RegistryUnreachableError(str(error), reference=self._reference) from error
        except (ValueError, AttributeError):
            found = None
        if not isinstance(found, str) or not _TOKEN.fullmatch(found):
            problem = f"the token server `{self._origin.authority}` answers without a token"
            raise RegistryUnreachableError(problem, reference=self._reference)
        return found
