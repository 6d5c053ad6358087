"""Errors and warnings derived from the report of a build."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.guest.component.preload import REPORT
from wasmcp.toolchains.base import PINS, ComponentSource, require_pins
from wasmcp.toolchains.python.modules import Module
from wasmcp.toolchains.python.toolchain import PythonToolchain, failure_of, printed_of

FRAME = {"file": "/0/tools_.py", "line": 3, "name": "<module>", "text": "@tool(titel='x')"}


def told(
    folder: Path,
    report: dict[str, Any] | None = None,
    package: Module | None = None,
    *,
    said: str = "",
    world: str = "component",
) -> str:
    source = ComponentSource("shop", folder / "tools_.py", folder, world=world)
    module = Module("tools_", folder / "tools_.py", "tools_.py", own=True, frozen=[("os.environ", 3)])
    modules = {"tools_": module if "os.environ" in str(report) else dataclasses.replace(module, frozen=[])}
    if package is not None:
        modules[package.name] = package
    if report is not None:
        (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")
    failure = failure_of(source, modules, folder, said)
    assert isinstance(failure, ToolchainError)
    return str(failure)


def error(kind: str, message: str) -> dict[str, Any]:
    return {"errors": [{"kind": kind, "message": message, "frames": [FRAME], "python": "3.14.0"}]}


def test_decorator_with_invalid_arguments(tmp_path):
    message = "tool() got an unexpected keyword argument 'titel'. Did you mean 'title'?"
    assert told(tmp_path, error("TypeError", message)) == (
        f"`tools_.py`, line 3: TypeError: {message}\n  tools_.py:3, in <module>\n    @tool(titel='x')"
    )


def test_invalid_declaration_is_named_with_its_line(tmp_path):
    message = "tool `f`, parameter `x`: `complex` has no JSON Schema"
    assert told(tmp_path, error("DeclarationError", message)).startswith(f"`tools_.py`, line 3: {message}\n")


def test_all_that_is_wrong_at_once(tmp_path):
    report = error("DeclarationError", "tool `f`, parameter `x`: `complex` has no JSON Schema")
    report["errors"].append({**report["errors"][0], "message": "tool `g`: why", "frames": [{**FRAME, "line": 9}]})
    report["missing"] = [{"file": "tools_.py", "line": 5, "module": "gone", "problem": "ModuleNotFoundError: gone"}]
    report["open"] = ["/0/tools_.py"]
    assert told(tmp_path, report).splitlines() == [
        "`tools_.py` has 4 errors:",
        "`tools_.py`, line 3: tool `f`, parameter `x`: `complex` has no JSON Schema",
        "    tools_.py:3, in <module>",
        "      @tool(titel='x')",
        "`tools_.py`, line 9: tool `g`: why",
        "    tools_.py:9, in <module>",
        "      @tool(titel='x')",
        "`tools_.py` imports modules later that are not in the component:",
        "  `tools_.py`, line 5: `gone`: ModuleNotFoundError: gone",
        (
            "`tools_.py` leaves files open when it has been imported: `tools_.py`. A component has none: read what is "
            "needed and close the file (`with open(...)`), or keep the data in a module"
        ),
    ]


def test_printed_output_is_escaped(tmp_path):
    (tmp_path / REPORT).write_text(json.dumps({"printed": "one\n\x1b[31mtwo\n"}), encoding="utf-8")
    assert printed_of(tmp_path) == ["one", "\\x1b[31mtwo"]


def test_a_file_that_is_not_there(tmp_path):
    assert told(tmp_path, error("FileNotFoundError", "[Errno 44] data.json")).startswith(
        "`tools_.py`, line 3: FileNotFoundError: [Errno 44] data.json; a component has no files"
    )


def test_the_environment_of_the_build(tmp_path):
    report = error("KeyError", "'KEY'")
    report["errors"][0]["frames"] = [{**FRAME, "text": "KEY = os.environ['KEY']"}]
    assert told(tmp_path, report).startswith(
        "`tools_.py`, line 3: KeyError: 'KEY'; the environment is empty when a component is built: read it inside a "
    )


def test_a_module_of_another_platform(tmp_path):
    assert "not every module of Python 3.14.0 exists in WebAssembly" in told(tmp_path, error("ImportError", "ssl"))


def test_advice_for_a_package_that_cannot_be_imported(tmp_path):
    package = Module("git", tmp_path / "git.py", "dependencies/git.py", own=False, fetched=True)
    report = error("ModuleNotFoundError", "No module named 'mmap'")
    report["errors"][0]["frames"] = [FRAME, {**FRAME, "file": "/0/git.py"}]
    assert "`git`: it starts the program `git`, and components start no programs" in told(tmp_path, report, package)
    assert "`git`" not in told(tmp_path, error("ModuleNotFoundError", "No module named 'mmap'"))


def test_a_module_named_under_imports(tmp_path):
    missing = {"file": "imports", "line": 0, "module": "gone", "problem": "ModuleNotFoundError: gone"}
    assert told(tmp_path, {"missing": [missing]}).endswith(
        "imports modules later that are not in the component:\n`imports`: `gone`: ModuleNotFoundError: gone"
    )


def test_an_export_that_is_missing(tmp_path):
    said = "AssertionError: AttributeError: module '_wasmcp_app' has no attribute 'ServerHandler'\n\nCaused by: ..."
    assert told(tmp_path, said=said, world="middleware") == (
        "`tools_.py` has no `ServerHandler`: a component of the world `middleware` exports that interface, and a class "
        "of this name has its functions"
    )


def test_other_errors_of_the_compiler_are_shown(tmp_path):
    said = "error: /0/tools_.py is odd\n\nStack backtrace:\n   0: anyhow"
    assert told(tmp_path, said=said) == "`tools_.py` was not compiled\nerror: tools_.py is odd"


@pytest.mark.parametrize("found", ["0.20.0", ""])
def test_a_compiler_of_another_version_and_none(tmp_path, monkeypatch, found):
    import importlib.metadata

    def version(name: str) -> str:
        if not found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    source = ComponentSource("shop", tmp_path / "tools_.py", tmp_path)
    state = f"{found} is installed" if found else "is not installed"
    with pytest.raises(MissingToolchainError) as caught:
        require_pins(PythonToolchain(), source, {"componentize-py": PINS["componentize-py"]})
    assert str(caught.value) == (
        f"component `shop` (`tools_.py`) is built with `componentize-py` {PINS['componentize-py']}, and "
        f'`componentize-py` {state}: `pip install "wasmcp[python]"`'
    )
