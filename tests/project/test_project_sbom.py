from __future__ import annotations

import json
import shutil
from pathlib import Path

from wasmcp.project import Cache, build, load, manifest, plan, resolve
from wasmcp.project.manifest import is_cached, render_sbom, sbom_file

ENTRY = {
    "digest": "sha256:" + "11" * 32,
    "inputs": "sha256:" + "22" * 32,
    "metadata": {"name": "demo", "version": "1.0", "description": "A demo"},
    "components": [
        {
            "name": "text",
            "digest": "sha256:" + "33" * 32,
            "language": "python",
            "toolchain": {"componentize-py": "0.25.1"},
            "grants": ["env", "http"],
            "inputs": "sha256:" + "44" * 32,
        },
        {
            "name": "vendored",
            "digest": "sha256:" + "55" * 32,
            "language": None,
            "toolchain": {},
            "grants": [],
            "inputs": "sha256:" + "66" * 32,
        },
    ],
    "framework": {"transport": "sha256:" + "77" * 32},
    "wasmcp": "0.1.0",
}


def test_content() -> None:
    bom = json.loads(render_sbom("demo", "default", ENTRY, {}))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    root = bom["metadata"]["component"]
    assert (root["name"], root["version"], root["description"]) == ("demo:default", "1.0", "A demo")
    assert root["hashes"] == [{"alg": "SHA-256", "content": "11" * 32}]
    parts = {part["name"]: part for part in bom["components"]}
    assert set(parts) == {"text", "vendored", "wasmcp-transport"}
    properties = {item["name"]: item["value"] for item in parts["text"]["properties"]}
    assert properties["wasmcp:grants"] == "env http"
    assert properties["wasmcp:toolchain:componentize-py"] == "0.25.1"
    tools = {tool["name"]: tool["purl"] for tool in bom["metadata"]["tools"]["components"]}
    assert tools == {"wasmcp": "pkg:pypi/wasmcp@0.1.0", "componentize-py": "pkg:pypi/componentize-py@0.25.1"}


def test_a_component_of_a_registry() -> None:
    digest = "sha256:" + "88" * 32
    remote = {
        **ENTRY["components"][1],
        "name": "calc",
        "package": "acme:calc",
        "version": "1.3.0",
        "source": f"oci://registry.example.com/acme/calc@{digest}",
    }
    bom = json.loads(render_sbom("demo", "default", {**ENTRY, "components": [remote]}, {}))
    (part,) = (part for part in bom["components"] if part["name"] == "calc")
    assert part["version"] == "1.3.0"
    assert part["hashes"] == [{"alg": "SHA-256", "content": "55" * 32}]
    assert part["purl"].startswith(f"pkg:oci/calc@{digest}?repository_url=registry.example.com/acme/calc&tag=1.3.0")
    assert {"name": "wasmcp:source", "value": remote["source"]} in part["properties"]


def test_the_packages_inside() -> None:
    jinja = {
        "name": "jinja2",
        "version": "3.1.6",
        "file": "j.whl",
        "digest": "sha256:" + "aa" * 32,
        "license": "BSD License",
    }
    safe = {"name": "markupsafe", "version": "3.0", "file": "m.gz", "digest": "sha256:" + "bb" * 32, "license": "MIT"}
    both = {**safe, "name": "both", "license": "MIT OR Apache-2.0"}
    text = {**ENTRY["components"][0], "dependencies": [jinja, safe]}
    other = {**text, "name": "other", "digest": "sha256:" + "cc" * 32, "dependencies": [safe, both]}
    bom = json.loads(render_sbom("demo", "default", {**ENTRY, "components": [text, other]}, {}))
    packages = {part["name"]: part for part in bom["components"] if part.get("purl", "").startswith("pkg:pypi/")}
    assert sorted(packages) == ["both", "jinja2", "markupsafe"]
    assert packages["both"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert packages["jinja2"]["purl"] == "pkg:pypi/jinja2@3.1.6"
    assert packages["jinja2"]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert packages["markupsafe"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert packages["markupsafe"]["hashes"] == [{"alg": "SHA-256", "content": "bb" * 32}]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert needs["component:text"] == ["pypi:jinja2@3.1.6", "pypi:markupsafe@3.0"]
    assert needs["component:other"] == ["pypi:both@3.0", "pypi:markupsafe@3.0"]


def test_the_libraries_inside_packages() -> None:
    parts = [
        {"purl": "pkg:cargo/ahash@0.8.12", "license": "MIT OR Apache-2.0"},
        {"purl": "pkg:cargo/odd@1.0", "license": "Something of Our Own"},
        {"purl": "pkg:@not a package url@1", "license": ""},
    ]
    core = {"name": "core", "version": "2", "file": "c.whl", "digest": "sha256:" + "aa" * 32, "license": "MIT"}
    other = {**core, "name": "other", "digest": "sha256:" + "bb" * 32, "bundled": parts[:1]}
    text = {**ENTRY["components"][0], "dependencies": [{**core, "bundled": parts}, other]}
    bom = json.loads(render_sbom("demo", "default", {**ENTRY, "components": [text]}, {}))
    found = {part["bom-ref"]: part for part in bom["components"]}
    assert found["pkg:cargo/ahash@0.8.12"] == {
        "bom-ref": "pkg:cargo/ahash@0.8.12",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "name": "ahash",
        "purl": "pkg:cargo/ahash@0.8.12",
        "type": "library",
        "version": "0.8.12",
    }
    assert found["pkg:cargo/odd@1.0"]["licenses"] == [{"license": {"name": "Something of Our Own"}}]
    assert found[parts[2]["purl"]]["name"] == parts[2]["purl"]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert needs["pypi:core@2"] == sorted(part["purl"] for part in parts)
    assert needs["pypi:other@2"] == ["pkg:cargo/ahash@0.8.12"]


def test_it_is_reproducible() -> None:
    first = render_sbom("demo", "default", ENTRY, {})
    assert first == render_sbom("demo", "default", ENTRY, {})
    assert "timestamp" not in first
    other = json.loads(render_sbom("demo", "default", {**ENTRY, "digest": "sha256:" + "99" * 32}, {}))
    assert other["serialNumber"] != json.loads(first)["serialNumber"]


def test_the_texts_of_licences_are_evidence() -> None:
    digest = "sha256:" + "aa" * 32
    fast = {"name": "fast", "version": "1.0", "file": "f.whl", "digest": digest, "license": "MIT OR Apache-2.0"}
    text = {**ENTRY["components"][0], "dependencies": [fast, {**fast, "name": "plain"}]}
    texts = {"pkg:pypi/fast@1.0": {"licenses/MIT": "Permission is hereby granted", "licenses/NOTICE": "By us"}}
    bom = json.loads(render_sbom("demo", "default", {**ENTRY, "components": [text]}, texts))
    packages = {part["name"]: part for part in bom["components"]}
    assert packages["fast"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    found = {one["license"]["name"]: one["license"]["text"] for one in packages["fast"]["evidence"]["licenses"]}
    assert found == {
        "licenses/MIT": {"content": "Permission is hereby granted", "contentType": "text/plain"},
        "licenses/NOTICE": {"content": "By us", "contentType": "text/plain"},
    }
    assert "evidence" not in packages["plain"]


def test_one_in_the_cache_is_about_the_same_server(zig_project: Path, zig_server: Path, tmp_path: Path) -> None:
    project = load(Path(shutil.copytree(zig_project, tmp_path / "project")))
    planned = plan(resolve(project, version="1.0"))
    step, cache = planned.servers["default"], Cache(tmp_path / "cache")
    component = step.components[0].inputs
    path = cache.component_path(component)
    path.parent.mkdir(parents=True)
    assert zig_server.is_file()
    shutil.copyfile(Cache().component_path(component), path)
    assert not is_cached(project, step, cache)  # nor is the component
    cache.record_component(component, {"zig": "1"})

    def bom() -> Path:
        build(planned, cache=cache)
        return sbom_file(project, "default", manifest.read(project.manifest)["default"], cache)

    assert not is_cached(project, step, cache)
    first = bom()
    assert is_cached(project, step, cache)  # the server is in the tree
    shutil.rmtree(project.directory)
    assert is_cached(project, step, cache)  # the server will be composed
    assert bom() == first

    # The same sources, compiled to other bytes or with another version of a compiler that is not pinned.
    path.write_bytes(path.read_bytes() + bytes([0, 2, 1, ord("x")]))
    cache.record_component(component, {"zig": "1"})
    assert is_cached(project, step, cache)  # the server in the tree is not composed again
    shutil.rmtree(project.directory)
    assert not is_cached(project, step, cache)
    second = bom()
    assert second != first
    assert json.loads(second.read_bytes())["serialNumber"] != json.loads(first.read_bytes())["serialNumber"]
    cache.record_component(component, {"zig": "2"})
    shutil.rmtree(project.directory)
    assert not is_cached(project, step, cache)
    versions = [one["version"] for one in json.loads(bom().read_bytes())["metadata"]["tools"]["components"]]
    assert "2" in versions

    # One that was changed, or belongs to another server.
    bom().write_bytes(first.read_bytes())
    assert not is_cached(project, step, cache)
    assert bom().read_bytes() != first.read_bytes()
