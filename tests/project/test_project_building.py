"""Builds of hand-made components: composed, booted for their catalogues, written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import tools_beside

from wasmcp import errors
from wasmcp.declaration_section import declares
from wasmcp.host import open_server
from wasmcp.project import SKIP, build_steps, ensure_built, load, manifest, plan, resolve, stale
from wasmcp.project.events import (
    BuildEvent,
    CatalogueRecorded,
    CompilationFailed,
    CompilationStarted,
    Note,
    ServerComposed,
)
from wasmcp.storage import Cache, digest_of_bytes, digest_of_file

SERVERS = """
[tool.wasmcp.servers.default]
components = ["one"]
"""


def make(root: Path, components: dict[str, bytes], servers: str = SERVERS, **options: str) -> Path:
    tables = "".join(
        f'[tool.wasmcp.components.{name}]\npath = "vendor/{name}.wasm"\n{options.get(name, "")}\n'
        for name in components
    )
    project = '[project]\nname = "demo"\nversion = "1.0"\n'
    for folder in ("src/demo", "vendor"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(project + tables + servers)
    (root / "src/demo/__init__.py").touch()
    for name, data in components.items():
        (root / "vendor" / f"{name}.wasm").write_bytes(data)
    return root


def listing(*names: str, schema: str = '{"type":"object"}') -> str:
    quoted = schema.replace('"', '\\"')
    items = ", ".join(f'.{{ .name = "{name}", .input_schema = "{quoted}" }}' for name in names)
    return f"return .{{ .ok = .{{ .items = &.{{ {items} }} }} }};"


@pytest.fixture(autouse=True)
def cache(empty_cache: Path) -> Cache:
    """Return an empty cache."""
    return Cache()


@pytest.fixture
def one(handmade: Any) -> bytes:
    return handmade(listing("add", "sub")).read_bytes()


def entry(root: Path, key: str = "default") -> dict[str, Any]:
    return manifest.read(load(root).manifest)[key]


def test_a_server_is_built_once(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one})
    events: list[BuildEvent] = []
    path = ensure_built(root, progress=events.append)
    assert path == root / "src/demo/_wasmcp/default.wasm"
    assert [tool["name"] for tool in entry(root)["catalogue"]["tools"]] == ["add", "sub"]
    assert entry(root)["components"][0]["language"] is None
    recorded, composed = events
    assert isinstance(recorded, CatalogueRecorded)
    assert isinstance(composed, ServerComposed)
    assert composed == ServerComposed("default", "src/demo/_wasmcp/default.wasm", path.stat().st_size, composed.seconds)
    before = path.stat().st_mtime_ns
    ensure_built(root, progress=events.append)
    assert (len(events), path.stat().st_mtime_ns) == (2, before)


def test_built_server_answers(tmp_path: Path, one: bytes) -> None:
    from wasmcp.host import open_server

    path = ensure_built(make(tmp_path / "demo", {"one": one}))
    with open_server(path) as server:
        assert [tool.name for tool in server.list_tools()] == ["add", "sub"]


def test_settings_of_a_server(tmp_path: Path, one: bytes) -> None:
    servers = SERVERS + 'settings = { WASMCP_ALLOWED_HOSTS = "example.com" }\n'
    root = make(tmp_path / "demo", {"one": one}, servers)
    with open_server(ensure_built(root)) as server:
        assert server.http("POST", headers={"Host": "localhost"}, body="{}").status == 403
        assert server.http("POST", headers={"Host": "example.com"}, body="{}").status != 403


def test_settings_that_cannot_be_baked_in(tmp_path: Path, one: bytes) -> None:
    servers = SERVERS + 'environment = true\nsettings = { WASMCP_STATE_KEYS = "x", WASMCP_DISABLE_SSE = true }\n'
    root = make(tmp_path / "demo", {"one": one}, servers)
    with pytest.raises(errors.ConfigError) as raised:
        ensure_built(root)
    words = str(raised.value)
    assert "settings.WASMCP_STATE_KEYS` is a secret" in words
    assert "settings.WASMCP_DISABLE_SSE` must be a string" in words
    assert "are mutually exclusive" in words


def test_extensions_of_a_component_and_of_a_server(tmp_path: Path, one: bytes) -> None:
    servers = SERVERS + 'extensions = { "com.example/b" = { n = 1 } }\n'
    root = make(tmp_path / "demo", {"one": one}, servers, one='extensions = { "com.example/a" = {} }')
    path = ensure_built(root)
    expected = {"com.example/a": {}, "com.example/b": {"n": 1}}
    assert entry(root)["capabilities"]["extensions"] == expected
    with open_server(path, instances=1, quick=True) as server:
        assert server.discover()["capabilities"]["extensions"] == expected
    built = build_steps.build_component(load(root), "one")
    assert declares(built.data).extensions == {"com.example/a": {}}
    assert built.digest == digest_of_bytes(built.data)
    assert built.catalogue is not None
    assert built.catalogue.digest == built.digest
    assert stale(plan(resolve(load(root)))) == []
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text().replace("example/a", "example/c"))
    assert stale(plan(resolve(load(root)))) == ["default"]


def test_the_catalogue_is_recorded_once_a_component(
    tmp_path: Path, one: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wasmcp.project.catalogue_recording as module

    ensure_built(make(tmp_path / "demo", {"one": one}))

    def boot(*_: object) -> None:
        raise AssertionError("booted a second time")

    monkeypatch.setattr(module, "boot", boot)
    ensure_built(make(tmp_path / "other", {"one": one}))
    next((tmp_path / "cache" / "catalogues").iterdir()).write_text("damaged")
    with pytest.raises(AssertionError, match="booted a second time"):
        ensure_built(make(tmp_path / "third", {"one": one}))


def test_a_dynamic_component_has_no_catalogue(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one}, one='dynamic = true\ngrants = ["middleware"]')
    ensure_built(root)
    assert entry(root)["catalogue"] is None
    assert entry(root)["components"][0]["dynamic"] is True
    assert not (tmp_path / "cache" / "catalogues").exists()


def test_custom_handler_is_dynamic(tmp_path: Path, one: bytes, passing_on: Path) -> None:
    from wasmcp.host import open_server

    servers = '[tool.wasmcp.servers.default]\ncomponents = ["link", "one"]\n'
    root = make(
        tmp_path / "demo", {"one": one, "link": passing_on.read_bytes()}, servers, link='grants = ["middleware"]'
    )
    path = ensure_built(root)
    assert entry(root)["catalogue"] is None
    with open_server(path) as server:
        assert [tool.name for tool in server.list_tools()] == ["add", "sub"]


def test_rate_limits_of_tools_that_do_not_exist_are_refused(tmp_path: Path, one: bytes) -> None:
    servers = (
        '[tool.wasmcp.servers.default]\ncomponents = ["one"]\nlimits.tool = { add = "1/minute", subb = "9/hour" }\n'
    )
    root = make(tmp_path / "demo", {"one": one}, servers)
    with pytest.raises(errors.ConfigError) as caught:
        ensure_built(root)
    (problem,) = caught.value.problems
    assert problem.startswith("`tool.wasmcp.servers.default.limits.tool` names `subb`, which is not a tool")
    assert problem.endswith("did you mean `sub`?")
    make(root, {"one": one}, servers.replace("subb", "sub"))
    assert ensure_built(root).is_file()


def test_two_components_with_one_name(tmp_path: Path, one: bytes, handmade: Any) -> None:
    both = {"one": one, "two": handmade(listing("mul", "sub")).read_bytes()}
    servers = '[tool.wasmcp.servers.default]\ncomponents = ["one", "two"]\n'
    root = make(tmp_path / "demo", both, servers)
    with pytest.raises(errors.CompositionError, match="`sub`") as caught:
        ensure_built(root)
    assert "`one`" in str(caught.value)
    assert "`two`" in str(caught.value)
    assert not load(root).directory.exists()
    make(root, both, servers + 'on-duplicate = "first"\n')
    ensure_built(root)
    assert [tool["name"] for tool in entry(root)["catalogue"]["tools"]] == ["add", "sub", "mul"]


def test_all_servers_that_cannot_be_composed_are_reported(tmp_path: Path, one: bytes, handmade: Any) -> None:
    both = {"one": one, "two": handmade(listing("mul", "sub")).read_bytes()}
    servers = "".join(f'[tool.wasmcp.servers.{key}]\ncomponents = ["one", "two"]\n' for key in ("first", "second"))
    root = make(tmp_path / "demo", both, servers)
    with pytest.raises(errors.ServersError, match=r"^2 servers cannot be composed: `first`, `second`\n") as caught:
        build_steps.build(plan(resolve(load(root))))
    assert caught.value.errors.keys() == {"first", "second"}
    assert str(caught.value).count("`sub`") == 2
    assert not load(root).directory.exists()


def test_events_have_the_time_of_each_step(tmp_path: Path, one: bytes) -> None:
    events: list[BuildEvent] = []
    ensure_built(make(tmp_path / "demo", {"one": one}), progress=events.append)
    recorded, composed = events
    assert isinstance(recorded, CatalogueRecorded)
    assert recorded.entries == 2
    assert re.fullmatch(r"recorded the catalogue of component `one`: 2 entries, \d+\.\d s", str(recorded))
    assert isinstance(composed, ServerComposed)
    assert re.fullmatch(
        r"composed server `default`: src/demo/_wasmcp/default\.wasm, [\d,]+ KB, \d+\.\d s", str(composed)
    )


def test_only_the_requested_server_is_built(tmp_path: Path, one: bytes) -> None:
    servers = SERVERS + '[tool.wasmcp.servers.small]\ncomponents = ["one"]\ntitle = "Small"\n'
    root = make(tmp_path / "demo", {"one": one}, servers)
    ensure_built(root, "small")
    assert stale(plan(resolve(load(root)))) == ["default"]
    ensure_built(root)
    assert stale(plan(resolve(load(root)))) == []
    assert set(manifest.read(load(root).manifest)) == {"default", "small"}


def test_choice_of_the_server(tmp_path: Path, one: bytes) -> None:
    only = make(tmp_path / "only", {"one": one}, '[tool.wasmcp.servers.main]\ncomponents = ["one"]\n')
    assert ensure_built(only).name == "main.wasm"
    with pytest.raises(errors.ConfigError, match=r"`tool.wasmcp.servers` has no server `mian`; did you mean"):
        ensure_built(only, "mian")


def test_skipping(tmp_path: Path, one: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "demo", {"one": one})
    monkeypatch.setenv(SKIP, "1")
    with pytest.raises(errors.ArtifactError, match="`WASMCP_SKIP_BUILD` keeps it from being built"):
        ensure_built(root)
    monkeypatch.setenv(SKIP, "0")
    path = ensure_built(root)
    monkeypatch.setenv(SKIP, "1")
    (root / "vendor/one.wasm").write_bytes(b"changed")
    assert ensure_built(root) == path


def test_a_failed_build_keeps_the_last_good_one(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one})
    good = ensure_built(root).read_bytes()
    recorded = load(root).manifest.read_bytes()
    (root / "vendor/one.wasm").write_bytes(one[:1000])
    with pytest.raises(errors.WasmcpError, match="`one`"):
        ensure_built(root)
    assert load(root).output("default").read_bytes() == good
    assert load(root).manifest.read_bytes() == recorded


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "`one`"),
        (b"just some text", "`one`"),
        (b"\0asm\x01\0\0\0", "core"),
        (b"\0asm\x0d\0\x01\0", "exports nothing"),
    ],
)
def test_file_that_is_not_a_component(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(errors.CompositionError, match=message):
        ensure_built(make(tmp_path / "demo", {"one": data}))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@trap();", "it cannot list its tools"),
        ('return .{ .err = .{ .code = -32603, .message = "not today" } };', "not today"),
        (listing("two words"), "its catalogue is not valid:\n  * tool 0: the name must be"),
        (listing("add", "add"), "tool `add`: listed a second time"),
        (listing("add", schema='{"type":"array"}'), "tool `add`: `inputSchema` must be"),
        (listing("add", schema="[]"), "its component returned `inputSchema`, which is not valid JSON"),
    ],
)
def test_a_component_whose_tools_cannot_be_recorded(tmp_path: Path, handmade: Any, body: str, message: str) -> None:
    root = make(tmp_path / "demo", {"one": handmade(body).read_bytes()})
    with pytest.raises(errors.CatalogueError) as caught:
        ensure_built(root)
    assert str(caught.value).startswith("component `one`: ")
    assert message in str(caught.value)
    assert not load(root).directory.exists()


def test_a_component_that_never_lists(tmp_path: Path, handmade: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import wasmcp.project.catalogue_recording as module

    monkeypatch.setattr(module, "BOOT_SECONDS", 0.5)
    body = "var n: u64 = 0; const p: *volatile u64 = &n; while (true) p.* +%= 1;"
    with pytest.raises(errors.CatalogueError, match="it cannot list its tools"):
        ensure_built(make(tmp_path / "demo", {"one": handmade(body).read_bytes()}))


def test_removed_servers_are_deleted(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one})
    old = ensure_built(root)
    (load(root).directory / "mine.wasm").write_bytes(b"")
    make(root, {"one": one}, SERVERS.replace("default", "renamed"))
    ensure_built(root)
    assert not old.exists()
    assert sorted(path.name for path in load(root).directory.iterdir()) == [
        "manifest.json",
        "mine.wasm",
        "renamed.wasm",
    ]


def test_manifest_cannot_choose_files_to_delete(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one})
    ensure_built(root)
    (root / "precious.wasm").write_bytes(b"")
    document = json.loads(load(root).manifest.read_text())
    document["servers"]["../../../precious"] = {}
    load(root).manifest.write_text(json.dumps(document))
    make(root, {"one": one}, SERVERS.replace("default", "renamed"))
    ensure_built(root)
    assert (root / "precious.wasm").exists()


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, one: bytes) -> None:
    first = ensure_built(make(tmp_path / "a", {"one": one}))
    second = ensure_built(make(tmp_path / "b", {"one": one}))
    assert first.read_bytes() == second.read_bytes()
    assert load(tmp_path / "a").manifest.read_bytes() == load(tmp_path / "b").manifest.read_bytes()


def test_two_processes_at_once_build_once(tmp_path: Path, one: bytes) -> None:
    root = make(tmp_path / "demo", {"one": one})
    code = (
        "import sys; from pathlib import Path; from wasmcp.project import ensure_built\n"
        "ensure_built(Path(sys.argv[1]), progress=print)"
    )
    command = [sys.executable, "-c", code, str(root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len([line for line in lines if "composed server" in line]) == 1
    assert len([line for line in lines if "recorded the catalogue" in line]) == 1


def test_cleaning(tmp_path: Path, one: bytes) -> None:
    project = load(make(tmp_path / "demo", {"one": one}))
    ensure_built(project.root)
    build_steps.clean(project)
    assert not project.directory.exists()
    build_steps.clean(project)


def test_replacing_a_component_of_the_framework(tmp_path: Path, one: bytes, passing_on: Path) -> None:
    from wasmcp.package_data import framework_component

    servers = SERVERS + 'framework = { method-not-found = "vendor/end.wasm" }\n'
    root = make(tmp_path / "demo", {"one": one}, servers)
    end = root / "vendor/end.wasm"
    end.write_bytes(passing_on.read_bytes())  # imports the end of the chain, so it cannot be the end
    with pytest.raises(
        errors.InvalidComponentError, match=r"imports `wasmcp:.*/server-handler@.*`, which is not provided there"
    ):
        ensure_built(root)
    end.write_bytes(framework_component("method-not-found").read_bytes() + b"\0\4\3end")
    lines: list[BuildEvent] = []
    ensure_built(root, progress=lines.append)
    assert entry(root)["framework"]["method-not-found"] == digest_of_file(end)
    ensure_built(root, progress=lines.append)
    assert len(lines) == 1
    end.write_bytes(framework_component("method-not-found").read_bytes())
    ensure_built(root, progress=lines.append)
    assert len(lines) == 2
    end.write_bytes(framework_component("server-io").read_bytes())
    with pytest.raises(errors.InvalidComponentError, match="does not export `wasmcp:mcp-v20260728/server-handler"):
        ensure_built(root)


def test_one_component_by_name(tmp_path: Path, one: bytes) -> None:
    project = load(make(tmp_path / "demo", {"one": one}))
    built = build_steps.build_component(project, "one")
    assert (built.data, built.digest) == (one, digest_of_bytes(one))
    assert built.catalogue is not None
    assert built.catalogue.names == ("add", "sub")
    with pytest.raises(errors.ConfigError, match="no component `two`"):
        build_steps.build_component(project, "two")


def test_operator_chooses_the_store(tmp_path: Path) -> None:
    from support.zig_servers import keeper

    servers = '[tool.wasmcp.servers.default]\ncomponents = ["keeper"]\n'
    root = make(tmp_path / "demo", {"keeper": keeper()}, servers, keeper='grants = ["kv"]')
    ensure_built(root)
    assert "wasi:keyvalue/atomics@0.2.0-draft2" in entry(root)["imports"]
    before = entry(root)["inputs"]
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text() + 'runtime = "wasmtime"\n')
    ensure_built(root)
    assert "wasi:keyvalue/atomics@0.2.0-draft" in entry(root)["imports"]
    assert entry(root)["inputs"] != before
    assert {"kv-store", "kv-store-draft", "session-store"} <= entry(root)["framework"].keys()


def test_a_source_that_does_not_compile_is_an_event_and_an_error(tmp_path: Path) -> None:
    root = make(tmp_path / "demo", {})
    (root / "src/demo/one.zig").write_text("this is not Zig\n")
    table = '[tool.wasmcp.components.one]\nsource = "src/demo/one.zig"\n' + SERVERS
    (root / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n' + table)
    events: list[BuildEvent] = []
    with pytest.raises(errors.ToolchainError):
        ensure_built(root, progress=events.append)
    kinds = [type(event) for event in events]
    assert (kinds[0], kinds[-1]) == (CompilationStarted, CompilationFailed)
    assert {event.component for event in events if isinstance(event, (CompilationStarted, CompilationFailed))} == {
        "one"
    }


def test_all_components_that_cannot_be_built_are_reported(tmp_path: Path) -> None:
    root = make(tmp_path / "demo", {})
    table = '[project]\nname = "demo"\nversion = "1.0"\n'
    for name in ("one", "two"):
        (root / f"src/demo/{name}.zig").write_text(f"this is not Zig, {name}\n")
        table += f'[tool.wasmcp.components.{name}]\nsource = "src/demo/{name}.zig"\n'
    (root / "pyproject.toml").write_text(table + '[tool.wasmcp.servers.default]\ncomponents = ["one", "two"]\n')
    with pytest.raises(errors.ComponentsError, match=r"^2 components cannot be built: `one`, `two`\n") as caught:
        ensure_built(root)
    assert {type(error) for error in caught.value.errors.values()} == {errors.ToolchainError}
    assert all(f"src/demo/{name}.zig" in str(error) for name, error in caught.value.errors.items())
    assert all(str(error) in str(caught.value) for error in caught.value.errors.values())


def test_denied_imports_of_a_compiled_component_are_reported(tmp_path: Path) -> None:
    wanted = "".join(
        f'(import "{name}@0.2.8" (instance (export "use" (func))))'
        for name in ("wasi:cli/environment", "wasi:http/outgoing-handler")
    )
    root = make(tmp_path / "demo", {"one": tools_beside(f"(component {wanted})", "get")})
    events: list[BuildEvent] = []
    ensure_built(root, progress=events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "imported by `one` and not granted: env, http" in notes
    assert any(note.startswith("warning: component `one` imports `http` and is not granted it") for note in notes)
