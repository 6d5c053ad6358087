"""README: its make targets exist and its project builds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_named_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {"example", "test"} <= named <= targets


@pytest.mark.slow
def test_example_builds_and_passes_its_tests(pytester: pytest.Pytester) -> None:
    pyproject = next(block for block in blocks("toml") if "[tool.wasmcp.components.text]" in block)
    text_tools = next(block for block in blocks("python") if "@tool" in block)
    calc = blocks("zig")[0]
    tests = next(block for block in blocks("python") if "def test_" in block)
    assert tomllib.loads(pyproject)["project"]["name"] == "example"
    for name, text in {
        "pyproject.toml": pyproject,
        "src/example/__init__.py": "",
        "src/example/text_tools.py": text_tools,
        "zig/calc.zig": calc,
        "test_server.py": tests,
    }.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
