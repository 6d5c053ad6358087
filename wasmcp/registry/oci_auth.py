"""Who we are to a registry: credentials and tokens."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import RegistryError
from wasmcp.registry import jsontext

if TYPE_CHECKING:
    import requests

_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def credentials(host: str, auth: Any, reference: str) -> str | None:
    """Return the credentials for a registry, as Basic authentication has them, or None.

    ``WASMCP_REGISTRY_USER`` and ``WASMCP_REGISTRY_PASSWORD``, for the host in ``WASMCP_REGISTRY_HOST`` only; else
    Docker's ``config.json`` (in ``DOCKER_CONFIG`` or ``~/.docker``) with its credential helpers.

    Args:
        host: The registry, with its port where it has one.
        auth: The authentication of `oras`, which knows credential helpers.
        reference: What it is for, for messages.

    Raises:
        RegistryError: Docker's configuration cannot be read.
    """
    user, password = os.environ.get("WASMCP_REGISTRY_USER"), os.environ.get("WASMCP_REGISTRY_PASSWORD")
    if user and password and os.environ.get("WASMCP_REGISTRY_HOST") == host:
        return base64.b64encode(f"{user}:{password}".encode()).decode()
    folder = os.environ.get("DOCKER_CONFIG")
    path = Path(folder) / "config.json" if folder else Path.home() / ".docker" / "config.json"
    if not path.is_file():
        return None
    try:
        document = jsontext.loads(path.read_text("utf-8"))
        tables = {key: document.get(key) or {} for key in ("auths", "credHelpers")}
        # oras would read ~/.docker only, so it is given what it reads there.
        auth._auth_config = {**tables, "credsStore": document.get("credsStore")}  # noqa: SLF001 - see above
        found = auth._load_auth("https://index.docker.io/v1/" if host in _DOCKER_HUB else host)  # noqa: SLF001 - see above
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise RegistryError(f"`{path}` cannot be read: {error}", reference=reference) from error
    return str(auth._basic_auth) if found else None  # noqa: SLF001 - see above


def token(session: requests.Session, challenge: str, basic: str | None, timeout: tuple[float, float]) -> dict[str, str]:
    """Return the header field with a token as a challenge asks for it, or none when none is given out.

    With credentials where there are some, else anonymously. Source: Docker Registry v2, "Token Authentication".

    Args:
        session: Through which to ask.
        challenge: The field ``WWW-Authenticate``.
        basic: Credentials.
        timeout: Of requests.
    """
    asked = dict(re.findall(r'([A-Za-z]+)="([^"]*)"', challenge))
    realm = asked.get("realm", "")
    query = {key: value for key, value in asked.items() if key in {"service", "scope"}}
    headers = {"Authorization": f"Basic {basic}"} if basic else {}
    answer = session.get(realm, params=query, headers=headers, timeout=timeout)
    try:
        document = answer.json() if answer.status_code == 200 else {}
        found = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError):
        found = None
    return {"Authorization": f"Bearer {found}"} if isinstance(found, str) else {}
