"""The functions under plain pytest, with a client that answers at once."""

from __future__ import annotations

from everything.questions import test_elicitation as elicitation
from everything.questions import test_sampling as sampling
from everything.rounds import test_input_required_result_multi_round as multi_round

from wasmcp.guest.testing import LocalContext, accept, decline, sampled


def test_a_form() -> None:
    context = LocalContext(answers=[accept(username="ada", email="ada@example.com")])
    text = elicitation("Who are you?", context=context).text
    assert text == 'User response: action=accept, content={"username": "ada", "email": "ada@example.com"}'
    assert [method for method, _ in context.sent_requests] == ["elicitation/create"]


def test_a_user_who_does_not_agree() -> None:
    assert "action=decline" in elicitation("Who are you?", context=LocalContext(answers=[decline()])).text


def test_a_model() -> None:
    assert sampling("Hi", context=LocalContext(answers=[sampled("Hello")])).text == "LLM response: Hello"


def test_answers_by_key() -> None:
    context = LocalContext(answers={"step2": accept(color="blue"), "step1": accept(name="Ada")})
    assert multi_round(context).text == "Ada likes blue"
