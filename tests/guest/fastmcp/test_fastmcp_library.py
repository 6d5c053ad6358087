# ruff: noqa: B008 - calls in defaults are how both libraries are used
"""`wasmcp.guest.fastmcp` natively: what authors of FastMCP and of the official SDK write, and what clients get."""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pydantic
import pytest
from support.uri_table import matched

from wasmcp.guest import McpError, content
from wasmcp.guest.declarations.registry import PROMPTS, RESOURCES, TOOLS, prompt_of, resource_of, tool_of
from wasmcp.guest.declarations.rules import collected, warned
from wasmcp.guest.fastmcp import (
    AcceptedElicitation,
    Audio,
    AudioContent,
    CallToolResult,
    CancelledElicitation,
    Context,
    CurrentContext,
    DeclinedElicitation,
    Depends,
    EmbeddedResource,
    ErrorData,
    FastMCP,
    File,
    GetPromptResult,
    Icon,
    Image,
    ImageContent,
    MCPServer,
    Message,
    ModelPreferences,
    NotFoundError,
    Prompt,
    PromptError,
    PromptMessage,
    PromptResult,
    Resource,
    ResourceContent,
    ResourceError,
    ResourceLink,
    ResourceResult,
    SamplingMessage,
    ServerSession,
    TextContent,
    TextResource,
    TextResourceContents,
    Tool,
    ToolAnnotations,
    ToolError,
    ToolResult,
    UnsupportedFeatureError,
    UserMessage,
    get_access_token,
    get_context,
    get_http_headers,
    get_http_request,
)
from wasmcp.guest.fastmcp import McpError as SdkError
from wasmcp.guest.fastmcp.errors import RefusedMethod
from wasmcp.guest.testing import LocalContext, accept, decline, roots, sampled

mcp = FastMCP("test")


def call(name: str, arguments: dict[str, Any] | None = None, context: LocalContext | None = None) -> Any:
    """Call a tool as a client does."""
    tool: Any = TOOLS.all()[name]
    return tool.call(json.dumps(arguments or {}), context or LocalContext())


def value(name: str, arguments: dict[str, Any] | None = None, context: LocalContext | None = None) -> Any:
    """Return the structured result of a call."""
    found = call(name, arguments, context)
    assert not found.is_error, found.content
    return json.loads(found.structured)["result"]


def read(uri: str) -> Any:
    """Read a resource as a client does."""
    for resource in RESOURCES.all().values():
        found = matched(resource, uri)
        if found is not None:
            return resource.read(uri, found, LocalContext(tool_name=uri))
    raise AssertionError(uri)


def text(name: str, arguments: dict[str, Any] | None = None, context: LocalContext | None = None) -> str:
    """Return the text of a call's single block."""
    (block,) = call(name, arguments, context).content
    return str(block.text)


def double(n: int) -> int:
    """Double a number."""
    return 2 * n


@pytest.mark.parametrize(
    ("declare", "name"),
    [
        (lambda: mcp.tool(double), "double"),
        (lambda: mcp.tool()(double), "double"),
        (lambda: mcp.tool("twice")(double), "twice"),
        (lambda: mcp.tool(name="twice")(double), "twice"),
        (lambda: mcp.tool(double, name="twice"), "twice"),
        (lambda: mcp.add_tool(double), "double"),
        (lambda: mcp.add_tool(double, name="twice"), "twice"),
        (lambda: mcp.add_tool(Tool.from_function(double, name="twice", title="T")), "twice"),
        (lambda: mcp.tool(functools.partial(double)), "double"),
        (lambda: FastMCP("other", tools=[double]), "double"),
        (lambda: MCPServer("other").tool()(double), "double"),
    ],
)
def test_declared_function_is_called_with_its_arguments(declare: Callable[[], Any], name: str) -> None:
    declare()
    assert list(TOOLS.all()) == [name]
    assert TOOLS.all()[name].description == "Double a number."
    assert value(name, {"n": 4}) == 8


def test_function_stays_callable_also_by_its_attribute_fn() -> None:
    mcp.tool(double)
    assert double(3) == tool_of(double).function(3) == double.fn(3) == 6  # type: ignore[attr-defined]


def test_methods_and_callable_objects_are_tools() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def increase(self, by: int = 1) -> int:
            """Increase the count."""
            self.count += by
            return self.count

        def __call__(self, text: str) -> str:
            """Repeat."""
            return text * self.count

    counter = Counter()
    mcp.tool(counter.increase)
    mcp.add_tool(Tool.from_function(counter, name="repeat"))
    assert value("increase", {"by": 2}) == 2
    assert value("repeat", {"text": "a"}) == "aa"


def test_options_of_a_tool_are_listed() -> None:
    @mcp.tool(
        title="T",
        description="D",
        tags={"b", "a"},
        annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False),
        meta={"own": 1},
        version=2,
        icons=[Icon(src="https://example.com/i.png", mimeType="image/png")],
    )
    def listed() -> str:
        return ""

    tool = tool_of(listed)
    assert (tool.title, tool.description) == ("T", "D")
    assert tool.hints == {"read_only": True, "open_world": False}
    assert tool.meta == {"own": 1, "fastmcp": {"tags": ["a", "b"], "version": "2"}}
    assert tool.icons == (content.Icon(src="https://example.com/i.png", mime_type="image/png"),)


def test_hints_can_be_a_dict_with_a_title() -> None:
    @mcp.tool(annotations={"title": "T", "destructiveHint": True, "idempotentHint": False})
    def hinted() -> str:
        return ""

    assert tool_of(hinted).title == "T"
    assert tool_of(hinted).hints == {"destructive": True, "idempotent": False}


def test_disabled_tool_is_not_declared() -> None:
    mcp.tool(enabled=False)(double)
    assert not TOOLS.all()


def test_excluded_argument_keeps_its_default() -> None:
    @mcp.tool(exclude_args=["user"])
    def hidden(n: int, user: str = "ada") -> str:
        return f"{user}{n}"

    assert list(tool_of(hidden).input_schema["properties"]) == ["n"]
    assert value("hidden", {"n": 1}) == "ada1"
    assert call("hidden", {"n": 1, "user": "eve"}).is_error


def test_parameter_without_annotation_accepts_any_value() -> None:
    @mcp.tool
    def anything(x, y=2):  # type: ignore[no-untyped-def]
        return [x, y]

    assert tool_of(anything).input_schema["properties"] == {"x": {}, "y": {"default": 2}}
    assert text("anything", {"x": {"a": 1}}) == '[{"a":1},2]'


def test_field_of_pydantic_is_documentation_constraints_and_default() -> None:
    @mcp.tool
    def fields(
        a: int = pydantic.Field(description="first", ge=1, le=9),
        b: str = pydantic.Field(default="x", max_length=3, pattern="^x"),
        c: list[str] = pydantic.Field(default_factory=list, description="several"),
        d: Annotated[float, pydantic.Field(gt=0, title="D", examples=[1.5])] = 1.0,
        e: Annotated[int, pydantic.Field(default=4)] = pydantic.Field(default=5, json_schema_extra={"format": "int32"}),
    ) -> str:
        return f"{a} {b} {c} {d} {e}"

    schema = tool_of(fields).input_schema
    assert schema["required"] == ["a"]
    assert schema["properties"] == {
        "a": {"type": "integer", "minimum": 1, "maximum": 9, "description": "first"},
        "b": {"type": "string", "maxLength": 3, "pattern": "^x", "default": "x"},
        "c": {"type": "array", "items": {"type": "string"}, "description": "several", "default": []},
        "d": {"type": "number", "exclusiveMinimum": 0, "title": "D", "examples": [1.5], "default": 1.0},
        "e": {"type": "integer", "format": "int32", "default": 5},
    }
    assert value("fields", {"a": 1}) == "1 x [] 1.0 5"
    assert value("fields", {"a": "2", "c": ["z"]}) == "2 x ['z'] 1.0 5"
    assert call("fields", {"a": 10}).is_error
    assert call("fields", {"a": 1, "b": "yy"}).is_error


class Stop(pydantic.BaseModel):
    number: int = pydantic.Field(ge=1, description="The number")
    tags: list[str] = []


def test_models_of_pydantic_are_arguments_and_results() -> None:
    @mcp.tool
    def first(stops: list[Stop] = pydantic.Field(default_factory=list)) -> Stop | None:
        return stops[0] if stops else None

    @mcp.tool
    def several(stop: Stop) -> dict[str, Stop]:
        return {"a": stop}

    assert value("first", {"stops": [{"number": 2}]}) == {"number": 2, "tags": []}
    assert value("first") is None
    assert json.loads(call("several", {"stop": {"number": 3}}).structured) == {"a": {"number": 3, "tags": []}}
    assert text("several", {"stop": {"number": 0}}).startswith("Invalid arguments for tool several: stop.number: ")


def test_alias_of_a_field_is_refused() -> None:
    with pytest.raises(UnsupportedFeatureError, match="alias"):

        @mcp.tool
        def aliased(a: int = pydantic.Field(alias="from")) -> int:
            return a


def test_strict_server_rejects_json_in_strings() -> None:
    FastMCP("strict", strict_input_validation=True).tool(double)
    assert call("double", {"n": "2"}).is_error
    assert value("double", {"n": 2}) == 4


def test_context_is_injected_whatever_its_place_and_annotation() -> None:
    @mcp.tool
    async def ids(
        ctx: Context,
        n: int,
        other: Context[ServerSession, None] | None = None,  # type: ignore[type-arg]
        third: Context = CurrentContext(),
    ) -> list[str]:
        assert other is not None
        return [ctx.request_id, other.request_id, third.request_id, get_context().request_id, str(n)]

    assert list(tool_of(ids).input_schema["properties"]) == ["n"]
    assert value("ids", {"n": 1}, LocalContext(request_id=7)) == ["7", "7", "7", "7", "1"]
    with pytest.raises(RuntimeError, match="no call is running"):
        get_context()


def test_documentation_of_the_context_is_not_part_of_the_description() -> None:
    @mcp.tool
    def documented(n: int, ctx: Context) -> int:
        """Double.

        Args:
            n: A number.
            ctx: The context.
        """
        return 2 * n

    assert tool_of(documented).description == "Double."
    assert value("documented", {"n": 1}) == 2


def test_context_logs_in_the_forms_of_both_libraries() -> None:
    @mcp.tool
    async def logs(ctx: Context) -> None:
        await ctx.debug("a")
        await ctx.info("b", logger_name="n")
        await ctx.warning("c", extra={"k": 1})
        await ctx.error({"d": 1})
        await ctx.log("e", "notice")
        await ctx.log("critical", "f", logger_name="n")
        await ctx.log(level="alert", message="g")
        await ctx.session.send_log_message(level="info", data="h", logger="m")
        await ctx.log("i", level="info")

    context = LocalContext()
    call("logs", context=context)
    assert context.log_records == [
        ("debug", "a", None),
        ("info", "b", "n"),
        ("warning", {"msg": "c", "extra": {"k": 1}}, None),
        ("error", {"d": 1}, None),
        ("notice", "e", None),
        ("critical", "f", "n"),
        ("alert", "g", None),
        ("info", "h", "m"),
        ("info", "i", None),
    ]


def test_context_notifies_the_client() -> None:
    @mcp.tool
    async def notifies(ctx: Context) -> None:
        await ctx.report_progress(1, 2, "half")
        await ctx.session.send_progress_notification("token", 2.0, total=2.0)
        await ctx.send_tool_list_changed()
        await ctx.session.send_resource_list_changed()
        await ctx.notify_prompts_changed()
        await ctx.session.send_resource_updated("res://x")

    context = LocalContext()
    assert not call("notifies", context=context).is_error
    assert context.progress_reports == [(1.0, 2.0, "half"), (2.0, 2.0, None)]
    assert context.changes == ["tools", "resources", "prompts", "res://x"]


class Colour(Enum):
    RED = "red"


class Trip(pydantic.BaseModel):
    city: str = pydantic.Field(description="The city")
    days: int = 3
    note: str | None = None
    colour: Colour = Colour.RED


@dataclass
class Name:
    first: str


@pytest.mark.parametrize(
    ("wanted", "schema", "answer", "data"),
    [
        (bool, {"type": "boolean"}, True, True),
        (str, {"type": "string"}, "a", "a"),
        (["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
        ([["a", "b"]], {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["a"], ["a"]),
        ({"a": {"title": "A"}}, {"type": "string", "oneOf": [{"const": "a", "title": "A"}]}, "a", "a"),
        (
            [{"a": {"title": "A"}}],
            {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}},
            ["a"],
            ["a"],
        ),
    ],
)
def test_elicitation_of_a_single_field(wanted: Any, schema: Any, answer: Any, data: Any) -> None:
    results: list[Any] = []

    @mcp.tool
    async def elicits(ctx: Context) -> None:
        results.append(await ctx.elicit("m", wanted))

    for one in (accept(value=answer), decline(), {"action": "cancel"}):
        context = LocalContext(answers=[one])
        assert not call("elicits", context=context).is_error
        ((method, params),) = context.sent_requests
        assert (method, params["message"]) == ("elicitation/create", "m")
        assert params["requestedSchema"] == {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    accepted, declined, cancelled = results
    assert accepted == AcceptedElicitation(data)
    assert (declined, cancelled) == (DeclinedElicitation(), CancelledElicitation())
    assert [one.action for one in results] == ["accept", "decline", "cancel"]


def test_elicitation_of_models_and_dataclasses() -> None:
    results: list[Any] = []

    @mcp.tool
    async def elicits(ctx: Context) -> None:
        results.append((await ctx.elicit(message="m", schema=Trip)).data)
        results.append((await ctx.elicit("m", response_type=Name)).data)
        results.append((await ctx.elicit("m", str, response_title="T", response_description="D")).data)
        results.append((await ctx.elicit("sure?", None)).data)

    answers = [accept(city="Bremen", days=2), accept(first="Ada"), accept(value="v"), accept()]
    context = LocalContext(answers=answers)
    found = call("elicits", context=context)
    assert not found.is_error, found.content
    assert results == [Trip(city="Bremen", days=2), Name("Ada"), "v", {}]
    schemas = [params["requestedSchema"] for _, params in context.sent_requests]
    assert schemas[0]["required"] == ["city"]
    assert schemas[0]["properties"] == {
        "city": {"description": "The city", "title": "City", "type": "string"},
        "days": {"default": 3, "title": "Days", "type": "integer"},
        "note": {"title": "Note", "type": "string"},
        "colour": {"enum": ["red"], "default": "red", "title": "Colour", "type": "string"},
    }
    assert schemas[1]["properties"] == {"first": {"type": "string"}}
    assert schemas[2]["properties"] == {"value": {"type": "string", "title": "T", "description": "D"}}


def test_elicitation_without_choices_is_an_error() -> None:
    @mcp.tool
    async def elicits(ctx: Context) -> None:
        await ctx.elicit("m", [])

    assert text("elicits").endswith("an elicitation needs at least one choice")


def test_sampling_in_the_forms_of_both_libraries() -> None:
    @mcp.tool
    async def samples(ctx: Context) -> list[str]:
        first = await ctx.sample("a", system_prompt="s", temperature=0.5, model_preferences="fast")
        message = SamplingMessage(role="user", content=TextContent(type="text", text="b"))
        second = await ctx.session.create_message(
            messages=[message], max_tokens=9, model_preferences=ModelPreferences(costPriority=0.1)
        )
        third = await ctx.sample([UserMessage("c"), "d"], max_tokens=5)
        return [first.text, second.content.text, third.result, second.model, str(second.content.type)]

    context = LocalContext(answers=[sampled("x"), sampled("y"), sampled("z")])
    assert value("samples", context=context) == ["x", "y", "z", "test", "text"]
    first, second, third = [params for _, params in context.sent_requests]
    assert first["systemPrompt"] == "s"
    assert first["maxTokens"] == 512
    assert first["modelPreferences"] == {"hints": [{"name": "fast"}]}
    assert second["messages"] == [{"role": "user", "content": {"type": "text", "text": "b"}}]
    assert second["modelPreferences"] == {"costPriority": 0.1}
    assert [item["content"]["text"] for item in third["messages"]] == ["c", "d"]


def test_sampling_with_tools_is_refused() -> None:
    @mcp.tool
    async def samples(ctx: Context) -> str:
        return (await ctx.sample("a", tools=[double])).text

    assert "`sample(tools=...)` is not available" in text("samples")


def test_roots_are_requested() -> None:
    @mcp.tool
    async def lists(ctx: Context) -> list[str]:
        return [root.uri for root in await ctx.list_roots()] + [
            root.uri for root in (await ctx.session.list_roots()).roots
        ]

    context = LocalContext(answers=[roots("file:///a"), roots("file:///b")])
    assert value("lists", context=context) == ["file:///a", "file:///b"]


def test_facts_of_the_call() -> None:
    from wasmcp.guest import HttpRequest, Identity

    @mcp.tool
    async def known(ctx: Context) -> dict[str, Any]:
        token = get_access_token()
        assert token is not None
        return {
            "client": ctx.client_id,
            "session": ctx.session_id,
            "headers": get_http_headers(),
            "all": sorted(get_http_headers(include_all=True)),
            "path": get_http_request().path,
            "transport": ctx.transport,
            "token": [token.client_id, token.subject, token.scopes],
            "meta": ctx.request_context.meta.client_id,
            "extension": ctx.client_supports_extension("x/y"),
            "task": ctx.is_background_task,
            "version": ctx.protocol_version,
        }

    context = LocalContext(
        meta={"client_id": "c"},
        session="s",
        http=HttpRequest("POST", "/mcp", {"host": "h", "x-key": "k"}),
        identity=Identity("sub", None, ("read",), {"client_id": "app"}),
        client_capabilities={"extensions": {"x/y": {}}},
    )
    assert json.loads(call("known", context=context).structured) == {
        "client": "c",
        "session": "s",
        "headers": {"x-key": "k"},
        "all": ["host", "x-key"],
        "path": "/mcp",
        "transport": "streamable-http",
        "token": ["app", "sub", ["read"]],
        "meta": "c",
        "extension": True,
        "task": False,
        "version": "2026-07-28",
    }


def test_facts_of_a_call_without_http_session_and_identity() -> None:
    @mcp.tool
    async def known(ctx: Context) -> list[Any]:
        with pytest.raises(RuntimeError, match="did not come over HTTP"):
            get_http_request()
        return [ctx.client_id, ctx.session_id, ctx.headers, get_http_headers(), ctx.transport, get_access_token()]

    assert json.loads(text("known")) == [None, None, None, {}, "stdio", None]


def test_state_is_kept_in_the_session_if_the_client_has_one() -> None:
    @mcp.tool
    async def visits(ctx: Context) -> int:
        count = (await ctx.get_state("visits") or 0) + 1
        await ctx.set_state("visits", count)
        await ctx.set_state("object", object(), serializable=False)
        assert await ctx.get_state("object") is not None
        return int(await ctx.get_state("visits"))

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.delete_state("visits")

    context = LocalContext(session="s", session_values={"state:visits": 4})
    assert value("visits", context=context) == 5
    assert context.session_values == {"state:visits": 5}
    assert value("visits") == value("visits") == 1
    again = LocalContext(session="s", session_values={"state:visits": 4})
    call("forget", context=again)
    assert again.session_values == {}


def test_dependencies_are_made_for_each_call_and_closed_after_it() -> None:
    events: list[str] = []

    @contextmanager
    def connection() -> Iterator[str]:
        events.append("open")
        yield "connection"
        events.append("close")

    @asynccontextmanager
    async def session(over: str = Depends(connection)) -> AsyncIterator[str]:
        yield f"session over {over}"

    async def user() -> str:
        return "ada"

    @mcp.tool
    def sync(n: int, over: str = Depends(connection)) -> str:
        return f"{n} {over}"

    @mcp.tool
    def both(within: str = Depends(session), name: str = Depends(user)) -> str:
        return f"{within} of {name}"

    assert list(tool_of(sync).input_schema["properties"]) == ["n"]
    assert value("sync", {"n": 1}) == "1 connection"
    assert value("both") == "session over connection of ada"
    assert events == ["open", "close"] * 2


def test_lifespan_is_entered_once_before_the_first_call() -> None:
    entered: list[str] = []

    @asynccontextmanager
    async def lifespan(server: FastMCP) -> AsyncIterator[dict[str, int]]:
        entered.append(server.name)
        yield {"n": len(entered)}

    server = FastMCP("living", lifespan=lifespan)

    @server.tool
    def sync(ctx: Context) -> int:
        return int(ctx.request_context.lifespan_context["n"])

    assert entered == []
    assert [value("sync"), value("sync")] == [1, 1]
    assert entered == ["living"]
    assert mcp.lifespan_value == {}


def test_text_of_exceptions_is_sent_unless_it_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> str:
        raise ValueError("the reason")

    async def fails_later() -> str:
        raise ValueError("the reason")

    mcp.tool(fails)
    mcp.tool(fails_later)
    FastMCP("masked", mask_error_details=True).tool(fails, name="masked")
    MCPServer("sdk").tool("sdk")(fails)
    assert text("fails") == "Error calling tool 'fails': the reason"
    assert text("fails_later") == "Error calling tool 'fails_later': the reason"
    assert text("masked") == "Error calling tool 'masked'"
    assert text("sdk") == "Error calling tool 'sdk'"
    assert capsys.readouterr().err.count("ValueError: the reason") == 4


@pytest.mark.parametrize(
    "error", [ToolError("t"), ResourceError("t"), ToolError("t", log_level=10), NotFoundError("t")]
)
def test_text_of_the_libraries_errors_is_sent_unchanged(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> str:
        raise error

    FastMCP("masked", mask_error_details=True).tool(fails)
    assert call("fails").is_error
    assert text("fails") == "t"
    assert capsys.readouterr().err == ""


def test_protocol_errors_of_the_sdk_are_json_rpc_errors() -> None:
    def fails(n: int) -> str:
        raise SdkError(ErrorData(code=-32001, message="m", data={"n": n})) if n else SdkError(code=-32002, message="o")

    mcp.tool(fails)
    with pytest.raises(McpError) as caught:
        call("fails", {"n": 1})
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32001, "m", {"n": 1})
    with pytest.raises(McpError, match="o"):
        call("fails", {"n": 0})


def test_content_results_are_blocks_without_a_schema(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<p>")

    @mcp.tool
    def image() -> Image:
        return Image(data=b"png")

    @mcp.tool
    def mixed() -> list[str | Image | TextContent]:
        return ["a", Image(data=b"jpg", format="jpeg"), TextContent(type="text", text="b")]

    @mcp.tool
    def several() -> list:  # type: ignore[type-arg]
        return [
            Audio(data=b"wav"),
            File(path=file),
            File(data=b"{}", format="json", name="f"),
            ResourceLink(type="resource_link", uri="res://a", name="a", mimeType="text/plain"),
            {"k": 1},
            ImageContent(type="image", data="aGk=", mimeType="image/gif"),
            AudioContent(type="audio", data="aGk=", mimeType="audio/ogg"),
            EmbeddedResource(type="resource", resource=TextResourceContents(uri="res://b", text="t")),
            content.Text("plain"),
        ]

    assert [tool_of(one).output_schema for one in (image, mixed, several)] == [None] * 3
    assert call("image").content == [content.Image(b"png", "image/png")]
    assert call("mixed").content == [content.Text("a"), content.Image(b"jpg", "image/jpeg"), content.Text("b")]
    assert call("several").content == [
        content.Audio(b"wav", "audio/wav"),
        content.EmbeddedResource("file:///page.html", "<p>", "text/html"),
        content.EmbeddedResource("file:///f.json", b"{}", "application/json"),
        content.ResourceLink("res://a", "a", mime_type="text/plain", icons=[]),
        content.Text('{"k":1}'),
        content.Image(b"hi", "image/gif"),
        content.Audio(b"hi", "audio/ogg"),
        content.EmbeddedResource("res://b", "t"),
        content.Text("plain"),
    ]


def test_media_needs_one_source() -> None:
    for given in ({}, {"path": "a.png", "data": b""}):
        with pytest.raises(ValueError, match="either `path` or `data`"):
            Image(**given)  # type: ignore[arg-type]
    assert Image(path="a.unknown").mime_type == "application/octet-stream"


def test_whole_results_are_sent_unchanged_whatever_the_annotation() -> None:
    @mcp.tool
    def own() -> ToolResult:
        return ToolResult(content="c", structured_content={"a": 1}, meta={"m": 1})

    @mcp.tool
    def sdk() -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text="no")], isError=True, _meta={"m": 2})

    @mcp.tool
    def typed() -> dict[str, int]:
        return ToolResult(structured_content={"b": 2})  # type: ignore[return-value]

    found = call("own")
    assert ([block.text for block in found.content], found.structured, found.meta) == (["c"], '{"a":1}', '{"m":1}')
    found = call("sdk")
    assert (found.is_error, found.content[0].text, found.meta) == (True, "no", '{"m":2}')
    found = call("typed")
    assert (found.structured, found.content[0].text) == ('{"b":2}', '{"b":2}')
    with pytest.raises(ValueError, match="needs `content`"):
        ToolResult()
    with pytest.raises(TypeError, match="must be an object"):
        ToolResult(structured_content=[1])


def test_result_without_annotation_is_structured_if_it_is_an_object() -> None:
    @mcp.tool
    def model():  # type: ignore[no-untyped-def]
        return {"trip": Trip(city="Bremen"), "where": Path("/a"), "set": {1}}

    @mcp.tool
    def loose() -> dict[str, Any]:
        return {"trip": Trip(city="Bremen"), "path": Path("/a")}

    trip = {"city": "Bremen", "days": 3, "note": None, "colour": "red"}
    assert json.loads(call("model").structured) == {"trip": trip, "where": "/a", "set": [1]}
    assert json.loads(call("loose").structured) == {"trip": trip, "path": "/a"}


def test_output_schema_is_the_authors_or_left_out() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}

    @mcp.tool(output_schema=schema)
    def own() -> dict[str, int]:
        return {"n": 1}

    @mcp.tool(output_schema=None)
    def without() -> dict[str, int]:
        return {"n": 1}

    @mcp.tool(structured_output=False)
    def unstructured() -> int:
        return 1

    assert tool_of(own).output_schema == schema
    assert call("own").structured == '{"n":1}'
    assert tool_of(without).output_schema is tool_of(unstructured).output_schema is None
    assert text("without") == '{"n":1}'
    assert text("unstructured") == "1"
    assert call("unstructured").structured is None


def test_bytes_are_text_or_base64() -> None:
    @mcp.tool
    def data(hexadecimal: str) -> bytes:
        return bytes.fromhex(hexadecimal)

    assert tool_of(data).output_schema is None
    assert [text("data", {"hexadecimal": one}) for one in ("6869", "ff")] == ["hi", "/w=="]


def test_timeout_ends_an_async_tool() -> None:
    @mcp.tool(timeout=0.01)
    async def slow() -> str:
        import asyncio

        await asyncio.sleep(60)
        return ""

    assert text("slow").startswith("Error calling tool 'slow'")


def test_timeout_of_a_sync_tool_is_refused() -> None:
    with pytest.raises(UnsupportedFeatureError, match="timeout"):
        mcp.tool(timeout=1)(double)


def test_resources_of_every_kind_are_read() -> None:
    @mcp.resource("res://text", title="T", tags={"a"}, annotations={"audience": ["user"], "priority": 1})
    def plain() -> str:
        """Text."""
        return "t"

    @mcp.resource("res://json", mime_type="application/json")
    def data() -> dict[str, int]:
        return {"a": 1}

    @mcp.resource("res://bytes", mime_type="image/png")
    async def raw() -> bytes:
        return b"\x00"

    @mcp.resource("res://parts")
    def parts() -> ResourceResult:
        return ResourceResult([ResourceContent({"a": 1}), ResourceContent("b", mime_type="text/css")])

    @mcp.resource("res://sdk")
    def sdk() -> TextResourceContents:
        return TextResourceContents(uri="res://sdk", text="s", mimeType="text/csv")

    listed = resource_of(plain)
    assert (listed.title, listed.description, listed.mime_type) == ("T", "Text.", "text/plain")
    assert listed.annotations == content.Annotations(audience=("user",), priority=1)
    assert listed.meta == {"fastmcp": {"tags": ["a"]}}
    found = {one.uri: [(part.data, part.mime_type) for part in read(one.uri)] for one in RESOURCES.all().values()}
    assert found == {
        "res://text": [("t", "text/plain")],
        "res://json": [('{"a":1}', "application/json")],
        "res://bytes": [(b"\x00", "image/png")],
        "res://parts": [('{"a":1}', "application/json"), ("b", "text/css")],
        "res://sdk": [("s", "text/csv")],
    }


def test_templates_get_their_variables_and_the_context() -> None:
    @mcp.resource("files://{folder}/{path*}")
    def file(folder: str, path: str, ctx: Context) -> str:
        return f"{folder} {path} {ctx.request_id}"

    @mcp.resource("items://{number}{?limit}")
    def items(number: int, limit: int = 5) -> str:
        return f"{number + 1} {limit}"

    @mcp.resource("open://{path*}", security=None)
    def unchecked(path: str) -> str:
        return path

    assert resource_of(file).uri == "files://{folder}/{+path}"
    assert read("files://a/b/c")[0].data == "a b/c 1"
    assert read("items://4?limit=2")[0].data == "5 2"
    assert read("items://4")[0].data == "5 5"
    assert matched(resource_of(file), "files://a/../c") is None
    assert read("open://../c")[0].data == "../c"


def test_added_resources_and_prompts_are_declared() -> None:
    mcp.add_resource(TextResource(uri="res://fixed", text="f", name="fixed", mime_type="text/css"))
    mcp.add_resource(Resource.from_function(lambda: "g", uri="res://made", name="made"))
    mcp.add_prompt(Prompt.from_function(double, name="p"))
    assert [(one.uri, one.name) for one in RESOURCES.all().values()] == [
        ("res://fixed", "fixed"),
        ("res://made", "made"),
    ]
    assert read("res://fixed")[0].data == "f"
    assert list(PROMPTS.all()) == ["p"]


def test_errors_of_resources_name_the_uri(capsys: pytest.CaptureFixture[str]) -> None:
    @mcp.resource("res://{n}")
    def fails(n: str) -> str:
        raise KeyError(n) if n == "a" else ResourceError("closed")

    with pytest.raises(McpError, match="Error reading resource 'res://a': 'a'"):
        read("res://a")
    assert "KeyError" in capsys.readouterr().err
    with pytest.raises(McpError, match=r"^closed$"):
        read("res://b")


def test_own_resources_and_prompts_are_read_in_a_call() -> None:
    @mcp.resource("res://{n}")
    async def resource(n: int, ctx: Context) -> list[ResourceContent]:
        await ctx.info("inner")
        return [ResourceContent(f"r{n}"), ResourceContent(b"x")]

    @mcp.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    @mcp.tool
    async def reads(ctx: Context) -> list[str]:
        found = await ctx.read_resource("res://1")
        (prompt,) = (await ctx.get_prompt("greet", {"name": "Ada"})).messages
        assert [part.content for part in found.contents] == [part.content for part in found]
        with pytest.raises(NotFoundError):
            await ctx.read_resource("none://1")
        with pytest.raises(NotFoundError):
            await ctx.get_prompt("none")
        return [str(found[0].content), str(found[0].mime_type), str(found[1].content), str(prompt.content)]

    context = LocalContext()
    assert value("reads", context=context) == ["r1", "text/plain", "b'x'", "Hello Ada"]
    assert context.log_records == [("info", "inner", None)]


@pytest.mark.parametrize(
    ("made", "messages"),
    [
        ("a", [("user", "a")]),
        (["a", Message("b", role="assistant")], [("user", "a"), ("assistant", "b")]),
        ([UserMessage("a"), Message({"k": 1})], [("user", "a"), ("user", content.Text('{"k":1}'))]),
        (PromptResult("a", description="D"), [("user", "a")]),
        (
            GetPromptResult(messages=[PromptMessage(role="assistant", content=TextContent(type="text", text="c"))]),
            [("assistant", content.Text("c"))],
        ),
        ([{"role": "user", "content": "d"}], [("user", "d")]),
        ({"role": "user", "content": {"type": "text", "text": "e"}}, [("user", "e")]),
    ],
)
def test_prompts_return_messages_in_every_form(made: Any, messages: list[Any]) -> None:
    @mcp.prompt(name="p", title="T", tags={"a"})
    def function(n: int = 1) -> Any:
        """Doc."""
        return made

    listed = prompt_of(function)
    assert (listed.title, listed.description, listed.meta) == ("T", "Doc.", {"fastmcp": {"tags": ["a"]}})
    found: Any = listed.get('{"n":"2"}', LocalContext())
    assert [(one.role, one.content) for one in found.messages] == messages


def test_errors_of_prompts_name_the_prompt() -> None:
    @mcp.prompt("p")
    async def fails(kind: str) -> str:
        raise ValueError("reason") if kind == "value" else PromptError("own")

    for kind, message in (("value", "Error rendering prompt 'p': reason"), ("own", "^own$")):
        with pytest.raises(McpError, match=message):
            PROMPTS.all()["p"].get(json.dumps({"kind": kind}), LocalContext())


@pytest.mark.parametrize(
    "use",
    [
        lambda: mcp.mount(FastMCP("other")),
        lambda: mcp.import_server(FastMCP("other")),
        lambda: FastMCP.as_proxy("https://example.com"),
        lambda: FastMCP.from_openapi({}),
        lambda: FastMCP.from_fastapi(object()),
        lambda: mcp.add_middleware(object()),
        lambda: mcp.custom_route("/health", methods=["GET"]),
        lambda: mcp.http_app(path="/mcp"),
        lambda: mcp.streamable_http_app(path="/mcp"),
        lambda: mcp.completion()(double),
        lambda: FastMCP("x", auth=object()),
        lambda: FastMCP("x", middleware=[object()]),
        lambda: FastMCP("x", tasks=True),
        lambda: FastMCP("x", on_duplicate_tools="replace"),
        lambda: mcp.tool(task=True),
        lambda: mcp.tool(auth=object()),
        lambda: mcp.tool(serializer=str),
        lambda: mcp.tool(app=object()),
        lambda: mcp.resource("res://a", auth=object()),
        lambda: mcp.resource("res://a", security=object()),
        lambda: mcp.prompt(task=True),
    ],
)
def test_feature_that_a_component_lacks_is_refused_by_name(use: Callable[[], Any]) -> None:
    with pytest.raises(UnsupportedFeatureError, match="is not available in a component: ") as caught:
        use()
    assert caught.value.place is not None
    assert caught.value.place[0] == __file__
    assert f"`{caught.value.feature}`" in str(caught.value)
    assert len(caught.value.advice) > 10


def test_all_refused_features_of_a_build_are_reported_together() -> None:
    with collected() as refused:

        @mcp.custom_route("/health", methods=["GET"])
        def health() -> str:
            return "ok"

        mcp.mount(FastMCP("other"))
        FastMCP("x", auth=object()).tool(double)
    assert [error.tool for error in refused] == ["FastMCP.custom_route", "FastMCP.mount", "FastMCP(auth=...)"]
    assert health() == "ok"
    assert list(TOOLS.all()) == ["double"]


def test_arguments_of_the_transport_are_warned_of() -> None:
    with collected():
        FastMCP("x", host="0.0.0.0", port=8000, dependencies=["httpx"])  # noqa: S104
    found = warned()
    assert [one["message"].partition(" has no effect")[0] for one in found] == [
        "`FastMCP(host=...)`",
        "`FastMCP(port=...)`",
        "`FastMCP(dependencies=...)`",
    ]
    assert {one["file"] for one in found} == {__file__}
    with pytest.warns(UserWarning, match="wasmcp serve"):
        FastMCP("x", stateless_http=True)


def test_arguments_of_the_server_are_accepted_and_unknown_ones_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FastMCP("x", "i", version="1", website_url="u", icons=[], on_duplicate_tools="error", auth=None, middleware=[])
        MCPServer("x", title="t", description="d", instructions="i", version="1", warn_on_duplicate_tools=True)
    with pytest.raises(TypeError, match="no argument `colour`"):
        FastMCP("x", colour="red")


def test_running_is_left_to_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    mcp.run(transport="http", port=8000)
    assert "wasmcp run" in capsys.readouterr().err


def test_values_of_the_protocol_have_both_spellings() -> None:
    found = ImageContent(type="image", data="aGk=", mimeType="image/png")
    assert found.mimeType == found.mime_type == "image/png"
    assert found == ImageContent(data="aGk=", mime_type="image/png")
    assert found.model_dump() == {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    assert repr(found) == "ImageContent(type='image', data='aGk=', mime_type='image/png')"
    with pytest.raises(TypeError, match="has no field `colour`"):
        TextContent(text="a", colour="red")
    with pytest.raises(TypeError, match="needs `mimeType`"):
        ImageContent(data="")
    with pytest.raises(AttributeError):
        found.nothing  # noqa: B018


def test_example_of_the_guide_runs() -> None:
    page = Path(__file__).parents[3] / "docs" / "guides" / "from-fastmcp.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    exec(compile(example, "weather", "exec", dont_inherit=True), {"__name__": "weather"})  # noqa: S102 - our own page
    context = LocalContext()
    assert value("forecast", {"city": "Bremen", "days": "2"}, context) == [
        "Bremen, day 0: sunny",
        "Bremen, day 1: sunny",
    ]
    assert context.log_records == [("info", "forecast for Bremen", None)]
    assert read("weather://Bremen/now")[0].data == "Bremen: sunny"
    assert list(PROMPTS.all()) == ["plan_trip"]


def test_guide_names_every_refused_method() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guides" / "from-fastmcp.md").read_text("utf-8")
    named = ["mount", "import_server", "as_proxy", "from_openapi", "from_fastapi", "add_middleware", "custom_route"]
    for name in [*named, "http_app", "sse_app", "streamable_http_app", "completion", "add_provider", "add_transform"]:
        assert isinstance(vars(FastMCP)[name], RefusedMethod)
        assert f"`{name}`" in page, name
