"""Tools of a dynamic component: lists that are made for each request.

.. code-block:: python

    from wasmcp.guest import Context, dynamic_tools, make_tool, tool

    def is_admin(context: Context) -> bool:
        return context.identity is not None and "admin" in context.identity.scopes

    @tool(enabled=is_admin)
    def reset() -> str: ...

    @dynamic_tools
    def reports(context: Context) -> list[Tool]:
        return [report_tool(name) for name in config.get("reports", list[str])]

    def report_tool(name: str) -> Tool:
        def run(year: int) -> str:
            return f"{name} of {year}"

        return make_tool(run, name=f"report_{name}", description=f"Run the report {name}.")

Only for a component with ``dynamic = true`` in its table: the lists of other components are recorded when the server is
built. Specification: server/tools, "List Changed Notification".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from wasmcp.guest.content import Icon
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.registry import DYNAMIC_TOOLS, TOOLS
from wasmcp.guest.declarations.tool_sources import DynamicTools
from wasmcp.guest.declarations.tools import Tool

F = TypeVar("F", bound=Callable[..., Any])


def dynamic_tools(function: F) -> F:
    """Declare a function that makes tools for each request: it returns a list of `Tool` objects of `make_tool`.

    It is called for each `tools/list`, and for each call of a tool that is not declared by `tool`. A parameter of type
    `Context` gets the request; it can be ``async def``. Tools that are declared by `tool` come first. Send
    `Context.tools_changed` when the lists of clients change.

    Args:
        function: The function.

    Raises:
        DeclarationError: The function cannot be declared, or the component is already built.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions name what is around them
    DYNAMIC_TOOLS.declare(lambda names: DynamicTools(function, names), function, frame)
    return function


def make_tool(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    coerce: bool | None = None,
    references: bool | None = None,
) -> Tool:
    """Return a tool for `dynamic_tools`; the arguments are those of `tool`.

    Raises:
        DeclarationError: The function cannot become a tool.
        NameError: An annotation uses a name that does not exist.
    """
    hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    return Tool(
        function,
        name=name,
        title=title,
        description=description,
        hints={key: value for key, value in hints.items() if value is not None},
        icons=icons,
        meta=meta,
        input_schema=input_schema,
        output_schema=output_schema,
        coerce=coerce,
        references=references,
        names=dict(sys._getframe(1).f_locals),  # noqa: SLF001 - see `dynamic_tools`
    )


def listed_tools(context: Context) -> list[Tool]:
    """Return the tools that a request lists: the enabled ones, with their descriptions for this request.

    Raises:
        ValueError: Two tools have the same name.
    """
    found: dict[str, Tool] = {}
    for tool in _offered(context):
        if tool.name in found:
            raise ValueError(f"two tools for one request have the name `{tool.name}`")
        found[tool.name] = tool
    return list(found.values())


def offered_tool(name: str, context: Context) -> Tool | None:
    """Return the tool that a request can call by a name; None without one."""
    declared = TOOLS.all().get(name)
    if declared is not None:
        return declared if declared.is_enabled(context) else None
    made = (tool for source in DYNAMIC_TOOLS.all().values() for tool in source.make(context))
    return next((tool for tool in made if tool.name == name), None)


def _offered(context: Context) -> Iterator[Tool]:
    yield from (tool.described_for(context) for tool in TOOLS.all().values() if tool.is_enabled(context))
    for source in DYNAMIC_TOOLS.all().values():
        yield from source.make(context)
