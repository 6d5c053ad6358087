"""Exceptions for authors of components.

.. code-block:: text

    ToolError               raised by a tool: its text is sent to the client
    McpError                raised by any handler: a JSON-RPC error of the author's choice
      ResourceNotFoundError   the resource does not exist
      MissingCapabilityError  the client does not support a server-to-client request
    DeclarationError        a function that cannot be declared: raised when its module is imported
    ExpiredContextError     a Context used after the end of its call
    NotGrantedError         an interface that the component was not granted
    UnsupportedTypeError    an annotation without a JSON Schema (internal: becomes a DeclarationError)
    MismatchError           a value that does not fit its type (internal: becomes a tool error)
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

from wasmcp.guest.call_errors import MORE

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONG = 60


class ToolError(Exception):
    """Error of a tool whose text is sent to the client, and to its model, unchanged.

    Raise it in a tool. The text of every other exception is masked, because it can contain confidential
    data. Specification: server/tools, "Error Handling" (tool execution errors).
    """


class McpError(Exception):
    """JSON-RPC error response to the request. Use `ToolError` instead for text that a model should read.

    Raise it in a tool, resource, prompt or completion. Specification: basic, "Error codes".

    Attributes:
        code: -32602 for invalid parameters, -32603 for errors of the server; -32000 to -32019 are free to use.
        message: Text that is sent to the client unchanged.
        data: A value that JSON can represent; None to send no data.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class ResourceNotFoundError(McpError):
    """Error response for a URI that matches a resource template although the resource does not exist.

    Raise it in a resource. Sent as -32602, to clients before 2026-07-28 as -32002.
    Specification: server/resources, "Error Handling".

    Attributes:
        uri: The URI of the resource; None for the requested one.
    """

    def __init__(self, uri: str | None = None) -> None:
        super().__init__(-32602, "Resource not found", None if uri is None else {"uri": uri})
        self.uri = uri


class MissingCapabilityError(McpError):
    """A server-to-client request that the client does not support; it was not sent.

    Sent as -32021. For a client before 2026-07-28 the tool returns a tool error instead.
    Specification: basic, "Error codes".

    Attributes:
        required: The missing part of the client's capabilities. Schema `ClientCapabilities`.
    """

    def __init__(self, required: dict[str, Any]) -> None:
        path, found = [], required
        while found:
            name, found = next(iter(found.items()))
            path.append(name)
        super().__init__(-32021, f"the client does not support `{'.'.join(path)}`", {"requiredCapabilities": required})
        self.required = required


def place_of(function: Callable[..., Any]) -> tuple[str, int] | None:
    """Return the file and the line in which a function is defined; None if unknown."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return None if code is None else (str(code.co_filename), int(code.co_firstlineno))


class DeclarationError(TypeError):
    """A function that cannot be declared: an annotation without a JSON Schema, an invalid name or a duplicate.

    Attributes:
        kind: The kind of declaration, for example ``tool`` or ``resource``.
        tool: The name of the function.
        parameter: The parameter, or a path below it; None for an error of the function itself.
        place: The file and the line of the function.
    """

    def __init__(self, function: Callable[..., Any], parameter: str | None, reason: str, *, kind: str = "tool") -> None:
        self.kind = kind
        self.tool = str(getattr(function, "__qualname__", repr(function))).rpartition("<locals>.")[2]
        self.parameter = parameter
        self.place = place_of(function)
        where = f"{kind} `{self.tool}`" if parameter is None else f"{kind} `{self.tool}`, {parameter}"
        super().__init__(f"{where}: {reason}")


class UnsupportedTypeError(Exception):
    """An annotation without a JSON type; the text names it and the reason. Becomes a located `DeclarationError`.

    Attributes:
        path: The members that lead to the annotation, innermost first.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[str] = []


class ExpiredContextError(RuntimeError):
    """A `Context` that was used after the end of its call."""

    def __init__(self) -> None:
        super().__init__("this Context belongs to a call that has ended: use it only in the call it was given to")


class NotGrantedError(RuntimeError):
    """A call of an interface that the component was not granted. The call had no effect.

    Attributes:
        grant: The family of interfaces, for example ``http``: the name to add to ``grants`` in the component's table.
        rule: The rule of the grant that would permit the call, as in the table: ``https://example.org``, or an inline
            table of TOML; or the empty string.
    """

    def __init__(self, grant: str, rule: str = "") -> None:
        if sys.platform != "wasi":
            advice = f"in a unit test, give it one of `wasmcp.guest.testing`: {_FAKES.get(grant, 'a fake')}"
        elif rule:
            named = rule if rule.startswith("{") else f'"{rule}"'
            advice = f"name it in the `grants` of its table: `grants = {{ {grant} = [{named}] }}`"
        else:
            advice = f'add it to the `grants` of its table: `grants = ["{grant}"]`'
        subject = f"`{grant}` for `{rule}`" if rule else f"`{grant}`"
        super().__init__(f"{subject} is not granted to this component: {advice}")
        self.grant = grant
        self.rule = rule


_FAKES = {
    "http": "`fake_http()` or `real_http()`",
    "kv": "`fake_kv()`",
    "sessions": "`LocalContext(session=...)`",
}


class MismatchError(Exception):
    """A value that does not fit its type, with a bounded list of problems; see `wasmcp.guest.json_types.base`.

    Attributes:
        problems: For each problem the path to the value, innermost segment first (names of members, indices of items),
            and a text with what was expected and found.
        more: True if problems were left out.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.problems: list[tuple[list[str | int], str]] = [([], reason)]
        self.more = False

    def under(self, segment: str | int) -> MismatchError:
        """Add the member or item that contains the value, and return `self`."""
        for path, _ in self.problems:
            path.append(segment)
        return self

    def copy(self) -> MismatchError:
        """Return a copy with the same problems, to report them at another path."""
        made = MismatchError("")
        made.problems = [([*path], reason) for path, reason in self.problems]
        made.more = self.more
        return made

    @property
    def depth(self) -> int:
        """The length of the longest path."""
        return max(len(path) for path, _ in self.problems)

    def __str__(self) -> str:
        texts = [f"{_place(path)}: {reason}" if path else reason for path, reason in self.problems]
        return "; ".join([*texts, MORE] if self.more else texts)


def _place(path: list[str | int]) -> str:
    text = ""
    for segment in reversed(path):
        if isinstance(segment, int):
            text += f"[{segment}]"
            continue
        name = segment if len(segment) <= _LONG else f"{segment[:_LONG]}..."
        if _IDENTIFIER.fullmatch(name):
            text += f".{name}" if text else name
        else:
            text += f"[{json.dumps(name, ensure_ascii=False)}]"
    return text if len(text) <= 4 * _LONG else f"{text[: 2 * _LONG]}...{text[-2 * _LONG :]}"
