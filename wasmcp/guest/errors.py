"""The errors of a component's author.

.. code-block:: text

    ToolError           raised by a tool: its text reaches the client
    McpError            raised by anything declared: a JSON-RPC error of the author's choice
      ResourceNotFoundError  there is no such resource
      MissingCapabilityError the client cannot be asked for what was asked
    DeclarationError    what cannot be described: raised when its module is imported
    ExpiredContextError      a Context used after the call it was given to
    NotGrantedError          an interface that the component was not granted
    UnsupportedTypeError         an annotation without a JSON Schema (internal: becomes a DeclarationError)
    MismatchError            a value that does not fit its type (internal: becomes a tool error)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONG = 60


class ToolError(Exception):
    """Raise it in a tool to tell the client, and the model behind it, what went wrong: the text is sent as it is.

    Every other exception is masked, because its text may hold what the client must not see.
    Specification: server/tools, "Error Handling" (tool execution errors).
    """


class McpError(Exception):
    """Raise it to answer the request with a JSON-RPC error. What a model should read is a `ToolError` instead.

    Specification: basic, "Error codes".

    Attributes:
        code: -32602 for bad parameters, -32603 for faults of the server; -32000 to -32019 are free to use.
        message: Sent as it is.
        data: A value that JSON can hold; None: there is none.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class ResourceNotFoundError(McpError):
    """Raise it in a resource when the URI matches its template, but there is no such resource.

    Sent as -32602, to clients before 2026-07-28 as -32002. Specification: server/resources, "Error Handling".

    Attributes:
        uri: The resource; None: the one that was asked for.
    """

    def __init__(self, uri: str | None = None) -> None:
        super().__init__(-32602, "Resource not found", None if uri is None else {"uri": uri})
        self.uri = uri


class MissingCapabilityError(McpError):
    """The client was to be asked for something that it does not support. Nothing was asked.

    Sent as -32021; a tool that is called by a client before 2026-07-28 gives a tool error instead.
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
    """Return the file and the line in which a function is defined, as far as that is known."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return None if code is None else (str(code.co_filename), int(code.co_firstlineno))


class DeclarationError(TypeError):
    """A function cannot become a tool (a resource...): an annotation without a JSON Schema, a bad name, one used twice.

    Attributes:
        kind: What it was to become.
        tool: The name of the function.
        parameter: The parameter, or a path below it; None when it is about the function itself.
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
    """An annotation that has no shape; the text says which and why. Becomes a `DeclarationError` that says where.

    Attributes:
        path: Members on the way to it, innermost first.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: list[str] = []


class ExpiredContextError(RuntimeError):
    """A `Context` was used after the call that it was given to had ended."""

    def __init__(self) -> None:
        super().__init__("this Context belongs to a call that has ended: use it only in the call it was given to")


class NotGrantedError(RuntimeError):
    """The component uses what it was not granted. Nothing was done.

    Attributes:
        grant: The family of interfaces, for example ``http``: what ``grants`` of the component's table must name.
    """

    def __init__(self, grant: str) -> None:
        if sys.platform == "wasi":
            advice = f'add it to the `grants` of its table: `grants = ["{grant}"]`'
        else:
            advice = f"in a unit test, give it one of `wasmcp.guest.testing`: {_FAKES.get(grant, 'a fake')}"
        super().__init__(f"`{grant}` is not granted to this component: {advice}")
        self.grant = grant


_FAKES = {
    "http": "`fake_http()` or `real_http()`",
    "kv": "`fake_kv()`",
    "sessions": "`LocalContext(session=...)`",
}


class MismatchError(Exception):
    """A value that does not fit its type, with a bounded list of mistakes; see `wasmcp.guest.json_types.mismatches`.

    Attributes:
        problems: Of each, the way to the value, innermost segment first (names of members, indices of items), and what
            was expected and found.
        more: Whether there are problems that are not among them.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.problems: list[tuple[list[str | int], str]] = [([], reason)]
        self.more = False

    def under(self, segment: str | int) -> MismatchError:
        """Add the member or item in which the value was found, and return itself."""
        for path, _ in self.problems:
            path.append(segment)
        return self

    def copy(self) -> MismatchError:
        """Return another one with the same problems, for another place."""
        made = MismatchError("")
        made.problems = [([*path], reason) for path, reason in self.problems]
        made.more = self.more
        return made

    @property
    def depth(self) -> int:
        """The length of the longest way."""
        return max(len(path) for path, _ in self.problems)

    def __str__(self) -> str:
        texts = [f"{_place(path)}: {reason}" if path else reason for path, reason in self.problems]
        return "; ".join([*texts, "and more"] if self.more else texts)


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
            text += f"[{name!r}]"
    return text if len(text) <= 4 * _LONG else f"{text[: 2 * _LONG]}...{text[-2 * _LONG :]}"
