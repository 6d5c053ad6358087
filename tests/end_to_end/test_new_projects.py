"""Results of `wasmcp new` and `wasmcp add component`: built, composed and tested unchanged, by their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.rust_crates import MISSING

from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.project.scaffold import add_component, new_project
from wasmcp.project.template_files import LANGUAGES, PARTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEEDS_RUST = pytest.mark.skipif(bool(MISSING), reason=MISSING)
BUILT = [
    pytest.param(language, template, marks=NEEDS_RUST if language == "rust" else ())
    for language, facts in LANGUAGES.items()
    for template in facts.templates
]


TOOLS = {
    "python": ("count", "shorten"),
    "rust": ("add", "circle"),
    "typescript": ("convert", "slug"),
    "zig": ("divide", "extremes"),
}


def run_its_tests(root: Path, *options: str) -> None:
    """Run a project's tests in a process of their own, as if it were installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *options]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


@pytest.mark.parametrize(("language", "template"), BUILT)
def test_a_new_project_builds_and_passes_its_tests(language: str, template: str, tmp_path: Path) -> None:
    made = new_project("my-server", language, template, output=tmp_path)
    run_its_tests(made.root)
    with open_server(made.root / "src/my_server/_wasmcp/default.wasm") as server:
        assert set(server.request("server/discover")["capabilities"]) & set(PARTS) == set(made.outline.parts)
        if "tools" in made.outline.parts:
            assert [tool.name for tool in server.list_tools()] == list(TOOLS[language])


def test_components_that_are_added(tmp_path: Path) -> None:
    """Add components in every other language to one in Python: no names clash, and each has its tests."""
    root = new_project("my-server", "python", "full", output=tmp_path).root
    left_out = {"python", "rust"} if MISSING else {"python"}
    added = [language for language in LANGUAGES if language not in left_out]
    for language in added:
        add_component(root, language, language, LANGUAGES[language].templates[-1])
        add_component(root, f"{language}-two", language)
    run_its_tests(root)
    with open_server(ensure_built(root)) as server:
        names = [tool.name for tool in server.list_tools()]
        assert names[:2] == ["count", "shorten"]
        for language in added:
            first, second = TOOLS[language]
            assert {f"{language}_two_{first}", f"{language}_two_{second}"} <= set(names)
        for name in ("zig_divide", "zig_two_divide"):
            result = server.call_tool(name, {"dividend": 1, "divisor": 4})
            assert result.structured_content == {"result": 0.25}


def test_no_two_languages_offer_a_tool_of_one_name() -> None:
    names = [name for pair in TOOLS.values() for name in pair]
    assert len(names) == len(set(names))
    assert TOOLS.keys() == LANGUAGES.keys()


def test_make_leaves_components_that_compose(tmp_path: Path) -> None:
    """Two new projects, as the README of the Rust tool has it: built by `make`, named, composed."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "wasmcp").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wasmcp "$@"\n')
    (scripts / "wasmcp").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }

    def type_line(line: str) -> None:
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    type_line("wasmcp new time-tools --language typescript --template full")
    type_line("cd time-tools && make")
    type_line("wasmcp registry component add time time-tools/time-tools.wasm")
    type_line("wasmcp new Math_tools --language zig --template full")
    type_line("cd Math_tools && make")
    type_line("wasmcp registry component add math Math_tools/math_tools.wasm")
    type_line("wasmcp compose server time math --runtime wasmtime -o combined-server.wasm")
    with open_server(tmp_path / "combined-server.wasm") as server:
        assert [tool.name for tool in server.list_tools()] == [*TOOLS["typescript"], *TOOLS["zig"]]
        prompts = [prompt.name for prompt in server.list_prompts()]
        assert prompts == ["time_tools_review", "math_tools_review"]
        uris = [resource.uri for resource in server.list_resources()]
        assert uris == ["time-tools://index", "math-tools://index"]
