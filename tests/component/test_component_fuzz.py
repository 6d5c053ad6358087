"""Random and mutated bytes: decoding ends with a `ComponentError` or a result, in limited time."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.compose_inputs import PREAMBLE, dummy, golden_inputs

from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.errors import ComponentError, CompositionError

SECONDS = 2.0  # of this thread's CPU time, a hundred times the usual; independent of the load of the machine
LAST_SECTION = 12  # the highest code of a section
RELAXED = settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def check_decoding(data: bytes) -> ComponentInfo | None:
    """Decode; if that succeeds, compose and encode the component. Return None if it is refused.

    Another error than `ComponentError` or `CompositionError` is a failure, and so is a slow decoder, or an encoded
    component that cannot be decoded.
    """
    start = time.thread_time()
    try:
        info = decode(data, "fuzzed", export_types=True)
    except ComponentError:
        return None
    finally:
        assert time.thread_time() - start < SECONDS
    assert info.size == len(data)
    for part in info.parts:
        assert 0 < part.offset <= part.offset + part.size <= len(data)
    try:
        graph = Graph()
        component = graph.add("fuzzed", data, info)
        graph.instantiate(component, "one")
        graph.instantiate(component, "two")
        encoded = encode(graph).to_bytes()
    except (ComponentError, CompositionError):
        encoded = None
    assert time.thread_time() - start < 2 * SECONDS
    assert encoded is None or decode(encoded).size == len(encoded)
    return info


@RELAXED
@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    assert check_decoding(b"\xff" + data) is None  # not a WebAssembly file
    assert check_decoding(data) is None or data.startswith(PREAMBLE)
    assert check_decoding(PREAMBLE + data) is None or not data or data[0] <= LAST_SECTION


def test_random_sections() -> None:
    accepted: set[bool] = set()

    @RELAXED
    @given(st.lists(st.tuples(st.sampled_from([1, 4, 5, 6, 7, 8, 10, 11]), st.binary(max_size=60)), max_size=8))
    def decode_sections(sections: list[tuple[int, bytes]]) -> None:
        data = PREAMBLE + b"".join(bytes([code, len(body)]) + body for code, body in sections)
        accepted.add(check_decoding(data) is not None)

    decode_sections()
    assert accepted == {True, False}


@pytest.mark.parametrize("name", sorted(golden_inputs()))
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_mutated_golden_inputs(name: str, data: st.DataObject) -> None:
    mutated = mutate(golden_inputs()[name], data)
    assert check_decoding(mutated) is None or mutated.startswith(PREAMBLE)


@pytest.mark.parametrize("world", ["tools-component", "tools-middleware", "catalogue"])
def test_mutated_components(world: str) -> None:
    accepted: set[bool] = set()

    @RELAXED
    @given(data=st.data())
    def decode_mutated(data: st.DataObject) -> None:
        accepted.add(check_decoding(mutate(dummy(world), data)) is not None)

    decode_mutated()
    assert accepted == {True, False}


def test_every_changed_byte_of_a_component() -> None:
    """Set each byte of the types to the values that matter most in the format."""
    original = dummy("method-not-found")
    start = decode(original).parts[0].offset  # the types come first
    accepted: set[bool] = set()
    for position in range(8, start, 23):
        for value in (0x00, 0x01, 0x40, 0x42, 0x7F, 0x80, 0xFF):
            mutated = bytearray(original)
            mutated[position] = value
            try:
                decode(mutated)
            except ComponentError:
                accepted.add(False)
            else:
                accepted.add(True)
    assert accepted == {True, False}


def mutate(original: bytes, data: st.DataObject) -> bytes:
    """Change, delete, insert or copy some bytes."""
    mutated = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, max(len(mutated) - 1, 0)))
        kind = data.draw(st.sampled_from(["set", "flip", "delete", "insert", "copy", "cut"]))
        if not mutated:
            break
        if kind == "set":
            mutated[position] = data.draw(st.integers(0, 255))
        elif kind == "flip":
            mutated[position] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "delete":
            del mutated[position : position + data.draw(st.integers(1, 4))]
        elif kind == "insert":
            mutated[position:position] = data.draw(st.binary(min_size=1, max_size=4))
        elif kind == "copy":
            source = data.draw(st.integers(0, len(mutated) - 1))
            mutated[position:position] = mutated[source : source + 16]
        else:
            del mutated[position:]
    return bytes(mutated)
