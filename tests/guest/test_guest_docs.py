"""Code of the guides: it behaves as described."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.uri_table import matched

from wasmcp.guest import Choices, McpError, Message, PromptResult
from wasmcp.guest.declarations.registry import COMPLETIONS, check, prompt_of, resource_of, tool_of
from wasmcp.guest.testing import LocalContext, accept, sampled

GUIDES = Path(__file__).parent.parent.parent / "docs" / "guides"
AROUND = 'CITIES = ["Bremen"]\ndef look_ahead(city, day):\n    return Day(f"2026-12-0{day + 1}", -0.5)\n'


def blocks(guide: str) -> list[str]:
    """Return the Python code of a guide, block by block."""
    return re.findall(r"```python\n(.*?)```", (GUIDES / guide).read_text("utf-8"), re.DOTALL)


def run(guide: str) -> dict[str, Any]:
    """Run all code of a guide and return what it defines."""
    namespace: dict[str, Any] = {}
    code = compile("\n".join(blocks(guide)), guide, "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102 - our own page
    return namespace


def test_guide_of_tools() -> None:
    tool, test = blocks("python-tools.md")
    namespace: dict[str, Any] = {}
    exec(f"{tool}\n{AROUND}\n{test}", namespace)  # noqa: S102 - our own page
    namespace["test_forecast"]()
    forecast = tool_of(namespace["forecast"])
    assert forecast.input_schema["properties"]["days"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 14,
        "description": "How many days ahead.",
        "default": 3,
    }
    answer = forecast.call('{"city": "Bremen", "days": 1}', LocalContext())
    assert json.loads(answer.structured or "") == {"result": [{"date": "2026-12-01", "degrees": -0.5}]}
    assert forecast.call('{"city": "Atlantis"}', LocalContext()).content[0].text == "no weather station in Atlantis"


def test_guide_of_skills() -> None:
    defined = run("skills.md")
    assert check() == 2
    (part,) = resource_of(defined["daily_report"]).read("skill://reports/daily-report/SKILL.md", {}, LocalContext())
    assert part.data.startswith('---\nname: "daily-report"\ndescription: "Assemble the operational report of today"\n')
    assert part.data.endswith("---\n\n# Daily report for everyone\n\nRead [the limits](references/limits.md) first.\n")


def test_guide_of_resources_and_prompts() -> None:
    defined = run("python-resources.md")
    assert check() == 4
    note = resource_of(defined["note"])
    (part,) = note.read("notes://2", matched(note, "notes://2?shout=true") or {}, LocalContext())
    assert (part.data, part.mime_type) == ("CALL ADA", "text/markdown")
    with pytest.raises(McpError, match="Resource not found"):
        note.read("notes://3", matched(note, "notes://3") or {}, LocalContext())
    attachment = resource_of(defined["attachment"])
    (part,) = attachment.read("", matched(attachment, "notes://1/files/a/b") or {}, LocalContext())
    assert (part.mime_type, part.meta) == ("image/png", {"example.com/path": ["a", "b"]})
    review = prompt_of(defined["review"]).get('{"code": "x", "depth": "thorough"}', LocalContext())
    assert isinstance(review, PromptResult)
    assert review.messages[0] == Message("user", "Do a thorough review of this python code.")
    (languages,) = COMPLETIONS.all().values()
    assert languages.complete("", {"code": '@import("std")'}, LocalContext()) == Choices(["zig"])
    assert "rust" in languages.complete("r", {}, LocalContext()).values


def test_guide_of_network_libraries() -> None:
    pytest.importorskip("httpx")
    defined = run("network.md")
    defined["test_weather"]()
    assert tool_of(defined["weather"]).description == "Return a summary of the weather."


def test_guide_of_tasks() -> None:
    defined = run("tasks.md")
    defined["test_index"]()
    defined["test_last_step"]()
    assert tool_of(defined["index"]).meta == {
        "wasmcp/task": {"mode": "steps", "ttlMs": 3_600_000, "pollIntervalMs": 1000, "required": False}
    }


def test_guide_of_apps() -> None:
    defined = run("apps.md")
    assert check() == 3
    shown = {"resourceUri": "ui://ui/weather.html"}
    assert tool_of(defined["forecast"]).meta == {"ui": shown}
    assert tool_of(defined["refresh"]).meta == {"ui": {**shown, "visibility": ["app"]}}


def test_guide_of_client_requests() -> None:
    defined = run("client-requests.md")
    defined["test_booking"]()
    defined["test_no_booking"]()
    context = LocalContext(answers=[accept(value="Ada"), sampled("Hello")])
    assert tool_of(defined["greet"]).call("{}", context).content[0].text == "Hello, Ada!"


def test_guide_of_pydantic() -> None:
    defined = run("pydantic.md")
    customer = {"name": "ada", "mail": "x", "addresses": [{"street": "a", "zip_code": "1"}]}
    answer = tool_of(defined["register"]).call(json.dumps({"customer": customer, "limit": 500}), LocalContext())
    text = re.search(r"```text\n(Invalid.*?)\n```", (GUIDES / "pydantic.md").read_text("utf-8"), re.DOTALL)
    assert text is not None
    assert answer.content[0].text == text[1].replace("\n", " ")
    customer |= {"name": "Ada", "mail": "ada@example.org", "addresses": [], "password": "geheim"}
    answer = tool_of(defined["register"]).call(json.dumps({"customer": customer}), LocalContext())
    assert json.loads(answer.structured or "") == {**customer, "password": "**********", "cities": 0}
    answer = tool_of(defined["pay"]).call('{"payment": {"kind": "cash"}}', LocalContext())
    assert answer.structured == '{"result":"cash"}'
