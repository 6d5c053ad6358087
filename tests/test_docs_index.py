"""First page of the documentation: its example is built and tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "index.md").read_text("utf-8")
PROJECT = """
[project]
name = "example"
version = "0.1.0"

[tool.hatch.build.targets.wheel]
packages = ["src/example"]
"""


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_component_defines_the_tool() -> None:
    namespace: dict[str, object] = {}
    exec(blocks("python")[0], namespace)  # noqa: S102 - our own page
    reverse = namespace["reverse"]
    assert callable(reverse)
    assert reverse("abc") == "cba"


@pytest.mark.slow
def test_example_builds_and_passes_its_test(pytester: pytest.Pytester) -> None:
    component, test = blocks("python")
    (pyproject,) = blocks("toml")
    for name, text in {
        "pyproject.toml": PROJECT + pyproject,
        "src/example/__init__.py": "",
        "src/example/text_tools.py": component,
        "test_server.py": test,
    }.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
