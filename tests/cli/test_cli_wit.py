from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wasmcp.cli.group import commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["wit", *(str(argument) for argument in arguments)])


def test_deps_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("deps")
    assert done.exit_code == 0, done.output
    assert "files written, 0 unchanged: wasmcp:mcp-v20260728@0.1.0, " in done.output
    assert Path("wit/deps/wasmcp-mcp-v20260728/types.wit").is_file()
    Path("wit/deps/wasi-io/io.wit").write_text("changed")
    refused = run("deps")
    assert (refused.exit_code, "io.wit" in refused.output) == (1, True)
    assert run("deps", "--force").output.startswith("wit/deps: 1 files written")


def test_show_the_list_of_packages() -> None:
    listed = run("show").output
    assert "wasi:io@0.2.8\n  interfaces: error, poll, streams\n" in listed
    found = {package["name"]: package for package in json.loads(run("show", "--json").output)}
    assert found["wasmcp:embedding"]["interfaces"] == ["exchange", "tasks"]


@pytest.mark.parametrize("name", ["tools", "wasmcp:mcp-v20260728/tools", "wasmcp:mcp-v20260728/tools@0.1.0"])
def test_show_an_interface(name: str) -> None:
    done = run("show", name)
    assert "interface tools {" in done.output
    assert "interface resources {" not in done.output


def test_show_a_package() -> None:
    assert run("show", "wasi:random").output.startswith("package wasi:random@")
    assert "package wasi:random@" in json.loads(run("show", "wasi:random", "--json").output)["wit"]


def test_show_an_unknown_name() -> None:
    done = run("show", "tool")
    assert done.exit_code == 1
    assert "unknown package, interface or world `tool`; did you mean `tools`?" in done.output


def test_types_for_editors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("types")
    assert done.exit_code == 0, done.output
    assert "tsconfig.json: refers editors to these types" in done.output
    assert 'declare module "wasmcp:mcp-v20260728/messages@0.1.0" {' in Path(".wasmcp/wit.d.ts").read_text("utf-8")
    assert Path(".wasmcp/index.ts").is_file()
    assert Path(".wasmcp/.gitignore").read_text("utf-8") == "*\n"
    Path("tsconfig.json").write_text("{}", "utf-8")
    assert "tsconfig.json" not in run("types").output
    assert Path("tsconfig.json").read_text("utf-8") == "{}"
