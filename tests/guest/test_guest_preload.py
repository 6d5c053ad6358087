"""Preloading of a component's modules at build time, executed natively."""

from __future__ import annotations

import json
import sys

import pytest

from wasmcp.guest.component import compressed_modules
from wasmcp.guest.component.preload import PLAN, REPORT, boot
from wasmcp.guest.declarations.registry import registered
from wasmcp.guest.declarations.rules import ToolOptions
from wasmcp.guest.testing import LocalContext


@pytest.fixture
def carry_out(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(str(tmp_path))

    def carry_out(text, *, later=(), tools=True, fails=True, options=None):
        (tmp_path / "booted_tools.py").write_text(text, encoding="utf-8")
        plan = {"module": "booted_tools", "declared": tools, "sources": {}, "labels": {}, "later": list(later)}
        plan |= {"random": "random" in text, "sqlite": False, "files": None, "zones": False, "libraries": []}
        plan |= {"packages": {}, "standard": []}
        plan["options"] = options or {}
        (tmp_path / PLAN).write_text(json.dumps(plan), encoding="utf-8")
        if fails:
            with pytest.raises(RuntimeError, match="see the report"):
                boot(str(tmp_path), frozenset(sys.modules))
        else:
            boot(str(tmp_path), frozenset(sys.modules))
        return json.loads((tmp_path / REPORT).read_text("utf-8"))

    return carry_out


TOOL = "from wasmcp.guest import tool\n@tool\ndef booted() -> int:\n    return 1\n"


def later(module, *names, required=True):
    return {"module": module, "names": list(names), "file": "x.py", "line": 7, "required": required, "fetched": False}


def test_module_and_its_later_imports_are_imported(carry_out):
    sys.modules.pop("colorsys", None)
    report = carry_out(TOOL, later=[later("colorsys"), later("json", "tool"), later("os", "path")], fails=False)
    empty = {"errors": [], "missing": [], "optional": [], "open": [], "sockets": [], "warnings": [], "printed": ""}
    assert report == empty
    assert {"booted_tools", "colorsys", "json.tool", "_strptime"} <= set(sys.modules)
    assert {"encodings.cp1252", "encodings.koi8_r"} <= {*sys.modules, *compressed_modules.MODULES}


def test_missing_import_is_reported_with_its_place(carry_out):
    report = carry_out(
        TOOL, later=[later("no_such_thing"), later("json", "nothing"), later("also_not", required=False)]
    )
    assert [(item["module"], item["line"]) for item in report["missing"]] == [("no_such_thing", 7), ("json", 7)]
    assert report["missing"][1]["problem"].startswith("ModuleNotFoundError")
    assert [item["module"] for item in report["optional"]] == ["also_not"]


def test_missing_optional_import_is_not_an_error(carry_out):
    assert carry_out(TOOL, later=[later("also_not", required=False)], fails=False)["missing"] == []


def test_module_without_declarations_is_an_error(carry_out):
    [error] = carry_out("x = 1\n")["errors"]
    assert (error["kind"], error["frames"]) == ("LookupError", [])


@pytest.mark.parametrize(
    "declared",
    ["@resource('x://y')\ndef f() -> str: ...\n", "@prompt\ndef f() -> str: ...\n"],
)
def test_component_without_tools(carry_out, declared):
    assert carry_out(f"from wasmcp.guest import prompt, resource\n{declared}", fails=False)["errors"] == []


def test_other_world_needs_no_declarations(carry_out):
    assert carry_out("x = 1\n", tools=False, fails=False)["errors"] == []


@pytest.mark.parametrize(
    ("text", "kind", "lines"),
    [
        ("def f():\n    return {}['k']\nf()\n", "KeyError", [3, 2]),
        ("import sys\nsys.exit(0)\n", "SystemExit", [2]),
        ("x = 1\nx +\n", "SyntaxError", [2]),
        ("import no_such_thing\n", "ModuleNotFoundError", [1]),
        ("from wasmcp.guest import tool\n@tool\ndef f(x: complex) -> None: ...\n", "DeclarationError", [2]),
        ("from __future__ import annotations\n" + TOOL.replace("int", "Foo"), "DeclarationError", [3]),
        (
            "from wasmcp.guest import resource\n\n@resource('x://{y}')\ndef f() -> str: ...\n",
            "DeclarationError",
            [3],
        ),
        (
            "from wasmcp.guest import completion\n@completion('x', 'y')\ndef f(v: str) -> list[str]: ...\n",
            "DeclarationError",
            [2],
        ),
    ],
)
def test_exceptions_are_reported_with_lines_of_the_author(carry_out, text, kind, lines):
    [error] = carry_out(text)["errors"]
    assert error["kind"] == kind
    assert [frame["line"] for frame in error["frames"] if frame["file"].endswith("booted_tools.py")] == lines


MISTAKES = """\
from __future__ import annotations
from wasmcp.guest import completion, prompt, provider, tool

class Store: ...

@provider
def store(missing: int) -> Store: ...

@tool
def one(x: complex, store: Store) -> None: ...

@prompt
def two(x: complex) -> str: ...

@completion(two, "x")
def three(value: str) -> list[str]: ...

@tool
def four(later: Later) -> None: ...

@completion("absent", "x")
def five(value: str) -> list[str]: ...

class Later:
    x: complex
"""


def test_all_declaration_errors_are_reported_at_once(carry_out):
    report = carry_out(MISTAKES, later=[later("no_such_thing")])
    found = [(error["message"].partition(":")[0], error["frames"][-1]["line"]) for error in report["errors"]]
    assert found == [
        ("provider `store`, parameter `missing`", 6),
        ("tool `one`, parameter `x`", 9),
        ("prompt `two`, parameter `x`", 12),
        ("tool `four`, parameter `later`", 18),
    ]
    assert [item["module"] for item in report["missing"]] == ["no_such_thing"]


def test_exception_does_not_hide_earlier_declaration_errors(carry_out):
    errors = carry_out(TOOL.replace("int", "complex") + "boom\n")["errors"]
    assert [error["kind"] for error in errors] == ["DeclarationError", "NameError"]


def test_output_is_in_the_report(carry_out, capsys):
    text = (
        "import logging, sys\n"
        "print('to out')\n"
        "HANDLER = logging.StreamHandler()\n"
        "def say(text):\n"
        "    HANDLER.handle(logging.makeLogRecord({'msg': text}))\n"
        "    print('now')\n"
        "say('to err')\n"
    )
    before = sys.stdout
    report = carry_out(TOOL + text, fails=False)
    sys.modules["booted_tools"].say("later")
    assert report["printed"] == "to out\nto err\nnow\n"
    assert sys.stdout is before
    assert capsys.readouterr() == ("now\n", "later\n")


def test_tools_have_the_options_of_the_component(carry_out, monkeypatch):
    for name in ("coerce", "references"):
        monkeypatch.setattr(ToolOptions, name, False)
    carry_out(f"{TOOL}def taking(x: int) -> int:\n    return x\ntool(taking)\n", fails=False, options={"coerce": True})
    assert registered()["taking"].call('{"x": "5"}', LocalContext()).structured == '{"result":5}'
    assert ToolOptions.references is False


def test_unparsed_docstring_text_is_a_warning(carry_out):
    text = (
        "from dataclasses import dataclass\n"
        "from wasmcp.guest import tool\n"
        "@dataclass\n"
        "class Point:\n"
        "    '''A point.\n\n    Attributes:\n        y: Upwards.\n    '''\n"
        "    x: int\n"
        "@tool\n"
        "def f(a: int, p: Point) -> None:\n"
        "    '''Do it.\n\n    Args:\n        a: One.\n        b: Two.\n    '''\n"
    )
    report = carry_out(text, fails=False)
    end = "which is about none of its parameters; the text stays in the description"
    assert [(item["line"], item["message"]) for item in report["warnings"]] == [
        (11, f"tool `f`: its docstring has `b: Two.`, {end}"),
        (11, f"tool `f`: the docstring of `Point` has `y: Upwards.`, {end}"),
    ]
