"""Access tokens (RFC 9068), the keys that sign them, and a local issuer, for development and tests.

A server verifies tokens in the framework component `authorization`; this package makes them. It needs the extra `auth`.
"""

from __future__ import annotations

from wasmcp.errors import MissingExtraError

try:
    import cryptography  # noqa: F401
    import jwt  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("auth", error.name or "jwt") from None
