"""Recorded roles of instances: data that does not depend on the names of components."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import METADATA, catalogue, probe, spec

from wasmcp.component.custom_sections import custom_section
from wasmcp.component.graph import Graph
from wasmcp.component.topology import read_topology
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.composed_server import SECTION, Role, read_roles, roles_section
from wasmcp.insight.roles import components_of, read_structure

LIKE_PARTS = (
    "nobody",
    "unanswering",
    "transport",
    "server-io",
    "kv-store",
    "catalogue 1",
    "dispatch 1",
    "server-metadata",
    "denied to calc",
    "config of calc",
    "tools-middleware of calc",
)
"""Names of components that parts of a server have, too."""


def roles_of(data: bytes) -> tuple[Role, ...]:
    topology = read_topology(data)
    found = read_roles(topology.custom[SECTION], len(topology.instances))
    assert found is not None
    return found


@pytest.mark.parametrize("name", LIKE_PARTS)
def test_component_can_have_the_name_of_a_framework_component(name: str) -> None:
    nosy = ComponentSpec(name, probe(), catalogue("probe"), frozenset({"env"}))
    other = ComponentSpec("calc", probe(), catalogue("other"))
    data = compose_server([nosy, other], METADATA).data
    first, second = components_of(read_topology(data))
    assert (first.name, first.granted, first.refused) == (name, ("env",), ())
    assert (second.name, second.granted, second.refused) == ("calc", (), ("env",))


def test_every_instance_has_a_role() -> None:
    calc = spec("calc", "a", "add", grants=frozenset({"env", "kv"}))
    found = roles_of(compose_server([calc], METADATA).data)
    (component,) = [role for role in found if role.kind == "component"]
    assert (component.name, component.grants) == ("calc", ("env", "kv"))
    assert component.catalogue is not None
    assert component.catalogue.startswith("sha256:")
    assert {(role.kind, role.name, role.component) for role in found if role.kind != "component"} == {
        ("denial", "no-access-rules", ""),
        ("denial", "no-session-states", ""),
        ("generated", "authorizer-options", ""),
        ("framework", "authorization", ""),
        ("framework", "transport", ""),
        ("framework", "server-io", ""),
        ("framework", "catalogue", ""),
        ("framework", "method-not-found", ""),
        ("framework", "tools-middleware", "calc"),
        ("generated", "server-metadata", ""),
        ("generated", "catalogue-data", ""),
        ("generated", "dispatch", ""),
        ("denial", "unanswering", ""),
        ("denial", "denied to transport", ""),
    }


def test_catalogue_is_recorded_by_its_digest() -> None:
    one, same, other = (
        next(
            role for role in roles_of(compose_server([spec("calc", "a", *names)], METADATA).data) if role.name == "calc"
        )
        for names in (("add",), ("add",), ("sub",))
    )
    assert one == same != other


def edited(data: bytes, document: object) -> bytes:
    """Return the same server with another record."""
    topology = read_topology(data)
    whole = custom_section(SECTION, topology.custom[SECTION][0])
    assert data.endswith(whole)
    return data[: -len(whole)] + custom_section(SECTION, json.dumps(document).encode())


def record_of(data: bytes) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(read_topology(data).custom[SECTION][0])
    return found


@pytest.mark.parametrize("kind", ["generated", "denial"])
def test_false_record_does_not_hide_grants(kind: str) -> None:
    data = compose_server([ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))], METADATA).data
    record = record_of(data)
    (entry,) = [one for one in record["instances"] if one["role"] == "component"]
    entry.clear()
    entry.update({"role": kind, "name": "dispatch"})
    (found,) = read_structure(edited(data, record)).components
    assert (found.name, found.granted) == ("nosy", ("env",))


def test_a_component_recorded_as_the_framework_is_named() -> None:
    data = compose_server([ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))], METADATA).data
    assert read_structure(data).foreign == ()
    record = record_of(data)
    (entry,) = [one for one in record["instances"] if one["role"] == "component"]
    entry.update({"role": "framework", "name": "catalogue"})
    assert read_structure(edited(data, record)).foreign == ("catalogue",)


def test_without_a_record_each_instance_is_a_component() -> None:
    data = compose_server([spec("calc", "a", "add")], METADATA).data
    whole = custom_section(SECTION, read_topology(data).custom[SECTION][0])
    structure = read_structure(data[: -len(whole)])
    assert not structure.recorded
    assert len(structure.components) == len(structure.topology.instances)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": 2, "instances": []},
        {"format": 1, "instances": {}},
        {"format": 1, "instances": [{"role": "component", "name": "a"}] * 3},
        {"format": 1, "instances": [{"role": "component", "name": "a"}, {"role": "other", "name": "b"}]},
        {"format": 1, "instances": [{"role": "component", "name": "a"}, {"role": "component", "name": 1}]},
        {"format": 1, "instances": [{"role": "component", "name": "a"}, {"role": ["component"], "name": "b"}]},
        {"format": 1, "instances": [{"role": "component", "name": "a"}, "b"]},
        {
            "format": 1,
            "instances": [{"role": "component", "name": "a"}, {"role": "component", "name": "b", "grants": 1}],
        },
    ],
)
def test_invalid_record_is_ignored(document: object) -> None:
    assert read_roles([json.dumps(document).encode()], 2) is None


def test_two_records_are_ignored() -> None:
    good = b'{"format":1,"instances":[]}'
    assert read_roles([good], 0) == ()
    assert read_roles([good, good], 0) is None
    assert read_roles([], 0) is None


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_not_a_record(data: bytes) -> None:
    assert read_roles([data], 1) is None


def test_instance_without_role_raises_type_error() -> None:
    graph = Graph()
    node = graph.instantiate(graph.add("probe", probe()))
    with pytest.raises(TypeError, match="`probe` has no role"):
        roles_section([node])


def test_round_trip() -> None:
    roles = [
        Role("component", "a\x1b\ud800", grants=("env",), catalogue="sha256:0"),
        Role("component", "b"),
        Role("framework", "tools-middleware", "a"),
        Role("denial", "denied to a", "a"),
    ]
    graph = Graph()
    added = graph.add("probe", probe())
    nodes = [graph.instantiate(added, note=role) for role in roles]
    content = roles_section(nodes).partition(SECTION.encode())[2]
    assert read_roles([content], len(roles)) == tuple(roles)
