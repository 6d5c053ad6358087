"""Code of the guides about interfaces of the host: it behaves as described."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from wasmcp.guest.testing import LocalContext, fake_http

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def defined(guide: str) -> dict[str, Any]:
    """Run all code of a guide and return what it defines."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", (GUIDES / guide).read_text("utf-8"), re.DOTALL))
    namespace: dict[str, Any] = {"__name__": guide}
    exec(compile(code, guide, "exec", dont_inherit=True), namespace)  # noqa: S102 - our own page
    return namespace


@pytest.mark.parametrize(
    "guide", ["http.md", "key-value-store.md", "configuring.md", "sessions.md", "dependency-injection.md"]
)
def test_tests_of_the_guide_pass(guide: str) -> None:
    names = defined(guide)
    tests = [names[name] for name in names if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_other_tools_of_the_http_guide() -> None:
    names = defined("http.md")
    with fake_http() as network:
        network.route("GET", "https://example.org/log", body=[b"fine\nERR", b"OR 1\nERROR 2"])
        assert names["errors"]("https://example.org/log") == ["ERROR 1", "ERROR 2"]
        network.route("GET", "https://api.example.org/weather", json={"summary": "rain"})
        assert asyncio.run(names["compare"](["a", "b"])) == {"a": "rain", "b": "rain"}


def test_other_tool_of_the_sessions_guide() -> None:
    names = defined("sessions.md")
    assert names["put_into"](["a"], "b") == ["a", "b"]
    with pytest.raises(names["ToolError"], match="no session"):
        names["put"]("a", LocalContext())
