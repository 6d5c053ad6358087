"""Identities that the authorization of a server has verified, as rate limits and logs need them.

The server passes them to the host in a header field of its response (package `wasmcp:embedding`, `exchange`); the host
itself verifies no token.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 4096  # maximum number of tokens whose identity is kept


class Identity(NamedTuple):
    """A verified principal.

    Attributes:
        issuer: The issuer of its token; None if the token names none.
        subject: The subject.
    """

    issuer: str | None
    subject: str

    @classmethod
    def of(cls, field: bytes) -> Identity:
        """Parse the value of the header field: base64url of the issuer or nothing, LF, and the subject."""
        text = base64.urlsafe_b64decode(field + b"=" * (-len(field) % 4)).decode("utf-8", "replace")
        issuer, _, subject = text.partition("\n")
        return cls(issuer or None, subject)

    @property
    def client(self) -> str:
        """The name under which its requests are counted."""
        return f"identity {self.issuer or ''}\n{self.subject}"


class Identities:
    """Identities of tokens that the server has verified, so that a request can be counted before it is processed.

    A token keeps its identity, also after its end: an identity from here grants nothing. Only digests of tokens are
    kept.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Identity] = OrderedDict()

    def find(self, fields: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, Identity | None]:
        """Return the digest of the credentials among the header fields, and their identity; None without one.

        Args:
            fields: The header fields of a request.
        """
        given = [value for name, value in fields if name == b"authorization"]
        if len(given) != 1:
            return None, None
        digest = sha256(given[0]).digest()
        identity = self._known.get(digest)
        if identity is not None:
            self._known.move_to_end(digest)
        return digest, identity

    def keep(self, digest: bytes, identity: Identity) -> None:
        """Keep the identity of credentials."""
        self._known[digest] = identity
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
