"""`wasmcp inspect --path`, and the tables `filters` of a project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA, tool, tools_component

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.access import Access, Filter, Selector
from wasmcp.errors import ConfigError
from wasmcp.project.config import parse

ACCESS = Access(
    {"/mcp/math": Filter((Selector(tags=("math",)), Selector(tools=("echo",))), (Selector(tags=("slow",)),))}
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tools = (
        tool("add", _meta={"wasmcp/tags": ["math"]}),
        tool("power", _meta={"wasmcp/tags": ["math", "slow"]}),
        tool("echo"),
    )
    path = tmp_path_factory.mktemp("access") / "server.wasm"
    spec = ComponentSpec("calc", tools_component("called"), Catalogue(tools))
    compose_server([spec], METADATA, access=ACCESS).write(path)
    return path


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(commands, ["inspect", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_inspect_explains_a_path(file: Path) -> None:
    assert run(file, "--path", "/mcp/math/").splitlines() == [
        "/mcp/math/: allows tags math or tools echo, denies tags slow",
        "capabilities: tools",
        "tools that exist: add, echo",
        "tools that do not exist: power",
    ]
    assert run(file, "--path", "/mcp").splitlines()[0] == "/mcp: every entry exists"
    assert run(file, "--path", "/mcp/Math") == "/mcp/Math: not an endpoint of the server; requests get 404\n"
    found = json.loads(run(file, "--path", "/mcp/math", "--json"))
    assert found["found"] is True
    assert found["existing"]["tools"] == ["add", "echo"]
    assert found["hidden"]["tools"] == ["power"]
    assert found["capabilities"] == ["tools"]


def test_inspect_lists_the_filters(file: Path) -> None:
    assert "/mcp/math  allows tags math or tools echo, denies tags slow" in run(file, "--no-boot")
    assert "/mcp/math" in json.loads(run(file, "--no-boot", "--json"))["access"]["paths"]


def test_inspect_warns_of_a_record_that_is_not_what_the_server_applies(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    index = data.rindex(b'["echo"]')
    changed = tmp_path / "changed.wasm"
    changed.write_bytes(data[:index] + b'["ecno"]' + data[index + 8 :])
    warning = "warning: the filters and the policy that this file applies are not those of its record"
    assert warning in run(changed, "--path", "/mcp/math")
    assert warning in run(changed, "--no-boot")
    assert warning not in run(file, "--no-boot") + run(file, "--path", "/mcp/math")


def test_inspect_refuses_a_path_for_a_server_without_filters(tmp_path: Path) -> None:
    plain = tmp_path / "plain.wasm"
    compose_server([ComponentSpec("calc", tools_component("called"), Catalogue((tool("add"),)))], METADATA).write(plain)
    done = CliRunner().invoke(commands, ["inspect", str(plain), "--path", "/mcp/math"])
    assert done.exit_code == 1
    assert "has no filters" in done.output


def project(filters: object) -> dict[str, object]:
    return {
        "project": {"name": "demo", "version": "1"},
        "tool": {
            "wasmcp": {
                "package": "src/demo",
                "components": {"calc": {"path": "calc.wasm"}},
                "servers": {"default": {"components": ["calc"], "filters": filters}},
            }
        },
    }


def test_filters_are_read_from_the_project(tmp_path: Path) -> None:
    filters = {
        "/mcp/math": {"allow": [{"tags": ["math"]}, {"tools": ["echo"]}], "deny": {"tags": ["slow"]}},
        "/mcp/none": {"allow": []},
    }
    (tmp_path / "src/demo").mkdir(parents=True)
    server = parse(project(filters), tmp_path, check_files=False).servers["default"]
    assert server.access == Access({**ACCESS.filters, "/mcp/none": Filter(())})


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"/math": {"allow": []}}, '`tool.wasmcp.servers.default.filters."/math"` must be `/mcp` or below it'),
        ({"/mcp/": {"allow": []}}, "must be `/mcp` or below it"),
        ({"/mcp/../x": {"allow": []}}, "must be `/mcp` or below it"),
        ({"/mcp/a%62": {"allow": []}}, "must be `/mcp` or below it"),
        ({"/mcp/a": {}}, "has neither `allow` nor `deny`"),
        ({"/mcp/a": {"allow": {}}}, ".allow` is empty: it would select every entry"),
        ({"/mcp/a": {"allow": {"tool": ["x"]}}}, "did you mean `tools`?"),
        ({"/mcp/a": {"allow": {"tools": [""]}}}, "must not be empty, nor contain an empty string"),
        ({"/mcp/a": {"allow": {"tools": []}}}, "must not be empty"),
        ({"/mcp/a": {"deny": ["x"]}}, "must be a table or a list of tables, not a list"),
        ({"/mcp/a": {"denied": {"tools": ["x"]}, "allow": []}}, "did you mean `deny`?"),
        ({"/mcp/a": 1}, "must be a table"),
    ],
)
def test_mistakes_in_filters_are_named(tmp_path: Path, filters: object, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(project(filters), tmp_path, check_files=False)
    assert words in str(error.value)
