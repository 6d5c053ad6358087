from __future__ import annotations

import json

from wasmcp.project.sbom import render

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


def test_what_it_says() -> None:
    bom = json.loads(render("demo", "default", ENTRY))
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
    bom = json.loads(render("demo", "default", {**ENTRY, "components": [remote]}))
    (part,) = (part for part in bom["components"] if part["name"] == "calc")
    assert part["version"] == "1.3.0"
    assert part["hashes"] == [{"alg": "SHA-256", "content": "55" * 32}]
    assert part["purl"].startswith(f"pkg:oci/calc@{digest}?repository_url=registry.example.com/acme/calc&tag=1.3.0")
    assert {"name": "wasmcp:source", "value": remote["source"]} in part["properties"]


def test_it_is_reproducible() -> None:
    first = render("demo", "default", ENTRY)
    assert first == render("demo", "default", ENTRY)
    assert "timestamp" not in first
    other = json.loads(render("demo", "default", {**ENTRY, "digest": "sha256:" + "99" * 32}))
    assert other["serialNumber"] != json.loads(first)["serialNumber"]
