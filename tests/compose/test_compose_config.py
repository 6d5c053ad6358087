"""Configuration of a component, baked in by composition."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import wasmtime
from support.compose_inputs import METADATA, catalogue, tools_beside, validate
from wasmtime import component as wc

from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.framework import configuration
from wasmcp.compose.interfaces import CONFIG
from wasmcp.errors import InvalidComponentError

READER = f'(component (import "{CONFIG}" (instance (export "all" (func (result string))))))'


def spec(name: str, source: str = READER, **config: Any) -> ComponentSpec:
    return ComponentSpec(name, tools_beside(source, name), catalogue(name), config=config)


@pytest.mark.parametrize("values", [{}, {"a": 1.5, "b": [True, None, "é\U0001f40d"], "c": {"d": "x" * 70_000}}])
def test_component_reads_its_configuration(values: dict[str, Any]) -> None:
    import json

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    made = wc.Linker(engine).instantiate(store, wc.Component(engine, configuration(values)))
    index = made.get_export_index(store, "all", made.get_export_index(store, CONFIG))
    function = made.get_func(store, index)
    assert function is not None
    for _ in range(2):
        assert json.loads(function(store)) == values


def test_each_component_has_its_own_configuration() -> None:
    server = compose_server([spec("one", greeting="a"), spec("two", greeting="b"), spec("three")], METADATA)
    validate(server.data, compiled=False)
    assert [name for name in server.instances if name.startswith("config of")] == [
        "config of one",
        "config of two",
        "config of three",
    ]
    assert all(name.startswith("wasi:") for name in server.imports)
    assert b'{"greeting":"a"}' in server.data


def test_component_without_the_import_gets_no_configuration() -> None:
    server = compose_server([spec("one", "(component)")], METADATA)
    assert not [name for name in server.instances if name.startswith("config of")]


def test_configuration_that_is_not_read_is_refused() -> None:
    with pytest.raises(
        InvalidComponentError, match=r"`one`: it has a table `config`, but imports no `wasmcp:.*/config@"
    ):
        compose_server([spec("one", "(component)", greeting="a")], METADATA)


@pytest.mark.parametrize("value", [date(2026, 1, 1), float("nan")])
def test_value_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(InvalidComponentError, match="`one`: its configuration has no JSON form"):
        compose_server([spec("one", value=value)], METADATA)
