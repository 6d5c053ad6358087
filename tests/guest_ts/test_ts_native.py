"""Functions of TypeScript components run under `node --test`, without WebAssembly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.handler_table import FOLDER, TABLE_PATH
from support.npm_packages import installed

from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.typescript.node import install, node
from wasmcp.toolchains.typescript.toolchain import _ENGINES, write_types

HERE = Path(__file__).parent
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "typescript.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("native")
    write_types(root)
    for path in (HERE / "native.ts", HERE / "native.test.ts", HERE / "table.test.ts", FOLDER / "table.ts"):
        shutil.copyfile(path, root / path.name)
    return root


def run_tests(project: Path, *names: str) -> str:
    program = node(ComponentSource("native", project / "native.ts", project))
    command = [str(program), "--import", "./.wasmcp/native/register.mjs", "--test", *names]
    environment = {**os.environ, "TABLE_PATH": str(TABLE_PATH), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "least"), [("native.test.ts", 8), ("table.test.ts", 15)])
def test_tests_of_functions(project: Path, name: str, least: int) -> None:
    output = run_tests(project, name)
    found = re.search(r"pass (\d+)", output)
    assert found is not None, output
    assert int(found[1]) >= least, output
    assert "Warning" not in output


def test_the_guide(project: Path) -> None:
    text = GUIDE.read_text("utf-8")
    section = text.partition("## Test TypeScript tools")[2].partition("\n## ")[0]
    source, tests = re.findall(r"^```ts\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    (project / "weather.ts").write_text(source, "utf-8")
    (project / "weather.test.ts").write_text(tests, "utf-8")
    assert "pass 2" in run_tests(project, "weather.test.ts")


def test_files_are_imported_as_texts_and_bytes(project: Path) -> None:
    (project / "all.sql").write_text("select `1`\n", "utf-8")
    (project / "logo.bin").write_bytes(bytes(range(256)))
    code = """
import assert from "node:assert/strict";
import { test } from "node:test";
import query from "./all.sql" with { type: "text" };
import logo from "./logo.bin" with { type: "bytes" };

test("files", () => {
  assert.equal(query, "select `1`\\n");
  assert.deepEqual([...logo], [...Array(256).keys()]);
});
"""
    (project / "files.test.ts").write_text(code, "utf-8")
    assert "pass 1" in run_tests(project, "files.test.ts")


def test_a_module_that_wasmcp_does_not_have(project: Path) -> None:
    (project / "absent.test.ts").write_text('import "wasmcp/absent";\n', "utf-8")
    with pytest.raises(AssertionError, match='wasmcp has no module "wasmcp/absent"; it has wasmcp, wasmcp/config'):
        run_tests(project, "absent.test.ts")


TYPED = """\
import { accept, callTool, fakeConfig, fakeHttp, fakeKv, LocalContext } from "wasmcp/testing";
import { book, greet } from "./native.ts";
import query from "./all.sql" with { type: "text" };

const text: string = query;
const network = fakeHttp();
network.route("GET", "*", (sent) => ({ text: sent.url }));
const found: string = network.requests[0]!.method;
fakeKv().bucket("x").set("a", 1);
fakeConfig({ a: 1 }, { B: "2" }).end();
await callTool(greet, { name: found });
await book("x", new LocalContext({ answers: [accept({ row: 1 })], session: "s" }));
// @ts-expect-error
new LocalContext({ answer: [] });
// @ts-expect-error
network.route("GET", "*", { status: "200" });
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["of the build", "7.0.2"])
def test_fakes_are_typed(tmp_path: Path, version: str) -> None:
    write_types(tmp_path)
    shutil.copyfile(HERE / "native.ts", tmp_path / "native.ts")
    (tmp_path / "typed.ts").write_text(TYPED, "utf-8")
    source = ComponentSource("typed", tmp_path / "typed.ts", tmp_path)
    if version == "of the build":
        folder = install(_ENGINES["quickjs"], source, Cache().toolchain("typescript"), offline=False, progress=print)
    else:  # of authors, in their editors and in CI
        folder = installed(f"typescript@{version}")
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run([node(source), compiler, "-p", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
