from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.memory_images import memory_image
from support.python_component import GuestComponent, result_of

from wasmcp.declaration_section import declares
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains import toolchain_for
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python import toolchain as python_module
from wasmcp.toolchains.python.staging import stage_application
from wasmcp.toolchains.python.toolchain import PythonToolchain

TOOLS = '''\
"""Tools of every kind."""

import sys
from dataclasses import dataclass
from typing import Annotated

from wasmcp.guest import (
    Audio, Context, EmbeddedResource, Field, Image, InputRequest, InputRequired, ResourceLink, Text, ToolError, tool
)

from .helper import shout

type Json = None | bool | int | float | str | list[Json] | dict[str, Json]
kept = []


@dataclass
class Item:
    price: float
    name: str = "x"


@tool(read_only=True, title="Total")
def total(items: list[Item], factor: Annotated[float, Field(ge=0)] = 1.0) -> float:
    """Add up prices.

    Args:
        items: What is bought.
    """
    return sum(item.price for item in items) * factor


@tool
def cheapest(items: list[Item]) -> Item | None:
    return min(items, key=lambda item: item.price, default=None)


@tool
def louder(text: str) -> str:
    print("shouting", text)
    return shout(text)


@tool
def echo(value: Json) -> dict[str, Json]:
    return {"value": value}


@tool
def lazy() -> list[str]:
    import csv
    from datetime import datetime
    from io import StringIO

    from .later import word

    rows = list(csv.reader(StringIO("a,b")))
    year = datetime.strptime("2026-11-22", "%Y-%m-%d").year
    encoded = ["é€".encode("cp1252").hex(), "\\u65e5".encode("shift_jis").hex(), "bücher".encode("idna").decode()]
    encoded.append("é".encode("cp850").hex())
    return [*rows[0], str(year), *encoded, word]


@tool
def fail(how: str) -> str:
    if how == "tool":
        raise ToolError("reported")
    if how == "exit":
        sys.exit(3)
    if how == "recursion":
        return fail(how)
    if how == "memory":
        hog = []
        while True:
            hog.append(bytearray(20_000_000))
    if how == "stdin":
        return input()
    if how == "import":
        import_it = __import__
        return str(import_it("turtle" + "demo"))
    if how == "surrogate":
        raise ToolError("\\ud800!")
    return undefined_name


@tool
def talk(context: Context) -> str:
    context.progress(1, 2, "half")
    context.log("notice", {"a": [1]}, logger="me")
    kept.append(context)
    known = f"{context.request_id} {context.protocol_version} {context.meta}"
    return f"{known} {context.client_capabilities} {context.cancelled}"


@tool
def use_kept() -> str:
    try:
        kept[0].progress(2)
    except RuntimeError as error:
        return str(error)
    return "nothing happened"


@tool
async def wait(seconds: float) -> str:
    import asyncio

    await asyncio.gather(asyncio.sleep(seconds), asyncio.sleep(seconds))
    return "done"


@tool
def book(context: Context) -> str | InputRequired:
    if context.input_state is None:
        question = {"mode": "form", "message": "When?", "requestedSchema": {"type": "object", "properties": {}}}
        return InputRequired({"when": InputRequest("elicitation/create", question)}, b"\\x00state")
    return f"{context.input_responses['when']['action']} {context.input_state!r}"


@tool
def chance() -> float:
    import random

    return random.random()


@tool
def runs() -> str:
    import asyncio

    async def later() -> str:
        await asyncio.sleep(0.001)
        return "ran"

    return asyncio.run(later())


@tool
def blocks() -> list[Text | Image | Audio | ResourceLink | EmbeddedResource]:
    return [
        Text("t", meta={"a": 1}),
        Image(b"\\x00\\x01", "image/png"),
        Audio(b"\\x02", "audio/wav"),
        ResourceLink("file:///a", "a", size=3),
        EmbeddedResource("file:///b", b"\\xff", "application/octet-stream"),
    ]
'''

PROJECT = {
    "src/shop/__init__.py": "def main():\n    import a_web_server\n    from wasmcp import host\n",
    "src/shop/tools.py": TOOLS,
    "src/shop/helper.py": """\
import random

from dependency import upper

SEED = random.random()


def shout(text):
    return upper(text) + "!"
""",
    "src/shop/later.py": "word = 'later'\n",
    "vendor/dependency/__init__.py": "def upper(text):\n    return text.upper()\n",
}


def source(root: Path, name: str, text: str | None = None, **options: Any) -> ComponentSource:
    if text is not None:
        (root / name).write_text(text, encoding="utf-8")
    return ComponentSource("shop", root / name, root, options=options)


def build(found: ComponentSource, output: Path) -> list[str]:
    lines: list[str] = []
    PythonToolchain().build(found, output, cache=output.parent, progress=lines.append)
    return lines


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    for name, text in PROJECT.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


class TestInputs:
    def test_inputs_are_imports_and_own_files(self, project):
        found = toolchain_for(project / "src/shop/tools.py").inputs(
            source(project, "src/shop/tools.py", **{"python-path": ["vendor"]})
        )
        theirs = {label for label in found.files if not label.startswith("wasmcp:")}
        assert theirs == set(PROJECT)
        assert {"wasmcp:guest/declarations/registry.py", "wasmcp:wit/worlds.wit"} <= set(found.files)
        assert found.pins == {"componentize-py": "0.25.1"}

    def test_missing_folder_is_refused(self, project):
        with pytest.raises(ToolchainError, match="`python-path` names `gone`, which is not a folder"):
            PythonToolchain().inputs(source(project, "src/shop/tools.py", **{"python-path": ["gone"]}))


REFUSED = {
    "a syntax error": ("def f(:\n", "`tools_.py`, line 1: invalid syntax"),
    "package of another owner": (
        "from wasmcp.guest import tool\nimport numpy.linalg\n",
        "`tools_.py`, line 2: `numpy.linalg` is not in the component: name its package in",
    ),
    "models without their package": (
        "from pydantic import BaseModel\n",
        "`tools_.py`, line 1: `pydantic` is not in the component: name its package in",
    ),
    "our host side": (
        "import wasmcp.host\n",
        "`tools_.py`, line 1: `wasmcp.host` is not in the component: a component contains only `wasmcp.guest`",
    ),
    "several things": (
        "import numpy\nimport wasmcp.host\n",
        "`tools_.py` has 2 errors:\n`tools_.py`, line 1: `numpy` is not in the component",
    ),
}


@pytest.mark.parametrize(
    ("option", "values", "message"),
    [
        ("python-path", ["a", "b"], "`python-path` names `a`, which is not a folder; `b`, which is not a folder"),
        ("imports", ["a-b", "c..d"], "`imports` names `a-b`, `c..d`, which are not dotted names of modules"),
        ("dependencies", ["./x", "y @ z"], "`dependencies` names `./x`, `y @ z`, which are not requirements such as"),
    ],
)
def test_all_invalid_values_of_an_option_are_reported(option, values, message, tmp_path):
    found = dataclasses.replace(source(tmp_path, "tools_.py", "x = 1\n"), options={option: values})
    with pytest.raises(ToolchainError) as caught:
        PythonToolchain().inputs(found)
    assert str(caught.value).startswith(f"component `shop`: {message}")


@pytest.mark.parametrize("case", REFUSED)
def test_missing_imports_are_rejected_before_compiling(case, tmp_path, monkeypatch):
    text, message = REFUSED[case]
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("the compiler was started"))
    with pytest.raises(ToolchainError) as caught:
        build(source(tmp_path, "tools_.py", text), tmp_path / "out.wasm")
    assert str(caught.value).startswith(message)


def test_another_world_exports_definitions_of_the_source(tmp_path):
    found = source(tmp_path, "guard.py", "class ServerHandler: ...\n")
    middleware = dataclasses.replace(found, world="middleware")
    application = stage_application(middleware, python_module.modules_of(middleware), tmp_path / "stage")
    assert (application / "_wasmcp_app.py").read_text("utf-8").endswith("\nfrom guard import *\n")
    assert json.loads((application / "_wasmcp_plan.json").read_text("utf-8"))["declared"] is False


@pytest.mark.parametrize("given", [{}, {"coerce": True}, {"schema-references": True}, {"dynamic": True}])
def test_the_options_of_its_tools_reach_the_component(tmp_path, given):
    found = dataclasses.replace(source(tmp_path, "tools_.py", "x = 1\n"), options=given)
    application = stage_application(found, python_module.modules_of(found), tmp_path / "stage")
    assert json.loads((application / "_wasmcp_plan.json").read_text("utf-8"))["options"] == {
        "coerce": given.get("coerce", False),
        "references": given.get("schema-references", False),
        "dynamic": given.get("dynamic", False),
    }


@pytest.mark.parametrize("name", ["calendar", "wasmcp"])
def test_source_with_the_name_of_a_standard_module_is_refused(name, tmp_path):
    with pytest.raises(ToolchainError, match=f"`{name}.py` would be hidden by the `{name}` of"):
        build(source(tmp_path, f"{name}.py", "x = 1\n"), tmp_path / "out.wasm")


def test_without_the_compiler(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(MissingToolchainError, match=r"pip install \"wasmcp\[python\]\""):
        build(source(tmp_path, "tools_.py", "x = 1\n"), tmp_path / "out.wasm")


FAILING = {
    "an exception at import": (
        "from wasmcp.guest import tool\ndef load():\n    return {}['key']\nVALUE = load()\n",
        (
            "`tools_.py`, line 3: KeyError: 'key'\n"
            "  tools_.py:4, in <module>\n    VALUE = load()\n  tools_.py:3, in load\n    return {}['key']"
        ),
    ),
    "an import in a function": (
        "from wasmcp.guest import tool\n@tool\ndef f() -> None:\n    import lzma\n",
        "`tools_.py` imports modules later that are not in the component:\n`tools_.py`, line 4: `lzma`: Module",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", FAILING)
def test_errors_in_the_component_have_a_python_traceback(case, tmp_path):
    text, message = FAILING[case]
    output = tmp_path / "out.wasm"
    output.write_bytes(b"the last good one")
    with pytest.raises(ToolchainError) as caught:
        build(source(tmp_path, "tools_.py", text), output)
    assert str(caught.value).startswith(message)
    assert str(tmp_path) not in str(caught.value)
    assert "/0/" not in str(caught.value)
    assert output.read_bytes() == b"the last good one"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.fixture(scope="module")
def built(project: Path) -> tuple[GuestComponent, list[str]]:
    output = project / "shop.wasm"
    lines = build(source(project, "src/shop/tools.py", **{"python-path": ["vendor"]}), output)
    return GuestComponent(output), lines


@pytest.fixture
def guest(built: tuple[GuestComponent, list[str]]) -> GuestComponent:
    component = built[0]
    component.events.clear()
    for written in component.output.values():
        written.clear()
    return component


@pytest.mark.slow
def test_component_declares_its_capabilities(project: Path, built: tuple[GuestComponent, list[str]]) -> None:
    assert declares((project / "shop.wasm").read_bytes()).uses == {"log"}


@pytest.mark.slow
def test_component_stays_below_its_size(project: Path, built: tuple[GuestComponent, list[str]]) -> None:
    component = (project / "shop.wasm").read_bytes()
    assert len(component) < 20_400_000
    image, data = memory_image(component)
    assert image < 2 * data, "wasmtime maps an image of the memory; a sparse one is copied for each instance"


def field(record: Any, name: str) -> Any:
    return record.__dict__[name]


def call(guest: GuestComponent, name: str, /, **arguments: Any) -> tuple[str, Any, bool]:
    result = result_of(guest.call_tool(name, json.dumps(arguments)))
    structured = field(result, "structured-content")
    text = field(result, "content")[0].payload.text
    return text, None if structured is None else json.loads(structured), field(result, "is-error")


@pytest.mark.slow
class TestComponent:
    def test_warnings(self, built):
        assert built[1] == [
            "compiling `src/shop/tools.py` with componentize-py",
            (
                "warning: `src/shop/__init__.py`, line 2: `a_web_server` is not in the component "
                "(ModuleNotFoundError: No module named 'a_web_server')"
            ),
            (
                "warning: `src/shop/helper.py`, line 5: `random.random` is called once, when the component is built, "
                "and its value is kept"
            ),
        ]

    def test_list(self, guest):
        page = guest.list_tools().payload
        total = page.items[0]
        assert [item.name for item in page.items][:4] == ["total", "cheapest", "louder", "echo"]
        assert (total.title, total.description) == ("Total", "Add up prices.")
        assert field(total.annotations, "read-only") is True
        assert json.loads(field(total, "input-schema"))["properties"]["items"]["description"] == "What is bought."
        assert json.loads(field(total, "output-schema"))["required"] == ["result"]

    def test_a_cursor_is_a_protocol_error(self, guest):
        answer = guest.list_tools("next")
        assert (answer.tag, answer.payload.code) == ("err", -32602)

    def test_calls(self, guest):
        assert call(guest, "total", items=[{"price": 1}, {"price": 2.5}], factor=2) == ("7.0", {"result": 7.0}, False)
        assert call(guest, "cheapest", items=[]) == ("null", {"result": None}, False)
        assert call(guest, "louder", text="abé") == ("ABÉ!", {"result": "ABÉ!"}, False)
        assert call(guest, "echo", value=[{"a": None}])[1] == {"value": [{"a": None}]}
        for text in ("b", "c" * 10_000, "d"):  # the outcome of short results is used again
            assert call(guest, "louder", text=text) == (text.upper() + "!", {"result": text.upper() + "!"}, False)

    def test_print_is_written_at_once(self, guest):
        call(guest, "louder", text="a")
        assert guest.output["stdout"] == b"shouting a\n"

    def test_invalid_argument(self, guest):
        text, structured, failed = call(guest, "total", items=[{"price": 1}, {"price": "x"}])
        assert text == "Invalid arguments for tool total: items[1].price: expected number, got string"
        assert (structured, failed) == (None, True)

    def test_call_of_an_unknown_tool_returns_none(self, guest):
        assert guest.call_tool("nobody") is None

    def test_imports_inside_functions(self, guest):
        expected = ["a", "b", "2026", "e980", "93fa", "xn--bcher-kva", "82", "later"]
        assert call(guest, "lazy")[1] == {"result": expected}

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("exit", "SystemExit: 3"),
            ("recursion", "RecursionError: maximum recursion depth exceeded"),
            ("stdin", "EOFError"),
            ("import", "The module is not in the component"),
            ("name", "NameError: name 'undefined_name' is not defined"),
        ],
    )
    def test_invalid_input_causes_no_trap(self, guest, how, told):
        assert call(guest, "fail", how=how) == ("Error executing tool fail", None, True)
        assert told in guest.stderr
        assert 'File "src/shop/tools.py", line ' in guest.stderr
        assert "in fail\n    " in guest.stderr
        assert call(guest, "louder", text="a")[0] == "A!"

    def test_running_out_of_memory_is_an_error(self, guest):
        guest.store.set_limits(memory_size=300_000_000)
        assert call(guest, "fail", how="memory") == ("Error executing tool fail", None, True)
        assert call(guest, "louder", text="a")[0] == "A!"

    def test_messages_to_the_client(self, guest):
        assert call(guest, "fail", how="tool") == ("reported", None, True)
        assert call(guest, "fail", how="surrogate") == ("\ufffd!", None, True)

    def test_the_context(self, guest):
        assert call(guest, "talk")[0] == "some-id 2026-07-28 {'progressToken': 1} {'elicitation': {}} False"
        assert guest.events == [("progress", 1.0, 2.0, "half"), ("log", "notice", "me", '{"a":[1]}')]
        assert "belongs to a call that has ended" in call(guest, "use_kept")[0]
        assert len(guest.events) == 2

    def test_coroutines(self, guest):
        assert call(guest, "wait", seconds=0.01)[0] == "done"
        assert call(guest, "runs")[0] == "ran"

    def test_random_values_differ_from_instance_to_instance(self, guest):
        first = call(guest, "chance")[0]
        guest.restart()
        assert call(guest, "chance")[0] != first

    def test_requests_to_the_client(self, guest):
        outcome = guest.call_tool("book", "{}")
        assert (outcome.tag, outcome.payload.state) == ("input-required", b"\x00state")
        assert [(item.key, item.method) for item in outcome.payload.requests] == [("when", "elicitation/create")]
        assert json.loads(outcome.payload.requests[0].params)["message"] == "When?"
        guest.responses, guest.state = [("when", '{"action":"accept"}')], b"\x00state"
        assert call(guest, "book")[0] == "accept b'\\x00state'"

    def test_content_blocks(self, guest):
        blocks = field(guest.call_tool("blocks", "{}").payload, "content")
        assert [block.tag for block in blocks] == ["text", "image", "audio", "resource-link", "embedded-resource"]
        assert json.loads(blocks[0].payload.meta) == {"a": 1}
        assert (blocks[1].payload.data, field(blocks[1].payload, "mime-type")) == (b"\x00\x01", "image/png")
        assert blocks[3].payload.size == 3
        assert blocks[4].payload.contents.data == b"\xff"
