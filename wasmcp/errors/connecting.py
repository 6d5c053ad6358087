"""Errors of clients that connect to servers."""

from __future__ import annotations

from wasmcp.errors.root import WasmcpError


class ConnectionFailedError(WasmcpError):
    """A server that cannot be reached, has ended, or does not send valid messages.

    Attributes:
        target: The server, as the user named it.
        reason: The problem, and how to fix it.
    """

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(f"`{target}` {reason}")


class HttpStatusError(ConnectionFailedError):
    """An HTTP response with an error status and without a JSON-RPC message.

    Attributes:
        status: The status code (RFC 9110, section 15).
    """

    def __init__(self, target: str, status: int, reason: str) -> None:
        self.status = status
        super().__init__(target, reason)


class ResponseTimeoutError(ConnectionFailedError):
    """A request without a response within its time limit.

    Attributes:
        method: The method of the request.
        seconds: The time limit.
    """

    def __init__(self, target: str, method: str, seconds: float) -> None:
        self.method = method
        self.seconds = seconds
        super().__init__(target, f"did not respond to `{method}` within {seconds:g} s: give a longer `--timeout`")


class UnansweredInputError(WasmcpError):
    """Input that a server requires and this client cannot provide.

    Attributes:
        method: The method of the server-to-client request.
        reason: The reason.
    """

    def __init__(self, method: str, reason: str) -> None:
        self.method = method
        self.reason = reason
        super().__init__(f"the server requires input by `{method}`: {reason}")


class TaskCancelledError(WasmcpError):
    """A task that was cancelled while a client waited for its result.

    Attributes:
        task: The id of the task.
        reason: The message of the server; None without one.
    """

    def __init__(self, task: str, reason: str | None = None) -> None:
        self.task = task
        self.reason = reason
        super().__init__(f"the task {task} was cancelled" + (f": {reason}" if reason else ""))


class ArgumentsError(WasmcpError):
    """Arguments on the command line that do not fit the schema of a tool or prompt.

    Attributes:
        problems: One sentence per mistake.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))
