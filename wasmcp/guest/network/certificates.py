"""Seam of `certifi`: the path of its certificates, which the host of a component does not use."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from wasmcp.guest.network.seams import Patch


def patches(certifi: Any) -> list[Patch]:
    """Return the replacements for `certifi`. Elsewhere its files exist."""
    if sys.platform != "wasi":
        return []
    core: ModuleType = certifi.core
    path = f"{str(certifi.__file__).rpartition('/')[0]}/cacert.pem"

    def where() -> str:
        """Return the path of the file with the certificates."""
        return path

    return [Patch(certifi, "where", where), Patch(core, "where", where)]
