from __future__ import annotations

import pytest

from wasmcp.guest import Context, ExpiredContextError, HttpRequest, Identity, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.testing import LocalContext


def test_progress_and_log_are_recorded():
    context = LocalContext()
    context.progress(1, 2, "half")
    context.progress(2)
    context.info({"rows": [1, 2]})
    context.log("critical", "fire", logger="alarm")
    assert context.progress_reports == [(1.0, 2.0, "half"), (2.0, None, None)]
    assert context.log_records == [("info", {"rows": [1, 2]}, None), ("critical", "fire", "alarm")]


def test_request_attributes():
    context = LocalContext(
        tool_name="f",
        request_id="r1",
        protocol_version="2025-06-18",
        client_capabilities={"elicitation": {}},
        meta={"progressToken": 7},
        identity=Identity("me", "https://issuer", ("read",), {"sub": "me"}),
        session="s1",
        http=HttpRequest("POST", "/mcp", {"x-a": "b"}),
    )
    assert (context.tool_name, context.protocol_version, context.session and context.session.id) == (
        "f",
        "2025-06-18",
        "s1",
    )
    assert (context.request_id, LocalContext().request_id) == ("r1", 1)
    assert context.client_capabilities == {"elicitation": {}}
    assert context.meta == {"progressToken": 7}
    assert context.identity == Identity("me", "https://issuer", ("read",), {"sub": "me"})
    assert context.http == HttpRequest("POST", "/mcp", {"x-a": "b"})


def test_without_authentication_identity_is_none():
    context = LocalContext()
    assert context.identity is None
    assert context.http is None
    assert context.session is None
    assert context.meta == {}


def test_cancellation():
    context = LocalContext()
    assert not context.cancelled
    context.cancel()
    assert context.cancelled


def test_invalid_log_calls():
    context = LocalContext()
    with pytest.raises(ValueError, match="unknown log level 'loud'; known: debug, info"):
        context.log("loud", "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a value that JSON can hold, got object"):
        context.info(object())


@pytest.mark.parametrize(
    "use",
    [
        lambda context: context.progress(1),
        lambda context: context.info("x"),
        lambda context: context.cancelled,
        lambda context: context.meta,
        lambda context: context.identity,
        lambda context: context.http,
        lambda context: context.tool_name,
        lambda context: context.session,
        lambda context: context.protocol_version,
        lambda context: context.request_id,
        lambda context: context.client_capabilities,
    ],
)
def test_context_expires_with_the_call(use):
    kept = []

    @tool
    def keep(context: Context) -> None:
        kept.append(context)

    tool_of(keep).call("{}", LocalContext())
    with pytest.raises(ExpiredContextError, match="belongs to a call that has ended"):
        use(kept[0])
