"""A project with a component of a registry: its source distribution is built into a wheel with the locked component."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.projects import write_project
from support.registries import docker_registry, namespaces, needs_registry

from wasmcp.registry.oci import transfers
from wasmcp.storage import digest_of_bytes

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "1.0.0"
[tool.hatch.build.targets.sdist]
include = ["shop"]
[tool.hatch.build.hooks.wasmcp]
[tool.wasmcp.components.calc]
package = "acme:calc@^1"
[tool.wasmcp.servers.default]
components = ["calc"]
"""


@needs_registry
def test_from_sources_to_wheel_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hatchling) -> None:
    data = tools_component("one", "add")
    root = write_project(tmp_path / "shop", {"pyproject.toml": PROJECT, "shop/__init__.py": ""})
    with docker_registry(tmp_path / "registry") as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        (tmp_path / "calc.wasm").write_bytes(data)
        transfers.push(tmp_path / "calc.wasm", "acme:calc@1.0.0", transfers.resolver_for(None))
        refused = hatchling(root, "-t", "wheel", ok=False, WASMCP_LOCKED="1")
        assert "`acme:calc@^1` is not in it" in refused.stdout + refused.stderr
        assert "Traceback" not in refused.stderr
        hatchling(root, "-t", "wheel")
        hatchling(root, "-t", "sdist")
    with tarfile.open(root / "dist" / "shop-1.0.0.tar.gz") as archive:
        assert "shop-1.0.0/wasmcp.lock" in archive.getnames()
        archive.extractall(tmp_path / "unpacked", filter="data")
    # The registry does not exist any more.
    unpacked = tmp_path / "unpacked" / "shop-1.0.0"
    hatchling(unpacked, "-t", "wheel", WASMCP_LOCKED="1", WASMCP_OFFLINE="1")
    wheels = [next((folder / "dist").glob("*.whl")) for folder in (root, unpacked)]
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[1]) as archive:
        bom = json.loads(archive.read("shop-1.0.0.dist-info/sboms/shop-default.cdx.json"))
    (calc,) = (part for part in bom["components"] if part["name"] == "calc")
    assert calc["version"] == "1.0.0"
    assert f"sha256:{calc['hashes'][0]['content']}" == digest_of_bytes(data)
    assert f"repository_url={host}/team/calc" in calc["purl"]
