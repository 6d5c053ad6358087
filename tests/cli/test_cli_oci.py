"""The commands that talk to registries."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.compose_inputs import tools_component
from support.registries import docker_registry, namespaces, needs_registry

from wasmcp.cli.group import commands
from wasmcp.component.canonical_abi import TRAP
from wasmcp.component.constant_component import constants
from wasmcp.compose.framework import load_framework
from wasmcp.compose.interfaces import TOOLS
from wasmcp.project import catalogue_recording, provenance
from wasmcp.registry.oci import references, transfers
from wasmcp.registry.oci.manifests import CATALOGUE
from wasmcp.storage import digest_of_bytes


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def place(registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    where = f"{registry}/t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    namespaces(monkeypatch, tmp_path, acme=where, wasmcp="127.0.0.1:1/wasmcp")
    return where


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def write(path: Path, text: str) -> bytes:
    path.write_bytes(tools_component(text, "add"))
    return path.read_bytes()


@needs_registry
def test_push_then_versions_and_pull(place: str, tmp_path: Path) -> None:
    data = write(tmp_path / "calc.wasm", "one")
    for number in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        pushed = run("push", "calc.wasm", f"acme:calc@{number}").strip()
        assert pushed.startswith(f"oci://{place}/calc:{number}@sha256:")
    assert run("versions", "acme:calc").split() == ["2.0.0-rc.1", "1.1.0", "1.0.0"]
    assert json.loads(run("versions", "acme:calc@^1", "--json")) == ["1.1.0", "1.0.0"]
    assert run("versions", f"oci://{place}/calc", "--offline").split()[0] == "2.0.0-rc.1"
    assert run("pull", "acme:calc@^1", "-o", "got.wasm") == "got.wasm\n"
    assert (tmp_path / "got.wasm").read_bytes() == data
    (entry,) = (json.loads(line) for line in run("pull", "acme:calc", "--json").splitlines())
    assert entry["digest"] == digest_of_bytes(data)
    assert entry["reference"].startswith("acme:calc@1.1.0@sha256:")
    assert run("pull", "acme:calc", "acme:calc@1.0.0", "--deps-dir", "deps").splitlines() == [
        "deps/acme_calc.wasm",
        "deps/acme_calc@1.0.0.wasm",
    ]
    assert "for one REFERENCE" in run("pull", "acme:calc", "acme:calc@1.0.0", "-o", "x.wasm", code=2)
    assert "available are `2.0.0-rc.1`, `1.1.0`, `1.0.0`" in run("pull", "acme:calc@9.0.0", code=1)


@needs_registry
def test_yank_a_version(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    run("push", "calc.wasm", "acme:calc@1.0.0")
    assert "withdrawn" in run("yank", "acme:calc@1.0.0", "--reason", "wrong sums")
    assert "`1.0.0` was withdrawn: wrong sums" in run("pull", "acme:calc", code=1)
    run("yank", "acme:calc@1.0.0", "--undo")
    assert run("pull", "acme:calc")


@needs_registry
def test_search_a_registry(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    for name in ("calc", "calc-more", "text"):
        run("push", "calc.wasm", f"acme:{name}@1.0.0")
    assert run("search", "calc", "--namespace", "acme").split() == ["acme:calc", "acme:calc-more"]
    assert json.loads(run("search", "--namespace", "acme", "--json")) == ["acme:calc", "acme:calc-more", "acme:text"]
    assert "`other` is not configured" in run("search", "--namespace", "other", code=2)
    assert "does not list its repositories" in run("search", "--namespace", "wasmcp", code=1)


@needs_registry
def test_description_of_a_pushed_component(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://example.com/calc"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    arguments = ["--annotation", "team=sums", "--description", "adds", "--licence", "Apache-2.0"]
    run("push", "calc.wasm", "acme:calc@1.0.0", *arguments)
    said = transfers.resolver_for(None).resolve(references.parse("acme:calc@1.0.0")).artifact.annotations
    assert said["org.opencontainers.image.source"] == "https://example.com/calc"
    assert len(said["org.opencontainers.image.revision"]) == 40
    assert said["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert said["team"] == "sums"
    subprocess.run([*git, "remote", "set-url", "origin", "https://ann:secret@example.com/calc"], check=True)
    assert "org.opencontainers.image.source" not in provenance.of_checkout(tmp_path)
    assert "is not KEY=VALUE" in run("push", "calc.wasm", "acme:calc@1.1.0", "--annotation", "team", code=2)


@needs_registry
def test_package_is_composed(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    run("push", "calc.wasm", "acme:calc@1.0.0")
    run("compose", "server", "acme:calc@^1", "-o", "server.wasm")
    from wasmcp.host import open_server

    with open_server(tmp_path / "server.wasm", quick=True) as server:
        assert server.call_tool("add", {}).text == "one"


@needs_registry
def test_catalogue_is_pushed_with_the_component(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "calc.wasm", "one")
    run("push", "calc.wasm", "acme:calc@1.0.0")
    run("push", "calc.wasm", "acme:calc@2.0.0", "--no-catalogue")
    booted: list[str] = []
    boot = catalogue_recording.boot
    monkeypatch.setattr(catalogue_recording, "boot", lambda name, data: (booted.append(name), boot(name, data))[1])
    # A user with an empty cache.
    namespaces(monkeypatch, tmp_path / "another", acme=place)
    report = json.loads(run("compose", "server", "acme:calc@1.0.0", "-o", "one.wasm", "--json"))
    assert (report["tools"], booted) == (["add"], [])
    run("compose", "server", "acme:calc@2.0.0", "-o", "two.wasm")
    assert booted == ["calc"]
    # A catalogue of another component is ignored.
    other = catalogue_recording.Catalogue(digest=digest_of_bytes(b"another")).to_json()
    run("push", "calc.wasm", "acme:calc@3.0.0", "--annotation", f"{CATALOGUE}={other}")
    problem = run("compose", "server", "acme:calc@3.0.0", "-o", "three.wasm", code=1)
    assert "the catalogue in its manifest was recorded for another component" in problem
    assert digest_of_bytes(data) not in other


@needs_registry
def test_component_that_does_not_boot_is_pushed(place: str, tmp_path: Path) -> None:
    traps = constants({TOOLS: load_framework()["tools-middleware"].wants(TOOLS)}, lambda *_: TRAP)
    (tmp_path / "trap.wasm").write_bytes(traps)
    done = CliRunner().invoke(commands, ["push", "trap.wasm", "acme:trap@1.0.0"])
    assert done.exit_code == 0, done.output
    assert "no catalogue is attached" in done.stderr
    run(
        "compose",
        "server",
        "acme:trap@1.0.0",
        "-o",
        "trap-server.wasm",
        "--dynamic",
        "trap",
        "--grant",
        "trap=middleware",
    )
    run("push", "trap-server.wasm", "acme:whole@1.0.0")


@needs_registry
def test_manifest_and_bill_of_materials(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    (tmp_path / "text.wasm").write_bytes(tools_component("text", "reverse"))
    run("push", "calc.wasm", "acme:calc@1.0.0")
    beside = ["--manifest", "out/manifest.json", "--sbom", "out/all.cdx.json"]
    (tmp_path / "out").mkdir()
    run("compose", "server", "acme:calc@^1", "./text.wasm", "-o", "out/all.wasm", "--grant", "text=env", *beside)
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["servers"]["all"]
    assert entry["digest"] == digest_of_bytes((tmp_path / "out" / "all.wasm").read_bytes())
    assert [tool["name"] for tool in entry["catalogue"]["tools"]] == ["add", "reverse"]
    calc, text = entry["components"]
    assert (calc["package"], calc["version"], text["grants"]) == ("acme:calc", "1.0.0", ["env"])
    assert calc["source"].startswith(f"oci://{place}/calc@sha256:")
    bill = json.loads((tmp_path / "out" / "all.cdx.json").read_text())
    assert {part["name"] for part in bill["components"]} >= {"calc", "text", "wasmcp-transport"}
    assert any(part.get("purl", "").startswith("pkg:oci/calc@sha256") for part in bill["components"])
    assert "built by: wasmcp" in run("inspect", "out/all.wasm")
    # Another server joins it; the first one stays.
    run("compose", "server", "./text.wasm", "-o", "out/one.wasm", *beside[:2])
    assert set(json.loads((tmp_path / "out" / "manifest.json").read_text())["servers"]) == {"all", "one"}
    assert "cannot be written" in run("compose", "server", "./text.wasm", "-o", "x.wasm", "--sbom", "out", code=1)


@needs_registry
def test_cache_of_pulled_components(place: str, tmp_path: Path) -> None:
    write(tmp_path / "calc.wasm", "one")
    run("push", "calc.wasm", "acme:calc@1.0.0")
    before = json.loads(run("cache", "info", "--json"))["registry"]
    assert before["files"] == 2  # configuration and component
    assert before["bytes"] > (tmp_path / "calc.wasm").stat().st_size
    assert "registry" in run("cache", "info")
    assert "removed 0 files" in run("cache", "prune", "--days", "1")
    assert "removed 3 files" in run("cache", "prune", "--all")  # and what it offers
    assert json.loads(run("cache", "info", "--json"))["registry"]["files"] == 0
    assert run("pull", "acme:calc@1.0.0")


@needs_registry
def test_grants_are_pushed_as_annotations(place: str, tmp_path: Path) -> None:
    (tmp_path / "mw.wasm").write_bytes(tools_component("mine", "mine", handler=True))
    write(tmp_path / "calc.wasm", "one")
    run("compose", "server", "mw.wasm", "calc.wasm", "--grant", "mw=middleware", "-o", "server.wasm")

    def annotations(name: str) -> Mapping[str, str]:
        run("push", f"{name}.wasm", f"acme:{name}@1.0.0")
        return transfers.resolver_for(None).resolve(references.parse(f"acme:{name}@1.0.0")).artifact.annotations

    said = {name: annotations(name) for name in ("mw", "calc", "server")}
    assert said["mw"]["dev.wasmcp.wants"] == "middleware"
    assert not {"dev.wasmcp.wants", "dev.wasmcp.grants"} & set(said["calc"])
    assert json.loads(said["server"]["dev.wasmcp.grants"]) == {"mw": ["middleware"], "calc": []}
