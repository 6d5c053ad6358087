"""Framework components, and their replacements."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime
from support.compose_inputs import METADATA, dead_end, dummy, spec, tools_component, validate

from wasmcp.compose import compose_server
from wasmcp.compose.framework import load_framework
from wasmcp.errors import InvalidComponentError
from wasmcp.package_data import FRAMEWORK_COMPONENTS


@pytest.mark.parametrize("name", FRAMEWORK_COMPONENTS)
def test_replacement_with_the_same_world(name: str) -> None:
    given = dummy(name)
    server = compose_server([spec("calc", "1", "a")], METADATA, framework={name: given})
    validate(server.data)
    assert server.framework[name] != load_framework()[name].digest


def test_replacement_with_fewer_imports(tmp_path: Path) -> None:
    path = tmp_path / "end.wasm"
    path.write_bytes(dead_end())
    validate(compose_server([spec("calc", "1", "a")], METADATA, framework={"method-not-found": path}).data)


@pytest.mark.parametrize(
    ("name", "data", "messages"),
    [
        (
            "transport",
            tools_component("x", "y"),
            ["does not export `wasi:http/incoming-handler@", "not export `wasi:cli/run@"],
        ),
        ("server-io", dummy("middleware"), ["not export `wasmcp:mcp-v20260728/messages@0.1.0`", "wire@0.1.0"]),
        (
            "method-not-found",
            wasmtime.wat2wasm('(component (import "acme:x/y@1.0.0" (instance (export "f" (func)))))'),
            [
                "not export `wasmcp:mcp-v20260728/server-handler@0.1.0`",
                "imports `acme:x/y@1.0.0`, which is not provided there",
            ],
        ),
        (
            "method-not-found",
            wasmtime.wat2wasm(
                '(component (import "f" (func $f)) (instance $i (export "handle" (func $f)))'
                ' (export "wasmcp:mcp-v20260728/server-handler@0.1.0" (instance $i)))'
            ),
            ["server-handler@0.1.0` with other types: `", "imports `f`, which is not provided there"],
        ),
        ("transports", b"", ["not a framework component; known: `transport`, `server-io`"]),
    ],
)
def test_error_lists_all_that_a_replacement_lacks(name: str, data: bytes, messages: list[str]) -> None:
    with pytest.raises(InvalidComponentError) as caught:
        load_framework({name: bytes(data)})
    assert caught.value.component == name
    for message in messages:
        assert message in str(caught.value)
