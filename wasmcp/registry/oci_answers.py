"""What a registry says when it does not do what it was asked, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmcp.errors import PackageNotFound, RegistryDenied, RegistryError, RegistryUnreachable
from wasmcp.registry import jsontext

if TYPE_CHECKING:
    import requests


def refusal(host: str, response: requests.Response, reference: str, *, known: bool) -> RegistryError:
    """Return the error that an answer of a registry is; `known`: it was told who we are."""
    status, detail = response.status_code, detail_of(response)
    if status == 404:
        return PackageNotFound(f"`{host}` has no such thing{detail}", reference=reference)
    if status == 401:
        have = "the credentials that there are do not do" if known else "there are no credentials for it"
        advice = f"log in with `docker login {host}`, or set WASMCP_REGISTRY_HOST, _USER and _PASSWORD"
        return RegistryDenied(
            f"`{host}` wants to know who you are (401){detail}; {have}: {advice}",
            reference=reference,
            status=status,
        )
    if status == 403:
        problem = f"`{host}` does not allow it (403){detail}: ask its owner for access, or log in as another"
        return RegistryDenied(problem, reference=reference, status=status)
    return RegistryUnreachable(f"`{host}` answers {status}{detail}", reference=reference, status=status)


def cause_of(error: BaseException) -> str:
    """Return the innermost reason: the outer ones only say that there were retries."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or next(
            (one for one in reason.args if isinstance(one, Exception)), None
        )
        if not isinstance(inner, Exception):
            text = str(reason)
            return text.partition(": ")[2] if text.startswith("<") else text
        reason = inner


def detail_of(response: requests.Response) -> str:
    """Return what the registry says about an error (OCI distribution, "Error Codes"), short and on one line."""
    try:
        first = jsontext.loads(response.raw.read(4096, decode_content=True))["errors"][0]
        text = " ".join(str(first.get("message") or first.get("code", "")).split())
    except Exception:  # noqa: BLE001 - it says nothing that could be read
        text = ""
    finally:
        response.close()
    return f" ({text[:200]})" if text else ""
