"""Servers composed of packages from a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.compose_inputs import dead_end, tools_component
from support.registries import docker_registry, forget, namespaces, needs_registry, publish

from wasmcp.cli.group import commands
from wasmcp.host import open_server
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.transfers import push

pytestmark = needs_registry


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(commands, list(arguments))
    assert done.exit_code == code, done.output
    return done


def test_server_composed_of_packages_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.wasm").write_bytes(tools_component("text", "reverse"))
    with docker_registry(tmp_path / "registry") as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        publish(tmp_path, "1.0.0", "1.2.0", "2.0.0")
        (tmp_path / "end.wasm").write_bytes(dead_end())
        push(tmp_path / "end.wasm", "acme:end@1.0.0", Resolver(namespace_policy.load(), Store()))
        run("registry", "component", "add", "calc", "acme:calc@^1")
        run("registry", "profile", "add", "all", "calc", "./text.wasm", "-o", "./all.wasm")

        # An alias of a range and a file; a framework component comes from the registry as well.
        replaced = ("--override", "method-not-found=acme:end@1.0.0")
        report = json.loads(run("compose", "server", "all", *replaced, "--json").stdout)
        calc, text = report["components"]
        assert "calc" in calc["source"]
        assert "1.2.0" in calc["source"]
        assert "sha256:" in calc["source"]
        assert (text["source"], report["replaced"]) == (str(tmp_path / "text.wasm"), ["method-not-found"])
        with open_server(tmp_path / "all.wasm", instances=1, quick=True) as server:
            assert [tool.name for tool in server.list_tools()] == ["add", "reverse"]
            assert server.call_tool("add").text == "1.2.0"

        # A place instead of a name; a copy of what was fetched.
        run("compose", "server", f"oci://{host}/team/calc:2.0.0", "--deps-dir", "deps", "-o", "two.wasm")
        (copy,) = (tmp_path / "deps").iterdir()
        assert copy.read_bytes() == tools_component("2.0.0", "add")

        # What there is not, and what is not locked.
        missing = run("compose", "server", "acme:calc@^3", "-o", "three.wasm", code=1).output
        assert "2.0.0" in missing
        assert "not in it" in run("compose", "server", "acme:calc", "--locked", "-o", "three.wasm", code=1).output
        assert not (tmp_path / "three.wasm").exists()

    # The registry does not exist any more: cached packages compose to the same bytes, others are refused.
    before = (tmp_path / "all.wasm").read_bytes()
    run("compose", "server", "all", *replaced, "--offline", "--force")
    assert (tmp_path / "all.wasm").read_bytes() == before
    run("compose", "server", "acme:text", "-o", "three.wasm", "--offline", code=1)
    forget(tmp_path, monkeypatch)
    run("compose", "server", "all", "--skip-download", "--force", code=1)
    assert (tmp_path / "all.wasm").read_bytes() == before
