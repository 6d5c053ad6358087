"""Messages of the errors of stores: the same words in all guest libraries.

Components in each of these languages name a denied bucket in `tests/end_to_end/test_grant_rules_languages.py` and
`test_grant_rules_python.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.guest.kv.values import AccessDeniedError, store_error

GUESTS = Path(__file__).parent.parent.parent / "guests"
WORDS = {
    "no-such-bucket": "the operator's store has no bucket of this name",
    "no-session": "the client has no session, or it has ended",
    "not-a-counter": "the value of this key is not a counter, a signed integer of 64 bits",
    "out-of-range": "the counter would need more than 64 bits",
    "limit": "a key, a value or a batch is too large",
    "unsupported": "the operator's store does not support this operation",
    "other": "the operation of the store failed",
}


@pytest.mark.parametrize("kind", WORDS)
def test_errors_have_the_same_words(kind: str) -> None:
    words = WORDS[kind]
    found = str(store_error(kind, grant="kv"))
    assert found == words
    assert f'"{words}' in (GUESTS / "rust/src/kv/errors.rs").read_text("utf-8")
    assert f'"{words}"' in (GUESTS / "typescript/values.ts").read_text("utf-8")
    assert f'"{words}' in (GUESTS / "zig/kv.zig").read_text("utf-8")


def test_errors_name_the_bucket() -> None:
    assert str(store_error("no-such-bucket", grant="kv", bucket="notes")).endswith(
        "has no bucket of this name: `notes`"
    )
    denied = store_error("access-denied", grant="kv", bucket="notes")
    assert str(denied).startswith("`kv` for `bucket:notes` is not granted to this component")
    assert str(store_error("access-denied", grant="kv", bucket="")).startswith("`kv` for `bucket:` is not granted")
    assert str(store_error("access-denied", grant="sessions")).startswith("`sessions` is not granted")
    key = store_error("access-denied", grant="kv", bucket="notes", key='a/"b/c')
    assert isinstance(key, AccessDeniedError)
    assert key.rule == r'{ bucket = "notes", prefix = "a/\"b/" }'
    whole = store_error("access-denied", grant="kv", bucket="notes", key="")  # the prefix of all keys
    assert str(whole) == str(denied)
    assert str(store_error("limit", "a key has 1 to 1024 bytes", grant="kv", bucket="notes")).endswith("1024 bytes")
