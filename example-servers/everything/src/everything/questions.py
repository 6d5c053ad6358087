"""Tools that ask the client, as straight-line code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from wasmcp.guest import Context, Elicited, Text, tool


@dataclass
class Contact:
    """Contact of a user."""

    username: Annotated[str, "User's response"]
    email: Annotated[str, "User's email address"]


@dataclass
class Defaults:
    """A form with a default of each kind."""

    name: Annotated[str, "User name"] = "John Doe"
    age: Annotated[int, "User age"] = 30
    score: Annotated[float, "User score"] = 95.5
    status: Annotated[Literal["active", "inactive", "pending"], "User status"] = "active"
    verified: Annotated[bool, "Verification status"] = True


_TITLED = [("value1", "First"), ("value2", "Second"), ("value3", "Third")]
_OPTIONS = ["option1", "option2", "option3"]
_ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _OPTIONS},
        "titledSingle": {
            "type": "string",
            "oneOf": [{"const": value, "title": f"{title} Option"} for value, title in _TITLED],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
        "titledMulti": {
            "type": "array",
            "items": {"anyOf": [{"const": value, "title": f"{title} Choice"} for value, title in _TITLED]},
        },
    },
}


def _told(prefix: str, answer: Elicited[Any]) -> Text:
    content = json.dumps(answer.raw.get("content", {}))
    return Text(f"{prefix}: action={answer.action}, content={content}")


@tool
def test_elicitation(message: str, context: Context) -> Text:
    """Ask the user for a name and an address.

    Args:
        message: Text for the user.
    """
    return _told("User response", context.elicit(message, Contact))


@tool
def test_elicitation_sep1034_defaults(context: Context) -> Text:
    """Ask with a form that has defaults."""
    return _told("Elicitation completed", context.elicit("Please review and update the form fields", Defaults))


@tool
def test_elicitation_sep1330_enums(context: Context) -> Text:
    """Ask with a form that has every kind of choice."""
    return _told("Elicitation completed", context.elicit("Please choose", _ENUMS))


@tool
def test_elicitation_url(context: Context) -> Text:
    """Ask the user to follow a link."""
    answer = context.elicit_url("Please sign in", "https://example.com/sign-in")
    return Text(f"URL elicitation completed: action={answer.action}")


@tool
def test_streaming_elicitation(context: Context) -> Text:
    """Report progress, then ask the user."""
    context.progress(0, 1, "about to ask")
    return _told("User response", context.elicit("Shall it go on?", bool))


@tool
def test_sampling(prompt: str, context: Context) -> Text:
    """Have the client's model answer.

    Args:
        prompt: Text for the model.
    """
    return Text(f"LLM response: {context.sample(prompt, max_tokens=100).text}")


@tool
def test_sampling_with_tools(context: Context) -> Text:
    """Have the client's model answer with a tool at hand."""
    weather = {
        "name": "weather",
        "description": "The weather in a city",
        "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    answer = context.sample(
        "How is the weather in Bremen?",
        max_tokens=100,
        tools=[weather],
        tool_choice="auto",
        preferences={"intelligencePriority": 0.2, "hints": [{"name": "small"}]},
        system="Be brief.",
    )
    calls = ", ".join(f"{call.name}({json.dumps(dict(call.input))})" for call in answer.tool_calls)
    return Text(f"LLM response: {answer.text}; calls: {calls}")


@tool
def test_missing_capability(context: Context) -> Text:
    """Need a model: clients without one get an error."""
    return Text(context.sample("Say something", max_tokens=10).text)
