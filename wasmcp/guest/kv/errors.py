"""What goes wrong with values that are kept, in buckets and in sessions.

.. code-block:: text

    StoreError           everything below; `kind` is the case of ``error`` of the interface ``key-value-types``
      AccessDeniedError       the component may not (a NotGrantedError too)
      NoSuchBucketError       whoever runs the server has no bucket of this name
      NoSessionError          the client has no session, or it has ended
      NotACounterError        what is there is not a counter
      OutOfRangeError         a counter would need more than 64 bits
      LimitExceededError      a key, a value or a batch is too large (a ValueError too)
      UnsupportedOperationError        the store behind it cannot do this
"""

from __future__ import annotations

from wasmcp.guest.errors import NotGrantedError


class StoreError(Exception):
    """Something went wrong in the store; nothing has changed, except where the message says so.

    Attributes:
        kind: The case of ``error`` of the interface ``key-value-types``, for example ``limit``.
        detail: What the store says; may be empty.
    """

    kind = "other"

    def __init__(self, detail: str = "") -> None:
        message = type(self).__doc__ or ""
        sentence = message.partition("\n")[0].rstrip(".")
        Exception.__init__(self, f"{sentence}: {detail}" if detail else sentence)
        self.detail = detail


class AccessDeniedError(StoreError, NotGrantedError):
    """The component was not granted this, or whoever runs the server refuses.

    Attributes:
        grant: ``kv`` or ``sessions``.
    """

    kind = "access-denied"

    def __init__(self, grant: str) -> None:
        NotGrantedError.__init__(self, grant)
        self.detail = ""


class NoSuchBucketError(StoreError):
    """Whoever runs the server has no bucket of this name."""

    kind = "no-such-bucket"


class NoSessionError(StoreError):
    """The client has no session, or it has ended."""

    kind = "no-session"


class NotACounterError(StoreError):
    """What is there under this key is not a counter, a signed integer of 64 bits."""

    kind = "not-a-counter"


class OutOfRangeError(StoreError):
    """The counter would need more than 64 bits."""

    kind = "out-of-range"


class LimitExceededError(StoreError, ValueError):
    """A key, a value or a batch is too large."""

    kind = "limit"


class UnsupportedOperationError(StoreError):
    """The store of whoever runs the server cannot do this."""

    kind = "unsupported"


_KINDS: dict[str, type[StoreError]] = {
    known.kind: known
    for known in (
        NoSuchBucketError,
        NoSessionError,
        NotACounterError,
        OutOfRangeError,
        LimitExceededError,
        UnsupportedOperationError,
    )
}


def store_error(kind: str, detail: str = "", *, grant: str) -> StoreError:
    """Return the exception for a case of ``error``.

    Args:
        kind: The name of the case.
        detail: The text in it.
        grant: What the component needs for it.
    """
    if kind == AccessDeniedError.kind:
        return AccessDeniedError(grant)
    return _KINDS.get(kind, StoreError)(detail)
