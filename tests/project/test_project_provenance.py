"""Build provenance of a server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from click.testing import CliRunner
from support.compose_inputs import tools_component
from support.projects import write_project

from wasmcp.cli.group import commands
from wasmcp.project.provenance import checkout_of, render
from wasmcp.storage import digest_of_file

PROJECT = {
    "pyproject.toml": """
[project]
name = "shop"
version = "1.0.0"
[tool.wasmcp]
package = "shop"
[tool.wasmcp.components.calc]
path = "calc.wasm"
grants = ["env"]
[tool.wasmcp.servers.default]
components = ["calc"]
""",
    "shop/__init__.py": "",
    ".gitignore": "_wasmcp/\n",
}


def project(folder: Path) -> Path:
    root = write_project(folder / "shop", PROJECT)
    (root / "calc.wasm").write_bytes(tools_component("one", "add"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://example.com/shop"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    return root


def run(*arguments: str) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_statement(tmp_path: Path) -> None:
    root = project(tmp_path)
    text = run("provenance", "--project", str(root))
    statement = json.loads(text)
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    built = digest_of_file(root / "shop" / "_wasmcp" / "default.wasm").removeprefix("sha256:")
    assert statement["subject"] == [{"name": "default.wasm", "digest": {"sha256": built}}]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["components"] == {"calc": {"grants": ["env"], "dynamic": False}}
    assert definition["internalParameters"]["modified"] is False
    parts = {part["name"]: part for part in definition["resolvedDependencies"]}
    assert parts["component/calc"]["digest"]["sha256"] == digest_of_file(root / "calc.wasm").removeprefix("sha256:")
    assert parts["sources"]["uri"] == "git+https://example.com/shop"
    assert len(parts["sources"]["digest"]["gitCommit"]) == 40
    assert "framework/transport" in parts
    assert run("provenance", "--project", str(root)) == text
    (root / "pyproject.toml").write_text(PROJECT["pyproject.toml"] + "# changed\n")
    assert checkout_of(root)["modified"]


def test_the_bill_of_materials(tmp_path: Path) -> None:
    bom = json.loads(run("provenance", "default", "--project", str(project(tmp_path)), "--sbom"))
    assert bom["bomFormat"] == "CycloneDX"
    assert "calc" in {part["name"] for part in bom["components"]}


def test_a_component_of_a_registry_and_no_checkout(tmp_path: Path) -> None:
    component = {"name": "calc", "digest": "sha256:11", "toolchain": {}, "grants": [], "dynamic": False}
    remote = {**component, "source": "oci://registry.example.com/calc@sha256:22"}
    compiled = {**component, "name": "text", "toolchain": {"ziglang": "0.17.1"}}
    entry = {
        "file": "default.wasm",
        "digest": "sha256:33",
        "inputs": "sha256:44",
        "metadata": {},
        "components": [remote, compiled],
        "framework": {},
        "wasmcp": "0.1.0",
    }
    assert checkout_of(tmp_path) == {}
    statement = json.loads(render("default", entry, {}))
    assert statement["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {"name": "component/calc", "digest": {"sha256": "11"}, "uri": "oci://registry.example.com/calc@sha256:22"},
        {"name": "component/text", "digest": {"sha256": "11"}},
        {"name": "ziglang", "uri": "pkg:pypi/ziglang@0.17.1"},
    ]
