from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.errors import ScaffoldError
from wasmcp.project.config import parse
from wasmcp.project.template_files import check_component_name, check_project_name, package_of, title_of


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("weather", "weather"),
        ("my-server", "my_server"),
        ("My.Server", "my_server"),
        ("a--b__c..d", "a_b_c_d"),
        ("server2", "server2"),
        ("x" * 64, "x" * 64),
    ],
)
def test_names_of_projects(name: str, package: str) -> None:
    assert check_project_name(name) == package


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is not a name that a Python project may have"),
        ("-server", "a letter or digit at both ends"),
        ("server_", "a letter or digit at both ends"),
        ("my server", "is not a name"),
        ("größe", "is not a name"),
        ("server\n", "is not a name"),
        ('x"; import os', "is not a name"),
        ("folder/server", "is a path: give the name alone, and the folder that it goes into with `--output`"),
        ("..\\server", "is a path"),
        ("x" * 65, "has 65 characters; the maximum is 64"),
        ("3d-tools", "imported as `3d_tools`, which begins with a digit"),
        ("class", "imported as `class`, which is a keyword of Python"),
        ("JSON", "imported as `json`, which is a module of Python's standard library"),
        ("wasmcp", "a name that wasmcp uses itself"),
        ("hatch-wasmcp", "a name that wasmcp uses itself"),
        ("PyTest", "a name that wasmcp uses itself"),
        ("wit-world", "a name that wasmcp uses itself"),
        ("tests", "a name that wasmcp uses itself"),
        ("con", "is the name of a device on Windows"),
    ],
)
def test_invalid_project_names(name: str, says: str) -> None:
    with pytest.raises(ScaffoldError) as caught:
        check_project_name(name)
    assert says in str(caught.value)
    assert caught.value.name == name


@given(st.text(alphabet="abXY019-_.", min_size=1, max_size=8))
def test_accepted_name_can_be_imported(name: str) -> None:
    try:
        package = check_project_name(name)
    except ScaffoldError:
        return
    assert package.isidentifier()
    assert package == package.lower() == package_of(name)
    assert package not in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("name", "identifier"), [("calc", "calc"), ("text-tools", "text_tools"), ("a_b", "a_b"), ("v2", "v2")]
)
def test_names_of_components(name: str, identifier: str) -> None:
    assert check_component_name(name) == identifier


@pytest.mark.parametrize("name", ["", "Calc", "2d", "a.b", "a-", "-a", "a/b", "x" * 65, "class", "nul", "ä", "a b"])
def test_invalid_component_names(name: str) -> None:
    with pytest.raises(ScaffoldError, match="is not a name for a component"):
        check_component_name(name)


@given(st.text(alphabet="abc-_09", min_size=1, max_size=8))
def test_accepted_component_name_can_be_configured(name: str) -> None:
    try:
        check_component_name(name)
    except ScaffoldError:
        return
    tables = {
        "package": "wasmcp",
        "components": {name: {"source": "a.py"}},
        "servers": {"default": {"components": [name]}},
    }
    root = Path(__file__).parent.parent.parent
    project = parse({"project": {"name": "x"}, "tool": {"wasmcp": tables}}, root, check_files=False)
    assert list(project.components) == [name]


def test_titles() -> None:
    assert title_of("my-server") == "My server"
    assert title_of("MCP.things_of-mine") == "MCP things of mine"
