from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.component import binary_format
from wasmcp.component.binary_format import Reader
from wasmcp.component.types import Primitive
from wasmcp.errors import ComponentError


def reader(data: bytes) -> Reader:
    return Reader(memoryview(data), 0, len(data))


@given(st.integers(0, 2**32 - 1))
def test_unsigned_numbers_survive_a_round_trip(value: int) -> None:
    data = binary_format.uleb128(value)
    assert len(data) <= 5
    assert reader(data).u32() == value


@given(st.integers(-(2**32), 2**32 - 1))
def test_signed_numbers_survive_a_round_trip(value: int) -> None:
    data = binary_format.sleb128(value)
    assert len(data) <= 5
    assert reader(data).s33() == value


def test_numbers_are_as_in_the_core_specification() -> None:
    assert binary_format.uleb128(624485) == b"\xe5\x8e\x26"
    assert binary_format.sleb128(-123456) == b"\xc0\xbb\x78"
    assert binary_format.sleb128(64) == b"\xc0\x00"
    with pytest.raises(ValueError, match="-1 is negative"):
        binary_format.uleb128(-1)


@given(st.text(max_size=50))
def test_names_survive_a_round_trip(text: str) -> None:
    found = reader(binary_format.name(text) + b"rest")
    assert found.name() == text
    assert bytes(found.data[found.position :]) == b"rest"


@pytest.mark.parametrize("data", [b"\x80", b"\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x1f", b""])
def test_invalid_numbers(data: bytes) -> None:
    with pytest.raises(ComponentError):
        reader(data).u32()


def test_index_differs_from_primitive() -> None:
    assert binary_format.ref(Primitive.STRING) == b"\x73"
    assert binary_format.ref(0x73) == b"\xf3\x00"
