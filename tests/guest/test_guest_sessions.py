from __future__ import annotations

import json

import pytest

from wasmcp.guest import Context, ExpiredContextError, NotGrantedError, kv, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.kv.buckets import Session
from wasmcp.guest.testing import LocalContext


def test_values_of_a_session():
    @tool
    def visit(context: Context) -> list[str]:
        assert context.session is not None
        context.session["last"] = {"number": context.session.increment("count")}
        return sorted(context.session)

    context = LocalContext(session="s1", session_values={"count": 4})
    called = tool_of(visit).call("{}", context)
    assert json.loads(called.structured) == {"result": ["count", "last"]}
    assert context.session_values == {"count": 5, "last": {"number": 5}}


def test_without_session():
    assert LocalContext().session is None


def test_all_methods():
    session = LocalContext(session="s1").session
    assert session is not None
    assert session.id == "s1"
    session.set("a", [1])
    assert (session.get("a"), session.get("b"), session.get("b", 1), "a" in session) == ([1], None, 1, True)
    assert session.compare_and_swap("a", [1], [2])
    assert session.update("a", lambda held: [*held, 3]) == [2, 3]
    session.delete("a")
    assert session.keys() == []
    with pytest.raises(kv.LimitExceededError, match="a key has 1 to 256 bytes"):
        session.set("k" * 257, 1)


def test_session_expires_with_the_call():
    kept: list[Session] = []

    @tool
    def keep(context: Context) -> None:
        assert context.session is not None
        kept.append(context.session)

    tool_of(keep).call("{}", LocalContext(session="s1"))
    for use in (lambda: kept[0].get("a"), lambda: kept[0].set("a", 1), kept[0].keys, lambda: kept[0].id):
        with pytest.raises(ExpiredContextError):
            use()


def test_without_grant_only_the_id_is_available():
    """A component without the grant has bindings without sessions."""

    class Request:
        def session(self):
            return "s1"

    session = Context(Request()).session
    assert session is not None
    assert session.id == "s1"

    def remove():
        del session["a"]

    def put():
        session["a"] = 1

    for use in (
        lambda: session.get("a"),
        lambda: session["a"],
        lambda: "a" in session,
        lambda: list(session),
        put,
        remove,
    ):
        with pytest.raises(NotGrantedError, match="`sessions` is not granted to this component"):
            use()
