"""Errors of access tokens and the keys that sign them."""

from __future__ import annotations

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable


class AuthorizationError(WasmcpError):
    """An access token, a key or a local issuer that cannot be used."""


class SigningKeyError(AuthorizationError):
    """A key, or a set of keys, that cannot be read, fetched, used or written.

    Attributes:
        source: The file or the URL.
        problem: The problem, and how to fix it.
    """

    def __init__(self, source: str, problem: str) -> None:
        self.source = source
        self.problem = problem
        super().__init__(printable(f"`{source}` {problem}", keep="\n"))


class InvalidTokenError(AuthorizationError):
    """An access token that is not valid.

    Attributes:
        reason: The first check that failed.
    """

    def __init__(self, reason: str) -> None:
        self.reason = printable(reason)
        super().__init__(f"the token is not valid: {self.reason}")


class MissingExtraError(AuthorizationError):
    """A library of an extra of wasmcp that is not installed.

    Attributes:
        extra: The extra.
        module: The module that is missing.
    """

    def __init__(self, extra: str, module: str) -> None:
        self.extra = extra
        self.module = module
        super().__init__(f'`{module}` is not installed: `pip install "wasmcp[{extra}]"`')
