"""Seams of `anyio`, `certifi`, `requests` and pydantic: parts that a component does not have, or does not use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from wasmcp.guest.network.seams import Patch

_GROUP = "[pydantic]"


def patches(module: Any) -> Iterable[Patch]:
    """Return the replacements in a module of a library."""
    return _SEAMS[module.__name__](module)


def _threads(backend: Any) -> list[Patch]:
    """Return a worker thread of `anyio` on `asyncio` that runs in place. Natively nothing is replaced."""
    if sys.platform != "wasi":
        return []

    async def run_sync_in_worker_thread(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        del abandon_on_cancel, limiter
        await cls.checkpoint()
        return func(*args)

    return [Patch(backend.AsyncIOBackend, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))]


def _certificates(certifi: Any) -> list[Patch]:
    """Return the path of the certificates of `certifi`, which the host does not use. Natively nothing is replaced."""
    if sys.platform != "wasi":
        return []
    core: ModuleType = certifi.core
    path = f"{str(certifi.__file__).rpartition('/')[0]}/cacert.pem"

    def where() -> str:
        """Return the path of the file with the certificates."""
        return path

    return [Patch(certifi, "where", where), Patch(core, "where", where)]


def _check_of_certificates(requests: Any) -> list[Patch]:
    """Return the check of `requests` without that of the file with certificates, which the host does not use.

    `urllib3` does the rest. Natively nothing is replaced.
    """
    if sys.platform != "wasi":
        return []

    def cert_verify(adapter: Any, connection: Any, url: str, verify: Any, cert: Any) -> None:
        del adapter
        if url.lower().startswith("https"):
            problem = None
            if cert:
                problem = f"the client certificate `{cert}`"
            elif verify and verify is not True and verify != requests.adapters.DEFAULT_CA_BUNDLE_PATH:
                problem = f"the certificate authorities `{verify}`"
            if problem is not None:
                raise requests.exceptions.SSLError(
                    f"{problem} cannot be used: the host of a component makes its secure connections, and checks "
                    "certificates with its own authorities only"
                )
        connection.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"
        connection.ca_certs = connection.ca_cert_dir = None

    return [Patch(requests.adapters.HTTPAdapter, "cert_verify", cert_verify)]


def _plugins(loader: Any) -> Iterator[Patch]:
    """Yield the result of the search for plug-ins of pydantic, if it would be empty.

    The first model makes the search, which needs `importlib.metadata`.
    """
    if hasattr(loader, "_plugins") and not any(map(_has_plugins, sys.path)):
        yield Patch(loader, "_plugins", {})


def _has_plugins(folder: str) -> bool:
    """Return True if a package in a folder declares plug-ins of pydantic."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".dist-info")]  # noqa: PTH208 - no pathlib here
    except OSError:
        return False
    for name in names:
        try:
            with open(f"{folder}/{name}/entry_points.txt", encoding="utf-8") as file:  # noqa: PTH123
                if any(line.strip() == _GROUP for line in file):
                    return True
        except OSError:
            continue
    return False


def _annotations(core_schema: Any) -> list[Patch]:
    """Drop the annotations of the classes of pydantic's schemas, which are dictionaries for type checkers."""
    for value in vars(core_schema).values():
        if hasattr(value, "__required_keys__"):
            value.__annotations__ = {}
            value.__required_keys__ = value.__optional_keys__ = frozenset()
    return []


_SEAMS: dict[str, Callable[[Any], Iterable[Patch]]] = {
    "anyio._backends._asyncio": _threads,
    "certifi": _certificates,
    "requests": _check_of_certificates,
    "pydantic.plugin._loader": _plugins,
    "pydantic_core.core_schema": _annotations,
}
"""Module of a library -> its replacements."""
