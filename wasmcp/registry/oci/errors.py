"""Conversion of error responses of registries to exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wasmcp.errors import RegistryDeniedError, RegistryError, RegistryUnreachableError, UnknownPackageError
from wasmcp.registry import jsontext
from wasmcp.registry.oci.credentials import Found
from wasmcp.registry.oci.transport import body

if TYPE_CHECKING:
    import requests

_DETAIL_LIMIT = 1 << 16
_DETAIL_SHOWN = 200


def refusal(host: str, response: requests.Response, reference: str, known: Found | None) -> RegistryError:
    """Return the exception for an error response of a registry.

    Args:
        host: The registry's host.
        response: The response; it is read and closed.
        reference: The subject of the message.
        known: The credentials that were found, or None if none were searched.
    """
    status, detail = response.status_code, detail_of(response)
    if status == 404:
        return UnknownPackageError(f"`{host}` has no such thing{detail}", reference=reference)
    if status == 401:
        problem = f"`{host}` wants credentials (401){detail}; {_had(host, known)}"
        return RegistryDeniedError(problem, reference=reference, status=status)
    if status == 403:
        problem = f"`{host}` does not allow it (403){detail}: ask its owner for access, or log in as another user"
        return RegistryDeniedError(problem, reference=reference, status=status)
    return RegistryUnreachableError(f"`{host}` answers {status}{detail}", reference=reference, status=status)


def elsewhere(host: str, response: requests.Response, reference: str) -> RegistryError:
    """Return the exception for a 401 or 403 of a server that a registry has redirected to."""
    status, server = response.status_code, urlsplit(str(response.url)).netloc
    detail = detail_of(response)
    problem = (
        f"`{host}` leads to `{server}`, which does not allow it ({status}){detail}: credentials for `{host}` are sent "
        f"to `{host}` alone. If both are one registry, name it as it names itself: `oci://{server}/...`"
    )
    return RegistryDeniedError(problem, reference=reference, status=status)


def detail_of(response: requests.Response) -> str:
    """Return the error message of a registry (OCI distribution, "Error Codes"), shortened to one line."""
    try:
        first = jsontext.loads(body(response, _DETAIL_LIMIT))["errors"][0]
        text = " ".join(str(first.get("message") or first.get("code", "")).split())
    except Exception:  # noqa: BLE001 - the body is not an error document
        text = ""
    finally:
        response.close()
    return f" ({text[:_DETAIL_SHOWN]})" if text else ""


def _had(host: str, known: Found | None) -> str:
    if known is not None and known.credentials is not None:
        have = f"it does not take those of {known.credentials.source}"
    else:
        have = "no credentials were found"
    problems = "".join(f" ({problem})" for problem in known.problems) if known is not None else ""
    return f"{have}{problems}: log in with `docker login {host}`, or set WASMCP_REGISTRY_HOST, _USER and _PASSWORD"
