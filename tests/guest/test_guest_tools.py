from __future__ import annotations

import asyncio
import functools
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from wasmcp.guest import (
    Context,
    DeclarationError,
    Field,
    Icon,
    Image,
    InputRequest,
    InputRequired,
    McpError,
    ResourceLink,
    Text,
    ToolError,
    ToolResult,
    prompt,
    resource,
    tool,
)
from wasmcp.guest.declarations.registry import registered, tool_of
from wasmcp.guest.declarations.tools import Rendered, Tool
from wasmcp.guest.testing import LocalContext

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypes


def call(function, /, **arguments):
    """Call a tool as a client does; return text, structured content and `is_error`."""
    return call_text(function, json.dumps(arguments))


def call_text(function, arguments):
    result = tool_of(function).call(arguments, LocalContext())
    text = result.content[0].text if result.content else None
    return text, None if result.structured is None else json.loads(result.structured), result.is_error


@dataclass
class Item:
    price: float
    name: str = "x"


class TestDeclaring:
    def test_function_is_unchanged(self):
        def double(n: int) -> int:
            return 2 * n

        assert tool(double) is double
        assert double(2) == 4

    def test_name_description_and_schemas(self):
        @tool
        def total(items: list[Item], factor: Annotated[float, Field(ge=0)] = 1.0) -> float:
            """Add up prices.

            Args:
                items: The items.

            Returns:
                The price of all.
            """
            return sum(item.price for item in items) * factor

        found = tool_of(total)
        assert (found.name, found.description) == ("total", "Add up prices.")
        assert found.input_schema == {
            "type": "object",
            "properties": {
                "items": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"price": {"type": "number"}, "name": {"type": "string", "default": "x"}},
                        "required": ["price"],
                        "additionalProperties": False,
                    },
                    "description": "The items.",
                },
                "factor": {"type": "number", "minimum": 0, "default": 1.0},
            },
            "required": ["items"],
            "additionalProperties": False,
        }
        assert found.output_schema == {
            "type": "object",
            "properties": {"result": {"type": "number", "description": "The price of all."}},
            "required": ["result"],
        }

    def test_options(self):
        @tool(
            name="files.delete",
            title="Delete",
            description="Delete a file.",
            read_only=False,
            destructive=True,
            icons=[Icon(src="https://example.com/i.png", sizes=["48x48"])],
            meta={"a": 1},
            tags=["files", "danger"],
            scopes=["files:delete", "files:write"],
        )
        def delete(path: str) -> None:
            """Not this."""

        found = tool_of(delete)
        assert (found.name, found.title, found.description) == ("files.delete", "Delete", "Delete a file.")
        assert found.hints == {"read_only": False, "destructive": True}
        assert found.icons[0].sizes == ["48x48"]
        assert found.meta == {
            "a": 1,
            "wasmcp/tags": ["files", "danger"],
            "wasmcp/scopes": ["files:delete", "files:write"],
        }
        assert found.output_schema is None

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"tags": "math"}, "`tags` must be a list of strings"),
            ({"tags": ["math", ""]}, "`tags` must be a list of strings"),
            ({"tags": [1]}, "`tags` must be a list of strings"),
            ({"tags": ["a"], "meta": {"wasmcp/tags": ["b"]}}, "use one of them"),
            ({"scopes": "math"}, "`scopes` must be a list of scopes of OAuth"),
            ({"scopes": ["math use"]}, "`scopes` must be a list of scopes of OAuth"),
            ({"scopes": ["é"]}, "`scopes` must be a list of scopes of OAuth"),
            ({"scopes": [""]}, "`scopes` must be a list of scopes of OAuth"),
            ({"scopes": ["a"], "meta": {"wasmcp/scopes": ["b"]}}, "use one of them"),
        ],
    )
    def test_tags_and_scopes_that_are_none_are_refused(self, options, words):
        for declare in (tool(**options), prompt(**options), resource("notes://all", **options)):
            with pytest.raises(DeclarationError, match=words):
                declare(lambda: "x")

    def test_without_parameters_only_the_empty_object_is_accepted(self):
        @tool
        def now() -> str:
            return "now"

        assert tool_of(now).input_schema == {"type": "object", "additionalProperties": False}
        assert call_text(now, None) == ("now", {"result": "now"}, False)

    def test_order_of_declaration_is_kept(self):
        for name in ("zebra", "apple", "mouse"):
            tool(name=name)(lambda: None)
        assert list(registered()) == ["zebra", "apple", "mouse"]

    def test_descriptions_in_annotations_have_precedence(self):
        @tool
        def f(a: Annotated[int, Field(description="from the field")], b: Annotated[int, "short"]) -> None:
            """F.

            Args:
                a: from the docstring
                b: from the docstring
            """

        properties = tool_of(f).input_schema["properties"]
        assert (properties["a"]["description"], properties["b"]["description"]) == ("from the field", "short")

    def test_header_parameter(self):
        @tool
        def f(region: Annotated[str, Field(header="Region")]) -> None: ...

        assert tool_of(f).input_schema["properties"]["region"] == {"type": "string", "x-mcp-header": "Region"}

    def test_type_defined_after_the_tool(self):
        namespace: dict[str, Any] = {}
        source = (
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "from wasmcp.guest import tool\n"
            "@tool\n"
            "def f(x: Later) -> int:\n"
            "    return x.n\n"
            "@dataclass\n"
            "class Later:\n"
            "    n: int\n"
        )
        exec(compile(source, "late.py", "exec"), namespace)  # noqa: S102 - a module whose order matters
        tool(name="after")(lambda: None)
        assert call(namespace["f"], x={"n": 3}) == ("3", {"result": 3}, False)
        assert list(registered()) == ["f", "after"]

    def test_wrapped_function(self):
        @tool
        @functools.lru_cache
        def f(x: int) -> int:
            """Cached."""
            return x

        assert tool_of(f).description == "Cached."
        assert call(f, x=1)[1] == {"result": 1}

    def test_return_annotation_is_documented(self):
        @tool
        def f() -> Annotated[float, Field(description="Degrees.", ge=-273)]:
            return 1.0

        result = tool_of(f).output_schema["properties"]["result"]
        assert result == {"type": "number", "minimum": -273, "description": "Degrees."}


class TestRefusals:
    @staticmethod
    def refused(function, **options):
        with pytest.raises(DeclarationError) as caught:
            tool(**options)(function)
        return str(caught.value)

    def test_unsupported_type(self):
        def f(x: list[complex]) -> None: ...

        assert self.refused(f).startswith("tool `f`, parameter `x`: `complex` has no JSON Schema")

    def test_unsupported_member(self):
        @dataclass
        class Inner:
            z: complex

        @dataclass
        class Outer:
            inner: Inner

        def f(x: Outer) -> None: ...

        with pytest.raises(DeclarationError, match=r"^tool `f`, parameter `x`, member `inner.z`: `complex` has"):
            tool(f)

    def test_unsupported_return_type(self):
        def f() -> complex: ...

        assert self.refused(f).startswith("tool `f`, return: `complex` has no JSON Schema")

    def test_missing_annotation(self):
        def f(x) -> None: ...

        assert "parameter `x`: it has no annotation" in self.refused(f)

    @pytest.mark.parametrize("stars", ["*", "**"])
    def test_variable_arguments(self, stars):
        namespace: dict[str, Any] = {}
        exec(f"def f({stars}x: int) -> None: ...", namespace)  # noqa: S102
        assert f"`{stars}x` has no JSON Schema" in self.refused(namespace["f"])

    def test_field_as_default(self):
        def f(x: int = Field(ge=1)) -> None: ...

        assert "write `Annotated[int, Field(...)]`" in self.refused(f)

    @pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 129])
    def test_invalid_name(self, name):
        assert "must be 1 to 128" in self.refused(lambda: None, name=name)

    @pytest.mark.parametrize(
        ("annotation", "default", "reason"),
        [
            (int, None, "the default `None` does not fit its type: expected integer, got null; write `... | None`"),
            (int, "5", "the default `'5'` does not fit its type: expected integer, got string"),
            (list[int], (1,), "the default `(1,)` does not fit its type: expected array, got tuple"),
            (Annotated[int, Field(ge=1)], 0, "the default `0` does not fit its type: expected at least 1, got 0"),
            (Item, {"price": 1}, "does not fit its type: expected Item, got dict"),
            (list[Item], [Item("x")], "does not fit its type: [0].price: expected number, got string"),
            (float, float("nan"), "does not fit its type: expected a finite number, got nan"),
            (str, "x" * 5000, None),
            (Any, object(), None),
            (int | None, None, None),
        ],
    )
    def test_default_of_another_type(self, annotation, default, reason):
        def f(x=default) -> None: ...

        f.__annotations__ = {"x": annotation, "return": None}
        if reason is None:
            tool(f)
            return
        message = self.refused(f)
        assert message.startswith("tool `f`, parameter `x`: the default `")
        assert reason in message

    def test_member_default_of_another_type(self):
        @dataclass
        class Order:
            count: int = None
            names: list[str] = field(default_factory=list)

        def f(order: Order) -> None: ...

        with pytest.raises(DeclarationError, match=r"^tool `f`, parameter `order`, member `count`: the default `None`"):
            tool(f)

    def test_duplicate_name(self):
        @tool
        def first() -> None: ...

        def second() -> None: ...

        assert "`first` is already the tool at line" in self.refused(second, name="first")

    def test_name_imported_only_for_type_checking(self):
        @tool
        def f(x: OnlyForTypes) -> None: ...

        with pytest.raises(DeclarationError, match="name `OnlyForTypes`, which does not exist") as caught:
            registered()
        assert caught.value.place[0] == __file__

    def test_other_callables(self):
        def generate() -> list[int]:
            yield 1

        for thing in (generate, int, functools.partial(print), print):
            assert "only a plain function that returns its result" in self.refused(thing)

    def test_undecorated_function_has_no_tool(self):
        with pytest.raises(LookupError, match="not decorated"):
            tool_of(lambda: None)


class TestArguments:
    def test_arguments_are_converted(self):
        @tool
        def f(item: Item, tags: set[str]) -> str:
            return f"{type(item).__name__} {sorted(tags)}"

        assert call(f, item={"price": 1}, tags=["b", "a"])[0] == "Item ['a', 'b']"

    def test_invalid_argument_is_reported_with_its_path(self):
        @tool
        def f(items: list[Item]) -> None: ...

        text, structured, failed = call(f, items=[{"price": 1}, {"price": 2}, {"price": "x"}])
        assert text == "Invalid arguments for tool f: items[2].price: expected number, got string"
        assert (structured, failed) == (None, True)

    def test_all_invalid_arguments_are_reported(self):
        @tool
        def f(a: int, b: str, c: bool = False) -> None: ...

        assert call(f, a="x", c=1, d=2)[0] == (
            "Invalid arguments for tool f: a: expected integer, got string; c: expected boolean, got integer; "
            "d: unexpected; expected only a, b, c; b: required, but missing"
        )

    def test_all_invalid_members_of_records_are_reported(self):
        @tool
        def f(items: list[Item], first: Item, n: int) -> None: ...

        text, _, _ = call(f, items=[{"price": "x", "name": 1}, {"price": 1}, {}], first={"cost": 1}, n=1.5)
        assert text == (
            "Invalid arguments for tool f: items[0].price: expected number, got string; "
            "items[0].name: expected string, got integer; items[2].price: required, but missing; "
            "first.cost: unexpected; expected only price, name; first.price: required, but missing; "
            "n: expected integer, got 1.5"
        )

    def test_reported_unknown_arguments_are_limited(self):
        @tool
        def f(a: int) -> None: ...

        text, _, failed = call(f, **{f"b{number}": 1 for number in range(380_000)})
        assert failed
        assert text.count("unexpected") == 20
        assert text.endswith("b19: unexpected; and more")

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ("{}", "n: required, but missing"),
            ('{"n": 1, "m": 2}', "m: unexpected; expected only n"),
            ("[1]", "expected an object"),
            ("{", "they are not JSON that can be read"),
            ('{"n": NaN}', "NaN is not JSON"),
            ('{"n": 1' + "0" * 5000 + "}", "they are not JSON that can be read"),
            ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ],
    )
    def test_invalid_arguments_are_tool_errors(self, arguments, problem):
        called = []

        @tool
        def f(n: int) -> None:
            called.append(n)

        text, _, failed = call_text(f, arguments)
        assert failed
        assert problem in text
        assert called == []

    def test_default_is_used(self):
        @tool
        def f(a: int, b: int = 5) -> int:
            return a + b

        assert call(f, a=1)[1] == {"result": 6}

    def test_positional_only_parameters(self):
        @tool
        def f(a: int, b: int = 5, /, c: int = 1) -> list[int]:
            return [a, b, c]

        assert call(f, a=1, c=2)[1] == {"result": [1, 5, 2]}


class TestResults:
    @pytest.mark.parametrize(
        ("annotation", "value", "text", "structured"),
        [
            (str, "é", "é", {"result": "é"}),
            (int, 3, "3", {"result": 3}),
            (bool, True, "true", {"result": True}),
            (float, 1.5, "1.5", {"result": 1.5}),
            (list[int], [1, 2], "[1,2]", {"result": [1, 2]}),
            (int | None, None, "null", {"result": None}),
            (dict[str, int], {"a": 1}, '{"a":1}', {"a": 1}),
            (Item, Item(1.0), '{"price":1.0,"name":"x"}', {"price": 1.0, "name": "x"}),
            (Item | None, Item(1.0), '{"price":1.0,"name":"x"}', {"result": {"price": 1.0, "name": "x"}}),
            (Any, Item(1.0), '{"price":1.0,"name":"x"}', None),
            (Any, "plain", "plain", None),
        ],
    )
    def test_text_and_structured_content(self, annotation, value, text, structured):
        def f():
            return value

        f.__annotations__["return"] = annotation
        assert call(tool(f)) == (text, structured, False)

    def test_none_has_no_content(self):
        @tool
        def f() -> None: ...

        result = tool_of(f).call("{}", LocalContext())
        assert (result.content, result.structured, result.is_error) == ([], None, False)

    @pytest.mark.parametrize(
        ("annotation", "value"),
        [
            (Text, Text("a")),
            (list[Image | Text], [Image(b"1", "image/png"), Text("a")]),
            (list[Text | str], [Text("a"), "b"]),
            (ResourceLink | None, ResourceLink("file:///a", "a")),
        ],
    )
    def test_content_blocks_have_no_schema(self, annotation, value):
        def f():
            return value

        f.__annotations__["return"] = annotation
        found = tool_of(tool(f))
        assert found.output_schema is None
        expected = [
            Text(item) if isinstance(item, str) else item for item in (value if isinstance(value, list) else [value])
        ]
        assert found.call("{}", LocalContext()).content == expected

    def test_tool_result_object(self):
        @tool
        def f() -> ToolResult:
            return ToolResult(["no", Text("go")], structured={"a": Item(1.0)}, is_error=True, meta={"k": 1})

        result = tool_of(f).call("{}", LocalContext())
        assert result.content == [Text("no"), Text("go")]
        assert json.loads(result.structured) == {"a": {"price": 1.0, "name": "x"}}
        assert (result.is_error, json.loads(result.meta)) == (True, {"k": 1})

    def test_results_of_a_value_are_a_text_and_structured_content(self):
        @tool
        def f(number: int) -> int:
            if number < 0:
                raise ToolError("too small")
            return 2 * number

        found = tool_of(f)
        assert found.answer('{"number": 2}', LocalContext()) == ("value", "4")
        assert found.call('{"number": 2}', LocalContext()) == Rendered([Text("4")], '{"result":4}')
        for arguments in ('{"number": -1}', '{"number": "a"}', "[]", "{"):
            assert found.answer(arguments, LocalContext()) == found.call(arguments, LocalContext())

    def test_tools_that_use_their_context(self):
        @tool
        def plain(number: int = 1, /, text: str = "") -> int:
            return number

        @tool
        def with_context(context: Context) -> str:
            return context.id

        @tool
        async def waiting() -> int:
            return 1

        assert [tool_of(one).uses_context for one in (plain, with_context, waiting)] == [False, True, True]
        expired = Context(None)
        assert tool_of(plain).answer('{"number": 3}', expired) == ("value", "3")

    @pytest.mark.parametrize("returned", [bool, int, float, str, object, list[int]])
    @pytest.mark.parametrize(
        "sent",
        [
            '{"flag":true,"count":2,"size":1.5,"text":"x"}',
            ' {"text": "\\u00e9\\n", "size": 2, "count": -1, "flag": false} ',
            '{"flag":true,"count":2,"size":1.5,"text":"%s"}' % ("x" * 20_000),
            '{"flag":true,"count":2,"size":1.5,"text":"a","text":"b"}',
            '{"flag":true,"count":2.0,"size":1.5,"text":"x"}',
            '{"flag":1,"count":true,"size":false,"text":null}',
            '{"flag":true,"count":2,"size":1e999,"text":"x"}',
            '{"flag":true,"count":2,"size":1%s,"text":"x"}' % ("0" * 400),
            '{"flag":true,"count":1%s,"size":1,"text":"x"}' % ("0" * 5_000),
            '{"flag":true,"count":2,"size":NaN,"text":"x"}',
            '{"flag":true,"count":2,"size":1.5}',
            '{"flag":true,"count":2,"size":1.5,"text":"x"} 1',
            "[true,2,1.5]",
            '"flag"',
            "{",
            "",
            None,
        ],
    )
    def test_simple_arguments_are_those_of_other_tools(self, sent, returned):
        """Tools with simple parameters have functions of their own; one with an optional parameter has none."""
        values = [True, 7, 2.5, 3.0, 1e22, float("inf"), 'a"é\n\ud800', "plain", "y" * 20_000, None, [1]]
        calls: list[str] = []

        def f(flag: bool, count: int, size: float, text: str):
            calls.append(repr((flag, count, size, text)))
            return values[0]

        def g(flag: bool, count: int, size: float, text: str, more: int = 0):
            return f(flag, count, size, text)

        f.__annotations__["return"] = g.__annotations__["return"] = returned
        simple, other = Tool(f), Tool(g, name="f")
        while values:
            assert repr(simple.call(sent, LocalContext())) == repr(other.call(sent, LocalContext()))
            del values[0]
        assert calls[::2] == calls[1::2]

    def test_an_unknown_argument_of_a_simple_tool(self):
        @tool
        def f(count: int) -> int:
            return count

        answer = tool_of(f).call('{"count": 1, "more": 2}', LocalContext())
        assert answer.content == [Text("Invalid arguments for tool f: more: unexpected; expected only count")]

    def test_a_simple_tool_can_fail(self, capsys):
        @tool
        def f(count: int) -> int:
            if count == 1:
                raise ToolError("one")
            if count == 2:
                raise McpError(-32000, "two")
            return 1 // (count - 3)

        found = tool_of(f)
        assert found.call('{"count": 1}', LocalContext()) == Rendered([Text("one")], is_error=True)
        with pytest.raises(McpError, match="two"):
            found.call('{"count": 2}', LocalContext())
        assert found.call('{"count": 3}', LocalContext()).content == [Text("Error executing tool f")]
        printed = capsys.readouterr().err
        assert printed.count("File") == 1, "only frames of the author"
        assert "ZeroDivisionError" in printed
        assert found.call('{"count": 4}', LocalContext()).structured == '{"result":1}'

    def test_input_required(self):
        @tool
        def f(context: Context) -> int | InputRequired:
            if "age" in context.input_responses:
                return context.input_responses["age"]["content"]["age"]
            return InputRequired({"age": InputRequest("elicitation/create", {"message": "How old?"})}, b"s")

        assert tool_of(f).output_schema["properties"] == {"result": {"type": "integer"}}
        rendered = tool_of(f).call("{}", LocalContext())
        assert rendered.input_required == ([("age", "elicitation/create", '{"message":"How old?"}')], b"s")
        answered = LocalContext(input_responses={"age": {"content": {"age": 7}}}, input_state=b"s")
        assert answered.input_state == b"s"
        assert tool_of(f).call("{}", answered).structured == '{"result":7}'

    def test_empty_input_required(self, capsys):
        @tool
        def f() -> InputRequired:
            return InputRequired({})

        assert call(f)[2]
        assert "expected a request or a state" in capsys.readouterr().err

    def test_lone_surrogates_become_valid_utf_8(self):
        @tool
        def f() -> str:
            return "\ud800é"

        text, structured, _ = call(f)
        assert text.encode() == "\ufffdé".encode()
        assert structured == {"result": "\ufffdé"}

    def test_result_of_another_type_is_masked(self, capsys):
        @tool
        def f() -> list[int]:
            return [1, "secret"]  # type: ignore[list-item]

        assert call(f) == ("Error executing tool f", None, True)
        assert "did not return a value of its annotation: [1]: expected integer, got string" in capsys.readouterr().err


class TestFailures:
    def test_tool_error_is_sent(self):
        @tool
        def f() -> None:
            raise ToolError("no such city")

        assert call(f) == ("no such city", None, True)

    @pytest.mark.parametrize(
        "error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit, ImportError]
    )
    def test_other_exceptions_are_masked_and_logged_to_stderr(self, error, capsys):
        @tool
        def f() -> None:
            raise error("secret")

        assert call(f) == ("Error executing tool f", None, True)
        stderr = capsys.readouterr().err
        assert stderr.startswith("tool `f` failed:\nTraceback (most recent call last):\n")
        assert f"{error.__name__}: secret" in stderr
        assert "wasmcp/guest/declarations/tools.py" not in stderr

    def test_causes_are_logged(self, capsys):
        @tool
        def f() -> None:
            try:
                {}["missing"]
            except KeyError as error:
                raise RuntimeError("no such thing") from error

        call(f)
        stderr = capsys.readouterr().err
        assert "KeyError: 'missing'" in stderr
        assert stderr.endswith("RuntimeError: no such thing\n")

    def test_endless_recursion(self, capsys):
        @tool
        def f() -> int:
            return f() + 1

        assert call(f)[2]
        assert "RecursionError" in capsys.readouterr().err

    def test_cyclic_result(self, capsys):
        @tool
        def f() -> Any:
            items: list[Any] = []
            items.append(items)
            return items

        assert call(f)[2]
        assert "RecursionError" in capsys.readouterr().err

    def test_broken_stderr_is_ignored(self, monkeypatch):
        @tool
        def f() -> None:
            raise ValueError

        monkeypatch.setattr(sys, "stderr", None)
        assert call(f) == ("Error executing tool f", None, True)


class TestAsync:
    def test_coroutine_runs_to_completion(self):
        @tool
        async def f(seconds: float) -> list[int]:
            async def one(n: int) -> int:
                await asyncio.sleep(seconds / n)
                return n

            return list(await asyncio.gather(one(2), one(1)))

        assert call(f, seconds=0.01)[1] == {"result": [2, 1]}
        assert asyncio.run(f(0.0)) == [2, 1]

    def test_endless_wait_is_an_error(self, capsys):
        @tool
        async def f() -> None:
            await asyncio.Event().wait()

        assert call(f)[2]
        assert "deadlock: all tasks of this tool wait" in capsys.readouterr().err

    def test_remaining_tasks_are_cancelled(self):
        ended = []

        @tool
        async def f() -> None:
            async def forever() -> None:
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.append(True)

            ended.clear()
            f.task = asyncio.ensure_future(forever())  # type: ignore[attr-defined]
            await asyncio.sleep(0)

        assert not call(f)[2]
        assert ended == [True]

    def test_timeout(self):
        @tool
        async def f() -> str:
            try:
                await asyncio.wait_for(asyncio.sleep(3600), 0.01)
            except TimeoutError:
                return "late"
            return "in time"

        assert call(f)[0] == "late"


class TestContext:
    def test_context_is_not_an_argument(self):
        @tool
        def f(n: int, context: Context, maybe: Context | None = None) -> bool:
            return maybe is context

        assert list(tool_of(f).input_schema["properties"]) == ["n"]
        assert call(f, n=1)[1] == {"result": True}

    def test_client_cannot_set_the_context(self):
        @tool
        def f(context: Context) -> None: ...

        assert "context: unexpected; expected nothing" in call(f, context={})[0]
