"""Tools and a prompt that ask with certain keys and states, in one round or several."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wasmcp.guest import Context, InputRequest, InputRequired, Text, ToolError, prompt, tool


@dataclass
class Name:
    """A name."""

    name: str


@dataclass
class Color:
    """A color."""

    color: str


@dataclass
class Consent:
    """A yes or no."""

    ok: bool


@dataclass
class Situation:
    """Subject of a prompt."""

    context: str


@tool
def test_input_required_result_elicitation(context: Context) -> Text:
    """Ask for a name, and greet."""
    return Text(f"Hello, {context.elicit('What is your name?', Name, key='user_name').data.name}!")


@tool
def test_input_required_result_sampling(context: Context) -> Text:
    """Ask the client's model."""
    return Text(context.sample("What is the capital of France?", max_tokens=100, key="capital_question").text)


@tool
def test_input_required_result_list_roots(context: Context) -> Text:
    """Ask for the roots."""
    return Text("Roots: " + ", ".join(root.uri for root in context.roots(key="client_roots")))


@tool
def test_input_required_result_request_state(context: Context) -> Text | InputRequired:
    """Ask, with a state of its own."""
    if context.input_state is None:
        form = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
        request = InputRequest("elicitation/create", {"message": "Please confirm", "requestedSchema": form})
        return InputRequired({"confirm": request}, state=b"confirming")
    if context.input_state != b"confirming":
        raise ToolError("this is not the state that was sent")
    return Text("state-ok")


@tool
async def test_input_required_result_multiple_inputs(context: Context) -> Text:
    """Ask three things at once."""
    context.once("begun", lambda: True)
    name, greeting, roots = await asyncio.gather(
        context.elicit("What is your name?", Name, key="user_name"),
        context.sample("Generate a greeting", max_tokens=50, key="greeting"),
        context.roots(key="client_roots"),
    )
    return Text(f"{greeting.text} {name.data.name}, you work in {len(roots)} folders")


@tool
def test_input_required_result_multi_round(context: Context) -> Text:
    """Ask one thing after another."""
    context.once("begun", lambda: True)
    name = context.elicit("Step 1: What is your name?", Name, key="step1").data.name
    color = context.elicit("Step 2: What is your favorite color?", Color, key="step2").data.color
    return Text(f"{name} likes {color}")


@tool
def test_input_required_result_tampered_state(context: Context) -> Text:
    """Send a request with a state that must come back unchanged."""
    ticket = context.once("ticket", lambda: 4711)
    answer = context.elicit("Please confirm", Consent, key="confirm")
    return Text(f"Ticket {ticket}: {answer.action}")


@tool
async def test_input_required_result_capabilities(context: Context) -> Text:
    """Send only requests that the client supports."""
    can = context.client_capabilities
    questions = []
    if "elicitation" in can:
        questions.append(context.elicit("What is your name?", Name, key="user_name"))
    if "sampling" in can:
        questions.append(context.sample("Generate a greeting", max_tokens=50, key="greeting"))
    answers = await asyncio.gather(*questions)
    return Text(f"{len(answers)} answers")


@prompt
def test_input_required_result_prompt(context: Context) -> str:
    """Ask what the prompt is about."""
    situation = context.elicit("What context should the prompt use?", Situation, key="user_context")
    return f"Use this context: {situation.data.context}"
