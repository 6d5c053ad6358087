"""Components of QuickJS from the same sources have the same bytes, and take keys and times from the system later."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support.projects import write_project

from wasmcp.component.binary_format import MODULE_PREAMBLE
from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.typescript import TypeScriptToolchain
from wasmcp.toolchains.typescript.fixed_runtime import START, fixed_runtime

TOOLS = """\
import { tool } from "wasmcp";
import { WORDS } from "./words.ts";

const begun = Date.now();
while (Date.now() < begun + 20);
const waited = Date.now() - begun;
const measured = performance.now();
const drawn = Math.random();
const kept = new Map(WORDS.map((word) => [word, Math.random()]));

tool("build", "Values of the build.", (_: {}) => JSON.stringify({ begun, waited, measured, drawn, words: [...kept] }));
tool("call", "Values of a call.", (_: {}) => JSON.stringify({ now: Date.now(), drawn: Math.random() }));
"""
WORDS = 'export const WORDS = ["ada", "grace", "barbara", "frances"];\n'
PYPROJECT = """\
[project]
name = "demo"
version = "1"

[tool.wasmcp]
package = "src/demo"

[tool.wasmcp.components.tools]
source = "tools.ts"

[tool.wasmcp.servers.default]
components = ["tools"]
"""


def component(root: Path, folder: Path, **options: object) -> bytes:
    """Build the component of a project, with a folder for temporary files."""
    write_project(root, {"tools.ts": TOOLS, "words.ts": WORDS})
    folder.mkdir()
    source = ComponentSource("tools", root / "tools.ts", root, options=options)
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr("tempfile.tempdir", str(folder))
        output = folder / "tools.wasm"
        TypeScriptToolchain().build(source, output, cache=Cache().toolchain("typescript"), progress=said.append)
    assert not [line for line in said if line.startswith("warning")]
    return output.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("optimize", ["speed", "size"])
def test_builds_in_other_folders_have_the_same_bytes(
    optimize: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = component(tmp_path / "one", tmp_path / "a", optimize=optimize)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert component(tmp_path / "far" / "below" / "another", tmp_path / "other", optimize=optimize) == first


@pytest.mark.slow
def test_calls_have_the_time_and_the_randomness_of_the_system(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "src/demo/__init__.py": "", "tools.ts": TOOLS, "words.ts": WORDS}
    root = write_project(tmp_path, files)
    path = ensure_built(root)
    calls = []
    for _ in range(2):
        with open_server(path) as server:
            built = json.loads(server.call_tool("build").text)
            calls += [json.loads(server.call_tool("call").text) for _ in range(2)]
    assert START * 1000 < built["begun"] < (START + 60) * 1000
    assert 20 <= built["waited"] < 1000
    assert 0 < built["measured"] < 60_000
    assert len({one["drawn"] for one in calls}) == len(calls)
    assert all(abs(one["now"] / 1000 - time.time()) < 600 for one in calls)


def test_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fixed_runtime(tmp_path, small=False) is None
    library = tmp_path / "@andreiltd" / "componentize-qjs-binding-of-nothing" / "engine.node"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"library" + MODULE_PREAMBLE + b"\0\x0f\x08dylink.0\x01\x04\0\0\0\0" + MODULE_PREAMBLE)
    assert fixed_runtime(tmp_path, small=True) is None
    monkeypatch.setattr("wasmcp.toolchains.typescript.fixed_runtime.fixed_runtime", lambda *_, **__: None)
    write_project(tmp_path, {"tools.ts": TOOLS, "words.ts": WORDS})
    said: list[str] = []
    source = ComponentSource("tools", tmp_path / "tools.ts", tmp_path)
    TypeScriptToolchain().build(
        source, tmp_path / "out.wasm", cache=Cache().toolchain("typescript"), progress=said.append
    )
    assert said[-1] == (
        "warning: this componentize-qjs has another engine: builds of the component differ in some bytes"
    )
