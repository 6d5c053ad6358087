"""Functions for quick calls of tools with simple parameters, one for each tool, written when it is declared.

`wasmcp.guest.declarations.tools.Tool` converts arguments of any type and explains mistakes in them. A function of this
module does the same for arguments that need no explanation. For all others it returns None before it calls the tool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wasmcp.guest.json_types.base import JsonType, undocumented
from wasmcp.guest.json_types.json_codec import LARGE, scan_value
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.scalars import Boolean, Integer, Number, String

# `- x == 0` is false for infinity, which JSON texts such as `1e999` become.
_CHECKS: dict[type[JsonType], str] = {
    Boolean: "type({0}) is bool",
    Integer: "type({0}) is int",
    Number: "type({0}) is float and {0} - {0} == 0.0",
    String: "type({0}) is str",
}

_RESULTS: dict[Any, tuple[str, str]] = {
    bool: ("type(value) is bool", '"value", "true" if value else "false"'),
    int: ("type(value) is int", '"value", repr(value)'),
    float: (_CHECKS[Number].format("value"), '"value", repr(value)'),
    str: ("type(value) is str and value.isascii()", '"text", value'),
}
"""Return annotation -> the condition and the `TextResult` of a result."""

_GLOBALS = {"scan_value": scan_value, "LARGE": LARGE}

_TEMPLATE = """\
def call(arguments, context, function=function, finish=finish):
    try:
        if len(arguments) >= LARGE:
            return None
        given, end = scan_value(arguments, 0)
{reads}    except (TypeError, ValueError, LookupError, ArithmeticError, StopIteration, RecursionError):
        return None
    if end != len(arguments) or len(given) != {count}{checks}:
        return None
    value = function({passed})
{result}    return finish(value, context)
"""


def quick_call(
    function: Callable[..., Any], members: Sequence[Member], returned: Any, finish: Callable[[Any, Any], Any]
) -> Callable[[str | None, Any], Any] | None:
    """Return a function that calls a tool with the JSON text of its arguments, and the context of the call.

    Its result is that of ``finish``; or None, without a call of the tool.

    Args:
        function: The author's function, which takes the members by name and nothing else.
        members: The parameters that clients send.
        returned: The return annotation, if results are the member ``result`` of an object; else None.
        finish: The function that converts a result of any type.

    Returns:
        The function; None if a parameter is optional, or not a boolean, a number or a string.
    """
    kinds = [type(undocumented(member.json_type)) for member in members]
    if not members or not all(member.required for member in members) or not _CHECKS.keys() >= set(kinds):
        return None
    reads, checks, passed = [], [], []
    for place, (member, kind) in enumerate(zip(members, kinds, strict=True)):
        name = f"argument{place}"
        reads.append(f"        {name} = given[{member.name!r}]\n")
        if kind is Number:
            reads.append(f"        if type({name}) is int:\n            {name} = 0.0 + {name}\n")
        checks.append(f" or not ({_CHECKS[kind].format(name)})")
        passed.append(f"{member.name}={name}")
    result = ""
    if isinstance(returned, type) and returned in _RESULTS:
        condition, simple = _RESULTS[returned]
        result = f"    if {condition}:\n        return {simple}\n"
    source = _TEMPLATE.format(
        reads="".join(reads), count=len(members), checks="".join(checks), passed=", ".join(passed), result=result
    )
    scope: dict[str, Any] = {"function": function, "finish": finish}
    # With the name of this file, so that the frame is left out of tracebacks for authors.
    exec(compile(source, __file__, "exec"), _GLOBALS, scope)  # noqa: S102 - of names and checks, as in `dataclasses`
    found: Callable[[str | None, Any], Any] = scope["call"]
    return found
