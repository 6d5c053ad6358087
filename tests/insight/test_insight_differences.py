from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wasmcp.insight.server_diff import Difference, Side, differences
from wasmcp.insight.surface import Offers

CALC = {
    "name": "calc",
    "description": "Calculate.",
    "inputSchema": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
    "outputSchema": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
}


def side(imports: tuple[str, ...] = (), grants: Mapping[str, list[str]] | None = None, **lists: Any) -> Side:
    return Side(Offers(lists, "manifest"), imports, (), tuple((grants or {}).items()))


def tool(**more: Any) -> list[dict[str, Any]]:
    return [{**CALC, **more}]


def changed(**more: Any) -> Difference:
    (found,) = differences(side(tools=[CALC]), side(tools=tool(**more)))
    return found


def an_input(required: tuple[str, ...] = ("x",), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": {"type": "number"}, **properties}, "required": list(required)}


def test_equal_servers_have_no_differences() -> None:
    assert differences(side(tools=[CALC]), side(tools=[CALC])) == []


def test_added_and_removed_tools() -> None:
    assert differences(side(tools=[CALC]), side(tools=tool(name="other"))) == [
        Difference("tool", "calc", "removed", breaking=True),
        Difference("tool", "other", "added", breaking=False),
    ]


def test_changed_description_is_not_breaking() -> None:
    found = changed(description="Add.")
    assert (found.breaking, found.details) == (False, ('`description` is "Add." now; it was "Calculate."',))


def test_changed_tasks() -> None:
    def with_task(**more: Any) -> list[dict[str, Any]]:
        return tool(_meta={"wasmcp/task": {"mode": "run", **more}})

    def between(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> tuple[bool, str]:
        (found,) = differences(side(tools=old), side(tools=new))
        return found.breaking, found.details[0]

    assert between([CALC], with_task()) == (
        False,
        "can run as a task now: runs on after its request; kept for 3,600 s, polled every 1 s",
    )
    assert between(with_task(), with_task(required=True)) == (
        True,
        "refuses clients without the tasks extension now",
    )
    assert between(with_task(required=True), [CALC]) == (False, "does not run as a task any more")
    assert between(with_task(), with_task(mode="steps", ttlMs=500))[1] == (
        "runs as a task in another way: continues by steps; kept for 0.5 s, polled every 1 s, "
        "before runs on after its request; kept for 3,600 s, polled every 1 s"
    )


def test_changed_arguments() -> None:
    assert changed(inputSchema=an_input(("x", "y"), y={"type": "number"})).details == ("needs `y` now",)
    optional = changed(inputSchema=an_input(y={"type": "number"}))
    assert (optional.breaking, optional.details) == (False, ("takes `y` too",))
    narrowed = changed(inputSchema=an_input(x={"type": "integer"}))
    assert (narrowed.breaking, narrowed.details) == (True, ("argument `x` no longer takes `number`",))
    bounded = changed(inputSchema=an_input(x={"type": "number", "maximum": 5}))
    assert bounded.details == ("argument `x`: `maximum` is `5` now",)
    gone = changed(inputSchema={"type": "object", "properties": {}})
    assert (gone.breaking, gone.details) == (True, ("no longer has the argument `x`",))
    wider = changed(inputSchema=an_input(x={"type": ["number", "string"]}))
    assert (wider.breaking, wider.details) == (False, ("`inputSchema` changed; all earlier arguments remain valid",))


def test_changed_results() -> None:
    more = changed(outputSchema={**CALC["outputSchema"], "properties": {"sum": {"type": "integer"}, "n": {}}})  # type: ignore[dict-item]
    assert (more.breaking, more.details) == (
        False,
        ("`outputSchema` changed; its results are valid under the old one as well",),
    )
    wider = changed(outputSchema={"type": "object", "properties": {"sum": {"type": ["number", "null"]}}})
    assert wider.breaking
    assert wider.details == ("result may lack `sum` now", "result's `sum` may be `null` now")
    gone = changed(outputSchema=None)
    assert (gone.breaking, gone.details) == (True, ("has no `outputSchema` any more",))
    (came,) = differences(side(tools=tool(outputSchema=None)), side(tools=[CALC]))
    assert (came.breaking, came.details) == (False, ("has an `outputSchema` now",))


def test_changed_prompts() -> None:
    old = {"name": "p", "arguments": [{"name": "a"}, {"name": "b"}]}
    new = {"name": "p", "arguments": [{"name": "a", "required": True}, {"name": "c"}, {"name": "d", "required": True}]}
    (found,) = differences(side(prompts=[old]), side(prompts=[new]))
    assert found.details == ("needs `a` now", "no longer takes `b`", "needs `d` now", "takes `c` too")
    (fine,) = differences(side(prompts=[{"name": "p"}]), side(prompts=[{"name": "p", "arguments": [{"name": "c"}]}]))
    assert (fine.breaking, fine.details) == (False, ("takes `c` too",))


def test_changed_resources() -> None:
    old, new = {"uri": "x:/", "name": "a", "mimeType": "a/b"}, {"uri": "x:/", "name": "b", "mimeType": "c/d"}
    (found,) = differences(side(resources=[old]), side(resources=[new]))
    assert found.breaking
    assert found.details == ('`mimeType` is "c/d" now; it was "a/b"', '`name` is "b" now; it was "a"')
    (gone,) = differences(side(templates=[{"uriTemplate": "x:/{y}"}]), side())
    assert gone == Difference("resource template", "x:/{y}", "removed", breaking=True)


def test_changed_imports() -> None:
    old, new = ("wasi:io/poll@0.2.8", "wasi:cli/stdin@0.2.8"), ("wasi:io/poll@0.2.9", "wasi:http/types@0.2.8")
    found = {one.name: one for one in differences(side(old), side(new))}
    assert found["wasi:io/poll"].details == ("`wasi:io/poll@0.2.8` is `wasi:io/poll@0.2.9` now",)
    assert {name: (one.change, one.breaking) for name, one in found.items()} == {
        "wasi:io/poll": ("changed", False),
        "wasi:cli/stdin@0.2.8": ("removed", False),
        "wasi:http/types@0.2.8": ("added", True),
    }


def test_changed_grants() -> None:
    (found,) = differences(side(grants={"calc": ["env"]}), side(grants={"calc": ["http"]}))
    assert (found.kind, found.name, found.breaking) == ("grant", "calc", False)
    assert found.details == ("may use `http` now", "may not use `env` any more")
    (found,) = differences(side(grants={"calc": ["env"]}), side(grants={"calc": ["env", "middleware"]}))
    assert found.details == ("is a `middleware` now: it receives requests for other components",)
    (found,) = differences(side(grants={"calc": ["middleware"]}), side(grants={"other": []}))
    assert found.details == ("is not a `middleware` any more",)
