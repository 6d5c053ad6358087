"""`wasmcp.lock`: its format, and projects that build with its pins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import tools_component
from support.projects import write_project
from support.registries import docker_registry, namespaces, needs_registry, proxy

from wasmcp.cli.group import commands
from wasmcp.errors import ConfigError, IntegrityError, LockDriftError, UnknownPackageError
from wasmcp.host import open_server
from wasmcp.project import build, load, lock_entries, plan, resolve
from wasmcp.project.manifest import read as read_manifest
from wasmcp.registry import lock
from wasmcp.registry.lock import Lock, Pin, ToolchainPin
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.transfers import push
from wasmcp.storage import digest_of_bytes

PROJECT = {
    "pyproject.toml": """
[project]
name = "shop"
version = "1.0.0"
[tool.wasmcp]
package = "shop"
[tool.wasmcp.components.calc]
package = "acme:calc@^1"
[tool.wasmcp.servers.default]
components = ["calc"]
""",
    "shop/__init__.py": "",
}

_digest = st.binary(max_size=4).map(digest_of_bytes)
_text = st.text(max_size=20)
_pins = st.builds(Pin, _text, _text, _text, _text, _digest, _digest, st.integers(0, 1 << 40))
_tools = st.builds(ToolchainPin, _text, _text, st.dictionaries(_text, _digest, max_size=2))


@given(
    st.lists(_pins, max_size=4, unique_by=lambda pin: (pin.package, pin.requirement)),
    st.lists(_tools, max_size=3, unique_by=lambda tool: tool.name),
)
def test_written_lock_is_read(
    tmp_path_factory: pytest.TempPathFactory, pins: list[Pin], tools: list[ToolchainPin]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    written = Lock(
        tuple(sorted(pins, key=lambda pin: (pin.package, pin.requirement))),
        tuple(sorted(tools, key=lambda tool: tool.name)),
    )
    lock.write(folder, written)
    assert lock.read(folder) == written
    assert not lock.write(folder, written), "the same again changes nothing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2", "`version` must be 1, not 2"),
        ("version", "not TOML"),
        ("version = 1\ncomponent = 3", "`component` must be an array of tables"),
        (
            'version = 1\n[[component]]\npackage = "a:b"\ndigest = "sha256:1"',
            "`component[0]`: missing or invalid: `req",
        ),
        ('version = 1\n[[toolchain]]\nname = "x"', "`toolchain[0]`"),
    ],
)
def test_damaged_lock_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "wasmcp.lock").write_text(text)
    with pytest.raises(ConfigError) as caught:
        lock.read(tmp_path)
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def place(registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A namespace `acme` of its own with `calc` in the versions 1.0.0, 1.1.0 and 2.0.0, and an empty cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    where = f"{registry}/t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    namespaces(monkeypatch, tmp_path / "publisher", acme=where)
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        publish(tmp_path, version)
    namespaces(monkeypatch, tmp_path, acme=where)
    return where


def publish(folder: Path, version: str) -> None:
    path = folder / "calc.wasm"
    path.write_bytes(tools_component(version, "add"))
    push(path, f"acme:calc@{version}", Resolver(namespace_policy.load(), Store()))


def answer(path: Path) -> str:
    with open_server(path, quick=True) as server:
        return server.call_tool("add", {}).text


def run(*arguments: str) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@needs_registry
def test_building_with_a_package_pins_it(place: str, tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop", PROJECT)
    (built,) = build(plan(resolve(load(root))))
    assert answer(built) == "1.1.0"
    (pin,) = lock.read(root).components
    assert (pin.package, pin.requirement, pin.version) == ("acme:calc", "^1", "1.1.0")
    assert pin.source == f"oci://{place}/calc"
    assert pin.digest == digest_of_bytes(tools_component("1.1.0", "add"))
    (entry,) = read_manifest(load(root).manifest)["default"]["components"]
    assert entry["package"] == "acme:calc"
    assert entry["source"] == f"{pin.source}@{pin.manifest}"
    text = (root / "wasmcp.lock").read_text()

    publish(tmp_path, "1.2.0")
    assert build(plan(resolve(load(root))), force=True) == (built,)
    assert answer(built) == "1.1.0", "a newer version changes nothing"
    assert (root / "wasmcp.lock").read_text() == text

    assert "1.1.0" in run("lock", "--project", str(root), "--upgrade", "acme:calc")
    build(plan(resolve(load(root))))
    assert answer(built) == "1.2.0"


@needs_registry
def test_locked_and_cached_packages_need_no_network(
    registry: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(registry) as front:
        namespaces(monkeypatch, tmp_path, acme=place.replace(registry, front.host))
        root = write_project(tmp_path / "shop", PROJECT)
        (built,) = build(plan(resolve(load(root))))
        assert front.seen
        front.seen.clear()
        built.unlink()
        locked = lock_entries.options_for(root, offline=True, locked=True)
        build(plan(resolve(load(root), fetching=locked)))
        assert answer(built) == "1.1.0"
        assert run("build", "--project", str(root), "--locked", "--offline", "--force")
        build(plan(resolve(load(root))), force=True)
        assert front.seen == []
        monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "empty"))
        with pytest.raises(UnknownPackageError, match="offline"):
            build(plan(resolve(load(root), fetching=locked)), force=True)


@needs_registry
def test_locked_fails_on_drift(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_project(tmp_path / "shop", PROJECT)
    locked = lock_entries.options_for(root, locked=True)
    with pytest.raises(LockDriftError, match=r"`acme:calc@\^1` is not in it"):
        plan(resolve(load(root), fetching=locked))
    assert not (root / "wasmcp.lock").exists()
    run("lock", "--project", str(root))
    plan(resolve(load(root), fetching=locked))
    run("lock", "--project", str(root), "--check")
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("@^1", "@^2"))
    monkeypatch.setenv("WASMCP_LOCKED", "1")
    with pytest.raises(LockDriftError):
        plan(resolve(load(root)))
    done = CliRunner().invoke(commands, ["lock", "--project", str(root), "--check"])
    assert done.exit_code == 1
    assert "`acme:calc@^2` is not in it" in done.output
    assert "`acme:calc@^1` is in it, but the project does not use it" in done.output
    monkeypatch.delenv("WASMCP_LOCKED")
    changes = json.loads(CliRunner().invoke(commands, ["lock", "--project", str(root), "--json"]).stdout)
    assert [change["name"] for change in changes] == ["acme:calc@^1", "acme:calc@^2"]
    assert lock.read(root).components[0].version == "2.0.0"


@needs_registry
def test_registry_that_disagrees_with_the_lock_is_refused(place: str, tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop", PROJECT)
    run("lock", "--project", str(root))
    before = lock.read(root)
    lock.write(root, replace(before, components=(replace(before.components[0], digest=digest_of_bytes(b"x")),)))
    with pytest.raises(IntegrityError, match="the lock has"):
        build(plan(resolve(load(root))))


@needs_registry
def test_upgrade_of_an_unknown_package(place: str, tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop", PROJECT)
    done = CliRunner().invoke(commands, ["lock", "--project", str(root), "--upgrade", "acme:clac"])
    assert done.exit_code == 1
    assert "has no package `acme:clac` (it has: `acme:calc`)" in done.output
    assert not (root / "wasmcp.lock").exists()


def test_compilers_are_pinned_with_their_files(tmp_path: Path) -> None:
    root = write_project(tmp_path / "p", {"pyproject.toml": "[tool.wasmcp]\n"})
    after, changes = lock_entries.relock(root, {"pytest": pytest.__version__}, lock_entries.options_for(root))
    assert [change.name for change in changes] == ["pytest"]
    lock.write(root, after)
    (tool,) = lock.read(root).toolchains
    ((tag, digest),) = tool.digests.items()
    assert tag.startswith("py")
    assert lock_entries.drift(root, {"pytest": pytest.__version__}) == []
    assert "the project is compiled with" in lock_entries.drift(root, {"pytest": "0.1"})[0]
    assert "`zig` is not in it" in lock_entries.drift(root, {"zig": "1"})[0]
    lock.write(root, Lock((), (replace(tool, digests={tag: digest_of_bytes(b"other")}),)))
    assert "installed with other files" in lock_entries.drift(root, {"pytest": pytest.__version__})[0]
    lock.write(root, Lock((), (replace(tool, digests={"other-platform": digest}),)))
    assert lock_entries.drift(root, {"pytest": pytest.__version__}) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('package = "acme:calc"\npath = "x.wasm"', "not `path` and `package`"),
        ('package = "Acme"', "not `NAMESPACE:NAME`"),
        ('package = "acme:calc@one"', "`one` is not a version or a range"),
        ('package = "acme:calc"\nlanguage = "zig"', "a package is not compiled"),
        ("", "has none of them"),
    ],
)
def test_mistakes_in_the_table_of_a_package(tmp_path: Path, text: str, message: str) -> None:
    root = write_project(tmp_path, PROJECT)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('package = "acme:calc@^1"', text))
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert message in str(caught.value)


def test_mistakes_in_registry_keys(tmp_path: Path) -> None:
    root = write_project(tmp_path, PROJECT)
    tables = """
[tool.wasmcp.namespaces]
Acme = "ghcr.io/acme"
other = "not a place"
[tool.wasmcp.policy]
require-signature = 1
sign = true
[tool.wasmcp.policy.keys]
acme = [1]
"""
    (root / "pyproject.toml").write_text(PROJECT["pyproject.toml"] + tables)
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert len(caught.value.problems) == 5
    assert "`tool.wasmcp.namespaces.Acme` is not a namespace" in str(caught.value)
