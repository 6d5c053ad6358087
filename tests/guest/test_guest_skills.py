"""Generated skills: their front matter, and the text of `SKILL.md`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from wasmcp.guest import Context, DeclarationError, McpError, skill
from wasmcp.guest.declarations.registry import resource_of
from wasmcp.guest.declarations.resources import FRONT_MATTER, Skill
from wasmcp.guest.testing import LocalContext


def read(function: Any) -> tuple[Any, str]:
    """Return the front matter and the text that clients read."""
    declared = resource_of(function)
    (part,) = declared.read(declared.uri, {}, LocalContext())
    assert part.mime_type == "text/markdown"
    _, front_matter, text = part.data.split("---\n", 2)
    return yaml.safe_load(front_matter), text


def test_defaults() -> None:
    @skill
    def daily_report() -> str:
        """Assemble the report.

        Returns:
            The text.
        """
        return "# Report\n"

    assert daily_report() == "# Report\n"
    declared = resource_of(daily_report)
    assert isinstance(declared, Skill)
    assert (declared.uri, declared.name) == ("skill://daily-report/SKILL.md", "daily-report")
    front = {"name": "daily-report", "description": "Assemble the report."}
    assert declared.meta == {FRONT_MATTER: front}
    assert read(daily_report) == (front, "\n# Report\n")


@pytest.mark.parametrize(
    "text", ["yes", "0755", "a: b # c", "'", '"\\', "é😀", "a\nb\tc\x01", "- x", "{}", "null", "~"]
)
def test_texts_of_the_front_matter_are_read_back(text: str) -> None:
    @skill(name="x", description="About x", license=text, metadata={text: text})
    async def function(context: Context) -> str:
        await asyncio.sleep(0)
        return context.protocol_version

    front, body = read(function)
    assert front == {"name": "x", "description": "About x", "license": text, "metadata": {text: text}}
    assert body == "\n2026-07-28"
    assert resource_of(function).meta == {FRONT_MATTER: front}


def test_mistakes() -> None:
    with pytest.raises(DeclarationError, match="a skill needs a description"):

        @skill
        def nothing() -> str:
            return ""

    with pytest.raises(DeclarationError, match="which the declaration makes: use its fields instead"):

        @skill(meta={FRONT_MATTER: {"name": "other"}})
        def other() -> str:
            """About other"""
            return ""

    with pytest.raises(DeclarationError, match="has no variable `day`"):

        @skill
        def daily(day: int) -> str:
            """Report of a day"""
            return str(day)

    @skill(prefix="wrong")
    def data() -> bytes:
        """About data"""
        return b""

    with pytest.raises(McpError, match="Error reading resource skill://wrong/data"):
        resource_of(data).read("skill://wrong/data/SKILL.md", {}, LocalContext())
