"""Encoding of text as WIT strings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wasmcp.host.mcp import jsonrpc


@given(st.binary())
def test_valid_utf8_bytes_are_unchanged(data: bytes) -> None:
    encoded = jsonrpc.encode(data)
    try:
        data.decode()
    except UnicodeDecodeError:
        assert encoded is None
    else:
        assert encoded == data


@given(st.text())
def test_text_is_encoded_as_utf8(value: str) -> None:
    assert jsonrpc.encode(value) == value.encode()


def test_lone_surrogate_cannot_be_encoded() -> None:
    assert jsonrpc.encode("a\udc80") is None


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_field_lines_are_always_utf8(pairs: list[tuple[bytes, bytes]]) -> None:
    expected = "".join(f"{name.decode('latin-1')}: {value.decode('latin-1')}\r\n" for name, value in pairs)
    assert jsonrpc.field_lines(pairs).decode() == expected


def test_field_lines() -> None:
    assert jsonrpc.field_lines([(b"a", b"1"), (b"b", b"\xe9")]) == "a: 1\r\nb: é\r\n".encode()
