"""Key-value store for components with the grant ``kv``: values that outlive a call.

.. code-block:: python

    from wasmcp.guest import kv, tool

    @tool
    def remember(name: str, note: str) -> int:
        '''Store a note, and return the number of notes.'''
        notes = kv.open("notes")
        notes[name] = {"text": note}
        return notes.increment("count")

In unit tests `wasmcp.guest.testing` has `fake_kv`. Source: the interface ``key-value`` of wit/key-value.wit.
"""

from __future__ import annotations

from wasmcp.guest.errors import NotGrantedError
from wasmcp.guest.kv.buckets import ABSENT, Bucket
from wasmcp.guest.kv.buckets import open_bucket as open  # noqa: A004 - read as `kv.open`
from wasmcp.guest.kv.values import (
    AccessDeniedError,
    LimitExceededError,
    NoSessionError,
    NoSuchBucketError,
    NotACounterError,
    OutOfRangeError,
    StoreError,
    UnsupportedOperationError,
)

__all__ = [
    "ABSENT",
    "AccessDeniedError",
    "Bucket",
    "LimitExceededError",
    "NoSessionError",
    "NoSuchBucketError",
    "NotACounterError",
    "NotGrantedError",
    "OutOfRangeError",
    "StoreError",
    "UnsupportedOperationError",
    "open",
]
