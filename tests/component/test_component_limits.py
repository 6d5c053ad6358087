"""Counts compared with the engine's limits: it accepts a component at a limit and refuses one above it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime
import wasmtime.component
from support.compose_inputs import METADATA, spec
from wasmtime import wat2wasm

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, uleb128
from wasmcp.component.topology import MAX_DEFINITIONS, MAX_INSTANCES, Counts, count
from wasmcp.compose import compose_server
from wasmcp.errors import ComponentError

DEFINITIONS: dict[str, Callable[[int], str]] = {
    "modules": lambda n: f"(component {'(core module)' * (n - 1)})",
    "components": lambda n: f"(component {'(component)' * (n - 1)})",
    "nested": lambda n: f"(component (component (component {'(component)' * (n - 4)}(core module))))",
}


def many(text: str, count: int) -> str:
    """Repeat a text with `#` replaced by a number."""
    return "".join(text.replace("#", str(number)) for number in range(count))


MADE = "(instance (instantiate $c))"
CORE = "(core instance (instantiate $m))"
SOURCE = '(import "a" (instance $i (export "x" (instance)) (export "f" (func))))'
IMPORT = '(import "a#" (instance))'
EXPORT = '(export "e#" (instance $i))'
ALIAS = '(alias export $i "x" (instance))'
INSTANCES: dict[str, Callable[[int], str]] = {
    "instances": lambda n: f"(component (component $c) {many(MADE, n)})",
    "core instances": lambda n: f"(component (core module $m) {many(CORE, n)})",
    "both": lambda n: f"(component (core module $m) (component $c) {many(CORE, 3000)}{many(MADE, n - 3000)})",
    "made of others": lambda n: f"(component {many('(instance)', n)})",
    "imports": lambda n: f"(component {many(IMPORT, n)})",
    "exports": lambda n: f"(component (instance $i){many(EXPORT, n - 1)})",
    "aliases": lambda n: f'(component {SOURCE}(alias export $i "f" (func)){many(ALIAS, n - 1)})',
    "in a nested one": lambda n: f"(component (component (component $c) {many(MADE, n)}))",
}


def taken(data: bytes) -> bool:
    try:
        wasmtime.component.Component(wasmtime.Engine(), data)
    except wasmtime.WasmtimeError as error:
        if "count exceeds limit of" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_definitions(kind: str) -> None:
    for number, good in ((MAX_DEFINITIONS, True), (MAX_DEFINITIONS + 1, False)):
        data = bytes(wat2wasm(DEFINITIONS[kind](number)))
        assert (count(data).definitions, taken(data)) == (number, good)


@pytest.mark.parametrize("kind", INSTANCES)
def test_instances(kind: str) -> None:
    for number, good in ((MAX_INSTANCES, True), (MAX_INSTANCES + 1, False)):
        data = bytes(wat2wasm(INSTANCES[kind](number)))
        assert (count(data).instances, taken(data)) == (number, good)


def test_a_server() -> None:
    one, two = (count(compose_server([spec(f"c{n}", "a", f"t{n}") for n in range(m)], METADATA).data) for m in (1, 2))
    assert one.definitions < two.definitions < one.definitions + 10
    assert one.instances < two.instances < one.instances + 10


def test_damaged_component() -> None:
    data = bytes(wat2wasm("(component (component (core module)))"))
    assert count(data) == Counts(3, 0)
    for end in range(9, len(data)):
        with pytest.raises(ComponentError):
            count(data[:end])


def test_deep_nesting_is_refused() -> None:
    data = COMPONENT_PREAMBLE
    for _ in range(150):
        data = COMPONENT_PREAMBLE + b"\x04" + uleb128(len(data)) + data
    with pytest.raises(ComponentError, match="nested more than 100 deep"):
        count(data)
