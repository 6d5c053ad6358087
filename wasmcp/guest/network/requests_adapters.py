"""Seam of `requests`: its check that the file with certificates exists, which the host of a component does not use."""

from __future__ import annotations

import sys
from typing import Any

from wasmcp.guest.network.seams import Patch


def patches(requests: Any) -> list[Patch]:
    """Return the replacements for `requests`; `urllib3` does the rest. Elsewhere `ssl` checks certificates."""
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
