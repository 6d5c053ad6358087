"""Grant `middleware`: for components with a server handler and dynamic components."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, catalogue, dead_end, dummy, probe, spec, tools_component

from wasmcp.component.decode import decode
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.component_reader import read_component
from wasmcp.compose.composition import compose_handler
from wasmcp.compose.grants import denial_warnings, needed_grants
from wasmcp.compose.interfaces import GRANTS
from wasmcp.errors import MissingGrantError
from wasmcp.insight.roles import grant_annotations, read_structure

ABLE = tools_component("mine", "mine", handler=True)
"""A component with a tool that exports `server-handler`, too."""


@pytest.mark.parametrize("compose", ["server", "handler"])
@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (ComponentSpec("mw", ABLE, catalogue("mine")), "it exports `server-handler`"),
        (ComponentSpec("mw", dead_end()), "it exports `server-handler`"),
        (ComponentSpec("mw", dead_end(), grants=frozenset(set(GRANTS) - MIDDLEWARE)), "it exports `server-handler`"),
        (ComponentSpec("mw", tools_component("a", "b")), "its lists are read at run time (`dynamic`)"),
        (
            ComponentSpec("mw", tools_component("a", "b"), catalogue("b"), dynamic=True),
            "its lists are read at run time (`dynamic`)",
        ),
    ],
    ids=["with tools", "alone", "with all other grants", "without catalogue", "dynamic"],
)
def test_component_without_the_grant_is_refused(component: ComponentSpec, reason: str, compose: str) -> None:
    parts = [component, spec("plain", "ok", "plain")]
    with pytest.raises(MissingGrantError) as caught:
        compose_server(parts, METADATA) if compose == "server" else compose_handler(parts)
    assert (caught.value.grant, caught.value.components) == ("middleware", {"mw": reason})
    for words in (
        f"component `mw` needs the grant `middleware`: {reason}",
        "`--grant mw=middleware`",
        "wasmcp.components.mw",
    ):
        assert words in str(caught.value)


def test_error_names_all_components() -> None:
    with pytest.raises(MissingGrantError) as caught:
        compose_server(
            [ComponentSpec("a", ABLE), spec("plain", "ok", "plain"), ComponentSpec("b", dead_end())], METADATA
        )
    assert list(caught.value.components) == ["a", "b"]


def test_component_with_the_grant_is_composed_and_reported() -> None:
    able = ComponentSpec("mw", ABLE, catalogue("mine"), MIDDLEWARE)
    asked = ComponentSpec("asked", tools_component("x", "y"), None, MIDDLEWARE)
    data = compose_server([able, asked, spec("plain", "ok", "plain")], METADATA).data
    parts = {part.name: (part.granted, part.dynamic) for part in read_structure(data).components}
    assert parts == {"mw": (("middleware",), True), "asked": (("middleware",), True), "plain": ((), False)}
    assert json.loads(grant_annotations(data)["dev.wasmcp.grants"]) == {
        "mw": ["middleware"],
        "asked": ["middleware"],
        "plain": [],
    }


def test_middleware_is_detected_by_wiring(tmp_path: Path) -> None:
    from wasmcp.component.custom_sections import custom_section
    from wasmcp.compose.composed_server import SECTION

    composed = compose_server([ComponentSpec("mw", ABLE, grants=MIDDLEWARE)], METADATA)
    structure = read_structure(composed.data)
    document = json.loads(structure.topology.custom[SECTION][0])
    for one in document["instances"]:
        one.pop("grants", None)
    forged = custom_section(SECTION, json.dumps(document).encode())
    (reach,) = read_structure(b"".join([*composed.chunks[:-1], forged])).components
    assert reach.granted == ("middleware",)


def test_grants_that_a_component_needs() -> None:
    assert needed_grants(decode(tools_component("a", "b"))) == ()
    assert needed_grants(decode(probe())) == ("env",)
    assert needed_grants(decode(dummy("middleware"))) == ("middleware",)
    assert needed_grants(decode(ABLE)) == ("middleware",)
    assert grant_annotations(ABLE) == {"dev.wasmcp.wants": "middleware"}
    assert grant_annotations(tools_component("a", "b")) == {}
    assert grant_annotations(b"\0asm") == {}


def test_import_of_types_needs_no_grant() -> None:
    from wasmtime import wat2wasm

    text = '(component (import "wasi:filesystem/types@0.2.8" (instance (export "descriptor" (type (sub resource))))))'
    assert needed_grants(decode(bytes(wat2wasm(text)))) == ()


def test_unneeded_grant_is_accepted() -> None:
    granted = spec("plain", "ok", "plain", grants=MIDDLEWARE)
    assert read_component(granted).catalogue is not None
    (reach,) = read_structure(compose_server([granted], METADATA).data).components
    assert reach.granted == ("middleware",)


def test_imports_of_language_runtimes_cause_no_warning() -> None:
    denied = {"a": ("env", "fs", "sockets"), "b": ("env", "http", "kv"), "c": ("wasi:nn/graph@0.2.0",)}
    first, second = denial_warnings(denied)
    assert first.startswith("component `b` imports `http`, `kv` and is not granted it, so each use is denied: ")
    assert "`--grant b=http,kv`, or `grants` in `[tool.wasmcp.components.b]`" in first
    assert second == "component `c` imports `wasi:nn/graph@0.2.0` and is not granted it, so each use is denied"
