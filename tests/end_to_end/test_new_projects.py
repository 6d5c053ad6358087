"""What `wasmcp new` and `wasmcp add component` make is built, composed and tested as it is, by its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rust_machine import MISSING

from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.project.adding import add_component
from wasmcp.project.outlines import LANGUAGES, PARTS
from wasmcp.project.scaffold import new_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEEDS_RUST = pytest.mark.skipif(bool(MISSING), reason=MISSING)
BUILT = [
    pytest.param(language, template, marks=NEEDS_RUST if language == "rust" else ())
    for language, facts in LANGUAGES.items()
    for template in facts.templates
]


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


def test_components_that_are_added(tmp_path: Path) -> None:
    """Several components in every other language beside one in Python: no names clash, and each has its tests."""
    root = new_project("my-server", "python", "full", output=tmp_path).root
    left_out = {"python", "rust"} if MISSING else {"python"}
    added = [language for language in LANGUAGES if language not in left_out]
    for language in added:
        add_component(root, language, language, LANGUAGES[language].templates[-1])
        add_component(root, f"{language}-two", language)
    run_its_tests(root)
    with open_server(ensure_built(root)) as server:
        names = [tool.name for tool in server.list_tools()]
        assert names[:2] == ["count", "divide"]
        assert {f"{language}_two_{tool}" for language in added for tool in ("count", "divide")} <= set(names)
        for name in names:
            if name.endswith("divide"):
                result = server.call_tool(name, {"dividend": 1, "divisor": 4})
                assert result.structured_content == {"result": 0.25}
