"""Results of the Python client: what assertions read, what is shown when they fail, and answers to the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.zig_servers import asker

from wasmcp.errors import ToolError, UnansweredInputError
from wasmcp.guest.testing import accept, roots, sampled
from wasmcp.host import ClientRequest, LogMessage, Notification, Progress, Server, Tool, ToolResult, open_server


def text(*texts: str, **members: Any) -> ToolResult:
    content = [{"type": "text", "text": each} for each in texts]
    return ToolResult.from_wire({"content": content, **members})


def test_data_is_the_structured_result_without_the_member_result() -> None:
    assert text("3", structuredContent={"result": 3}).data == 3
    assert text("{}", structuredContent={"words": 2, "result": 1}).data == {"words": 2, "result": 1}
    assert text("x", structuredContent=[1]).data == [1]
    assert text("only text").data is None


def test_an_error_is_raised_where_data_is_expected() -> None:
    failed = text("no such note", isError=True)
    for read in (lambda: failed.data, failed.raise_for_error):
        with pytest.raises(ToolError, match="no such note") as raised:
            read()
        assert raised.value.result is failed
        assert raised.value.message == "no such note"
    good = text("fine")
    assert good.raise_for_error() is good


def test_a_tool_error_is_asserted_with_its_text() -> None:
    failed = text("no such note: 7", isError=True)
    assert failed.assert_tool_error() == "no such note: 7"
    assert failed.assert_tool_error(match=r"note: \d") == "no such note: 7"
    with pytest.raises(AssertionError, match=r"matches 'other', got 'no such note: 7'"):
        failed.assert_tool_error(match="other")
    with pytest.raises(AssertionError, match=r"expected a tool error, got ToolResult\(data=3\)"):
        text("3", structuredContent={"result": 3}).assert_tool_error()


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (text("3", structuredContent={"result": 3}), "ToolResult(data=3)"),
        (text("a", "b"), r"ToolResult(text='a\nb')"),
        (text("no", isError=True), "ToolResult(error='no')"),
        (
            ToolResult.from_wire({"content": [{"type": "image", "data": "", "mimeType": "image/png"}]}),
            "ToolResult(content=[{'type': 'image', 'data': '', 'mimeType': 'image/png'}])",
        ),
        (
            ToolResult.from_wire({"resultType": "input_required", "inputRequests": {"who": {}}}),
            "ToolResult(input_required={'who': {}})",
        ),
        (text("x" * 1000), f"ToolResult(text='{'x' * 299}... (1002 characters))"),
    ],
)
def test_a_result_shows_what_a_reader_needs(result: ToolResult, shown: str) -> None:
    assert repr(result) == shown


def test_a_tool_shows_its_parameters() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "unit": {"enum": ["C", "F"]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "any": True,
        },
        "required": ["a"],
    }
    tool = Tool.from_wire({"name": "add", "description": "Add.", "inputSchema": schema})
    assert repr(tool) == "Tool(add(a: integer, unit?: 'C' | 'F', note?: string | null, any?: any))"


def test_notifications_are_objects_of_the_result() -> None:
    sent = [
        Notification("notifications/progress", {"progressToken": 1, "progress": 1, "total": 2}),
        Notification("notifications/message", {"level": "info", "data": {"rows": 1}, "logger": "import"}),
        Notification("notifications/progress", {"progressToken": 1, "progress": 2, "message": "done"}),
    ]
    result = ToolResult.from_wire({"content": []}, sent)
    assert result.progress == [Progress(1, 2), Progress(2, message="done")]
    assert result.logs == [LogMessage("info", {"rows": 1}, "import")]
    assert list(result.notifications) == sent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_server(asker(tmp_path_factory.mktemp("asker") / "server")) as running:
        yield running


def test_answers_in_the_order_of_the_requests(server: Server) -> None:
    result = server.call_tool("greet", answers=[accept(name="Ada")])
    assert '"name":"Ada"' in result.text.replace(" ", "")
    assert [request.method for request in result.client_requests] == ["elicitation/create"]
    assert result.client_requests[0].params["message"] == "Who?"


def test_answers_by_key_and_by_method(server: Server) -> None:
    given = {"capital": sampled("Paris"), "elicitation/create": accept(name="Ada"), "roots": roots("file:///a")}
    result = server.call_tool("survey", answers=given)
    assert {"Paris", "Ada", "file:///a"} <= set(result.text.replace('"', " ").split())
    assert {request.key for request in result.client_requests} == {"who", "capital", "roots"}


def test_answers_of_a_function(server: Server) -> None:
    seen: list[ClientRequest] = []

    def answer(request: ClientRequest) -> dict[str, Any]:
        seen.append(request)
        return accept(name=f"round {len(seen)}")

    assert server.call_tool("rounds", answers=answer).text == "xxx"
    assert len(seen) == 3


def test_a_request_without_an_answer_is_an_error_that_names_it(server: Server) -> None:
    with pytest.raises(UnansweredInputError, match=r"elicitation/create.*key `who` \(Who\?\)"):
        server.call_tool("greet", answers=[])
    with pytest.raises(UnansweredInputError, match="elicitation/create"):
        server.call_tool("greet", answers=lambda _request: None)


def test_without_answers_the_result_that_requires_input_is_returned(server: Server) -> None:
    able = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    result = server.call_tool("greet", _meta=able)
    assert result.raw["resultType"] == "input_required"
    assert result.client_requests == ()


def test_a_server_that_observes_collects_progress_without_being_asked_in_each_call(server: Server) -> None:
    answers = [accept(name="x")] * 3
    assert server.call_tool("rounds", answers=answers).progress == []
    server.observes = True
    try:
        assert [each.progress for each in server.call_tool("rounds", answers=answers).progress] == [1, 2, 3, 4]
    finally:
        server.observes = False
