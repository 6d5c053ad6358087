"""``@tool``: a plain typed function becomes a tool, and stays a plain function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from wasmcp.guest.content import Icon
from wasmcp.guest.errors import DeclarationError, place_of
from wasmcp.guest.tools import Tool

F = TypeVar("F", bound=Callable[..., Any])

_declared: list[Tool | Callable[[], Tool]] = []
"""In the order of declaration. A tool whose annotations name what is defined only after it is described later."""


def registered() -> dict[str, Tool]:
    """Return the declared tools by name, in the order of their declaration.

    Raises:
        DeclarationError: One cannot be described after all: its annotations name something that does not exist.
    """
    found: dict[str, Tool] = {}
    for index, item in enumerate(_declared):
        described = item if isinstance(item, Tool) else item()
        known = found.setdefault(described.name, described)
        if known is not described:
            raise _taken(described, known)
        _declared[index] = described
    return found


def _declare(new: Tool) -> None:
    for index, known in enumerate(_declared):
        if isinstance(known, Tool) and known.name == new.name:
            if _origin(known.function) != _origin(new.function):
                raise _taken(new, known)
            _declared[index] = new  # the module was imported again
            return
    _declared.append(new)


def _taken(new: Tool, known: Tool) -> DeclarationError:
    line = (place_of(known.function) or ("", 0))[1]
    reason = f"`{new.name}` is already the tool at line {line} of `{known.function.__module__}`"
    return DeclarationError(new.function, None, reason)


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
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
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
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
) -> F | Callable[[F], F]:
    """Declare a function as a tool: ``@tool``, or ``@tool(title="...", read_only=True)``.

    The function is returned as it is. Its parameters become the tool's arguments, checked and converted before it is
    called; its return type becomes the output schema. Specification: server/tools, schema `Tool`.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: What clients call; the function's name by default.
        title: A name for people.
        description: For the model; the docstring's text by default.
        read_only: It changes nothing (``readOnlyHint``).
        destructive: It may destroy what is there, not only add (``destructiveHint``).
        idempotent: Calling it again with the same arguments changes nothing more (``idempotentHint``).
        open_world: It deals with the world outside (``openWorldHint``).
        icons: Pictures for people.
        meta: The tool's ``_meta``.

    Raises:
        DeclarationError: The function cannot become a tool.
    """
    hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    given = {key: value for key, value in hints.items() if value is not None}
    names = sys._getframe(1).f_locals  # noqa: SLF001 - annotations of nested functions name what is around them

    def declare(target: F) -> F:
        def make(names: Mapping[str, Any] | None) -> Tool:
            return Tool(
                target,
                name=name,
                title=title,
                description=description,
                hints=given,
                icons=icons,
                meta=meta,
                names=names,
            )

        try:
            _declare(make(dict(names)))
        except NameError:
            _declared.append(lambda: _late(make, target))
        return target

    return declare if function is None else declare(function)


def _late(make: Callable[[Mapping[str, Any] | None], Tool], function: Callable[..., Any]) -> Tool:
    """Describe a tool whose annotations named something that was defined only after it."""
    try:
        return make(None)
    except NameError as error:
        reason = f"its annotations name `{error.name}`, which does not exist; imported only for type checking?"
        raise DeclarationError(function, None, reason) from error


def tool_of(function: Callable[..., Any]) -> Tool:
    """Return the tool that a decorated function is, for tests of its schema or of what a client would get.

    Raises:
        LookupError: It is not a tool.
    """
    for known in registered().values():
        if known.function is function:
            return known
    raise LookupError(f"`{function.__qualname__}` is not a tool: it is not decorated with `@tool`")
