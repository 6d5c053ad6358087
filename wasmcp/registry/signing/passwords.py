"""Password of a private key, from the environment."""

from __future__ import annotations

import os


def password() -> bytes | None:
    """Return the password in ``WASMCP_KEY_PASSWORD``, or in cosign's variable; None if neither is set."""
    found = os.environ.get("WASMCP_KEY_PASSWORD", os.environ.get("COSIGN_PASSWORD"))
    return None if found is None else found.encode()
