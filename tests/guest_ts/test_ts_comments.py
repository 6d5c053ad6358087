"""Comments in TypeScript: every word for clients reaches them, or the build warns that it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.project.catalogue_recording import boot
from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.typescript import TypeScriptToolchain

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parent / "comments.ts"


def build(source: Path, output: Path) -> list[str]:
    lines: list[str] = []
    component = ComponentSource("comments", source, source.parent)
    TypeScriptToolchain().build(component, output, cache=Cache().toolchain("typescript"), progress=lines.append)
    return [line for line in lines if line.startswith("warning")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    output = tmp_path_factory.mktemp("comments") / "comments.wasm"
    return output, build(SOURCE, output)


@pytest.fixture(scope="module")
def server(built: tuple[Path, list[str]]) -> Iterator[Server]:
    spec = ComponentSpec("comments", built[0], catalogue=boot("comments", built[0].read_bytes()))
    with open_server(compose_server([spec], ServerMetadata("comments", "1")).data) as running:
        yield running


@pytest.fixture(scope="module")
def tools(server: Server) -> dict[str, Any]:
    return {tool.name: tool for tool in server.list_tools()}


NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("name", "description", "properties"),
    [
        (
            "lines",
            "Lines.",
            {
                "x": {**NUMBER, "description": "The x."},
                "y": {**NUMBER, "minimum": 1, "maximum": 5, "description": "The y."},
            },
        ),
        (
            "oneLine",
            "One line.",
            {
                "x": {"type": "integer", "minimum": 1, "description": "The x."},
                "y": {**NUMBER, "default": 2, "description": "The y."},
            },
        ),
        (
            "interfaced",
            "An interface.",
            {
                "x": {**NUMBER, "description": "The x."},
                "y": {"type": "string", "pattern": "^a", "description": "The y."},
            },
        ),
        (
            "behind",
            "Behind.",
            {"x": {**NUMBER, "maximum": 3, "description": "The x."}, "y": {**NUMBER, "description": "The y."}},
        ),
        (
            "destructured",
            "Params of a destructured object.\n\nSlow.\n\nSee: https://example.com\n\ngone: Of no argument.",
            {"x": {**NUMBER, "description": "The x."}, "y": {**NUMBER, "description": "Own.\nThe y."}},
        ),
        ("functioned", "Of a function.", {"x": {**NUMBER, "description": "The x."}}),
        ("unread", "Not read.", {"x": NUMBER, "y": NUMBER}),
    ],
)
def test_comments_become_descriptions_and_keywords(
    tools: dict[str, Any], name: str, description: str, properties: dict[str, Any]
) -> None:
    assert tools[name].description == description
    assert tools[name].input_schema["properties"] == properties


def test_params_and_returns_become_descriptions(tools: dict[str, Any]) -> None:
    found = tools["params"].input_schema["properties"]
    assert found["x"]["description"] == "The x."
    assert found["inner"]["properties"]["z"]["description"] == "The z."
    assert tools["params"].description == "Params."
    assert tools["params"].output_schema["description"] == "What comes out."
    assert tools["destructured"].output_schema["properties"]["result"]["description"] == "A text."


def test_comments_on_named_types_are_read_where_the_types_are_used(tools: dict[str, Any]) -> None:
    found = tools["named"].input_schema["properties"]
    day = {"type": "string", "format": "date", "description": "A day."}
    assert found["day"] == day
    assert found["days"] == {"type": "array", "items": day, "description": "Its days."}
    assert found["point"]["description"] == "A point in the plane."
    assert found["point"]["properties"]["x"]["description"] == "From the left."
    assert found["end"]["description"] == "Where it ends."


def test_arguments_of_prompts_are_described(server: Server) -> None:
    (greet,) = server.request("prompts/list")["prompts"]
    assert greet["arguments"] == [{"name": "name", "description": "For whom.", "required": True}]


def test_the_build_warns_of_comments_that_clients_do_not_get(built: tuple[Path, list[str]]) -> None:
    at = {line: number for number, line in enumerate(SOURCE.read_text("utf-8").splitlines(), 1)}
    destructured = next(number for line, number in at.items() if line.startswith("export const destructured"))
    unread = at["  // The x."] + 1
    found = [line.removeprefix("warning: comments.ts:") for line in built[1]]
    assert found == [
        f"{destructured}:14: `destructured`: `@readonly` is not a hint for clients: set the option `readOnly: true`",
        f"{destructured}:29: `@param gone` names no argument",
        f"{unread}:3: `x`: `// The x.` is not shown to clients: write `/** The x. */` if it is for them",
    ]


def test_a_default_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "wrong.ts"
    text = (
        "export const wrong = tool((_: { /** @default now */ x?: number; y?: { /** @default 1 */ z?: string } }) => 1);"
    )
    source.write_text(f'import {{ tool }} from "wasmcp";\n{text}\n', "utf-8")
    with pytest.raises(ToolchainError) as caught:
        build(source, tmp_path / "wrong.wasm")
    assert 'the default "now" of `x` does not fit: expected number, got string; ' in str(caught.value)
    assert "the default 1 of `y.z` does not fit: expected string, got integer" in str(caught.value)


def test_a_constraint_without_its_value_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "wrong.ts"
    text = 'export const wrong = tool((_: { /** @minimum */ x: number; }): string => "");'
    source.write_text(f'import {{ tool }} from "wasmcp";\n{text}\n', "utf-8")
    with pytest.raises(ToolchainError, match=r"`@minimum` has no JSON Schema: a number must follow"):
        build(source, tmp_path / "wrong.wasm")
