"""Resources that are not listed: requested from components with a matching URI prefix, and from no other."""

from __future__ import annotations

from typing import Any

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, spec

from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.types import Func
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.framework import load_framework
from wasmcp.compose.interfaces import RESOURCES
from wasmcp.errors import RequestError
from wasmcp.host import open_server


def reader(name: str, *uris: str, answers: bool = True) -> ComponentSpec:
    """Return a component whose resources contain its name, with these resources and templates in its catalogue."""

    def answer(_interface: str, function: str, _func: Func) -> Any:
        if function != "read-resource":
            return Case("ok", {"items": [], "next": None, "cache": None})
        contents = {"uri": "x:y", "mime-type": None, "data": Case("text", name), "meta": None}
        whole = {"contents": [contents], "cache": None, "meta": None, "extra": None}
        return Case("ok", Case("some", Case("complete", whole)) if answers else Case("none"))

    data = constants({RESOURCES: load_framework()["resources-middleware"].wants(RESOURCES)}, answer)
    known = Catalogue(
        resources=tuple({"uri": uri, "name": uri} for uri in uris if "{" not in uri),
        templates=tuple({"uriTemplate": uri, "name": uri} for uri in uris if "{" in uri),
    )
    return ComponentSpec(name, data, known)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("notes://a/1", "notes"),
        ("notes://other", "greedy"),
        ("notes://a", "greedy"),
        ("NOTES://A/1", "notes"),
        ("log:today", "thief"),
        ("log:x", "thief"),
        ("files:///etc", None),
        ("not", None),
    ],
)
def test_longest_uri_prefix_decides(uri: str, expected: str | None) -> None:
    thief = reader("thief", "log:today")
    greedy = reader("greedy", "notes://{+anything}")
    notes = reader("notes", "notes://a/{id}")
    server = compose_server([thief, greedy, notes, spec("calc", "c", "add")], METADATA).data
    with open_server(server, instances=1, quick=True) as running:
        if expected is None:
            with pytest.raises(RequestError):
                running.read_resource(uri)
        else:
            assert running.read_resource(uri).text == expected


def test_next_component_reads_a_missing_resource() -> None:
    parts = [
        reader("first", "notes://{+a}"),
        reader("second", "notes://a/{b}", answers=False),
        reader("third", "x:{y}"),
    ]
    with open_server(compose_server(parts, METADATA).data, instances=1, quick=True) as running:
        assert running.read_resource("notes://a/1").text == "first"


def test_template_for_any_uri_comes_last() -> None:
    parts = [reader("any", "{+uri}"), reader("notes", "notes:{b}")]
    with open_server(compose_server(parts, METADATA).data, instances=1, quick=True) as running:
        assert running.read_resource("notes:1").text == "notes"
        assert running.read_resource("else:1").text == "any"


def test_dynamic_component_receives_all_uris() -> None:
    dynamic = reader("dynamic", "log:today")
    asked = ComponentSpec("dynamic", dynamic.data, None, MIDDLEWARE)
    with open_server(compose_server([asked, reader("notes", "notes:{b}")], METADATA).data, instances=1) as running:
        assert running.read_resource("notes:1").text == "dynamic"
