"""Errors of running a server, of clients that connect to one, and of access tokens."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable

_FRAMES = 8  # backtrace frames shown in a message
_LINES = 10  # stderr lines shown in a message


class HostError(WasmcpError):
    """An error while a server runs."""


class ArtifactError(HostError):
    """A file that is not a server this host can run.

    Attributes:
        path: The file, as the caller named it.
        reason: The problem, and how to fix it.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"`{path}` {reason}")


class InvalidSettingError(HostError):
    """A setting that is invalid, unknown or misplaced; the server cannot start.

    Attributes:
        problems: One sentence per setting, with its name and the expected value.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class InvalidConfigurationError(HostError):
    """Configuration of a server that is missing or invalid; the server cannot start.

    Attributes:
        server: The server's name in `serverInfo`.
        problems: One sentence per mistake, each beginning with the variable or the directory in backticks.
    """

    def __init__(self, server: str, problems: Sequence[str]) -> None:
        self.server = server
        self.problems = tuple(problems)
        listed = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"`{server}` cannot start, its configuration is not complete:\n{listed}")


class GuestTrapError(HostError):
    """A trap in the server's code. Its instance is discarded; the server continues with a new one.

    Attributes:
        reason: A short description of the trap.
        component: The component of the innermost frame; the empty string if unknown.
        backtrace: The WebAssembly frames, innermost first, one per line; the empty string if not available.
        stderr: The end of the guest's output on stderr during the call.
    """

    def __init__(self, reason: str, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.reason = reason
        self.component = component
        self.backtrace = backtrace
        self.stderr = stderr
        super().__init__(reason)

    @property
    def panic(self) -> str:
        """The message of a panic of Rust or Zig in `stderr`; the empty string if not found."""
        lines = self.stderr.splitlines()
        for number in range(len(lines) - 1, -1, -1):
            line = lines[number].strip()
            if line.startswith("panic: "):  # Zig
                return line.removeprefix("panic: ")
            if "panicked at " in line:  # Rust: the position, and the message on the next line
                return next((rest.strip() for rest in lines[number + 1 :] if rest.strip()), line)
        return ""

    def summary(self) -> str:
        """Return the trap, its panic and the innermost frames, escaped, without the guest's stderr."""
        panic = self.panic
        first = f"{self.reason}: {panic}" if panic else self.reason
        if self.component:
            first = f"component `{self.component}`: {first}"
        frames = self.backtrace.splitlines()
        shown = [first]
        if frames:
            shown += ["WebAssembly backtrace:", *frames[:_FRAMES]]
        if len(frames) > _FRAMES:
            shown.append(f"({len(frames) - _FRAMES} more frames)")
        return "\n".join(printable(line, keep="\t") for line in shown)

    def __str__(self) -> str:
        written = self.stderr.strip().splitlines()
        if not written:
            return self.summary()
        left_out = [f"({len(written) - _LINES} earlier lines)"] if len(written) > _LINES else []
        lines = [printable(line, keep="\t") for line in written[-_LINES:]]
        return "\n".join([self.summary(), "its stderr:", *left_out, *lines])


class GuestTimeoutError(GuestTrapError):
    """A call that exceeded its deadline.

    Attributes:
        limit: The time limit in seconds.
    """

    def __init__(self, limit: float, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        reason = f"the request took longer than {limit:g} s"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class GuestCancelledError(GuestTrapError):
    """A cancelled request whose code did not stop by itself and was interrupted."""

    def __init__(self, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        reason = "the request was cancelled"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class GuestOutOfMemoryError(GuestTrapError):
    """A call that exceeded the memory limit.

    Attributes:
        limit: The limit of each linear memory, in bytes.
    """

    def __init__(self, limit: int, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        reason = f"the server exceeded its memory limit of {limit} bytes"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class IssuerDocumentError(HostError):
    """A document of an issuer that cannot be fetched, or is not usable.

    Attributes:
        url: Its address.
        reason: The reason.
        status: The status of the response; None without a complete one.
    """

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        self.url = url
        self.reason = reason
        self.status = status
        super().__init__(printable(f"{url}: {reason}"))


class StoreRequestError(HostError):
    """A request to a key-value store that failed; the component gets the case `other` of the interface's error."""


class AccessDeniedError(HostError):
    """A request that the server's authorization denied.

    Attributes:
        status: The HTTP status: 400, 401 or 403.
        error: The error code (RFC 6750, section 3.1), for example `insufficient_scope`.
        description: The reason.
        scopes: The scopes that are needed, if the server names them.
        challenge: The value of `WWW-Authenticate`.
    """

    def __init__(
        self, status: int, error: str, description: str, *, scopes: Sequence[str] = (), challenge: str = ""
    ) -> None:
        self.status = status
        self.error = error
        self.description = description
        self.scopes = tuple(scopes)
        self.challenge = challenge
        needed = f" (needed scopes: {' '.join(self.scopes)})" if self.scopes else ""
        super().__init__(printable(f"{status} {error}: {description}{needed}"))


class ResponseTooLargeError(HostError):
    """A response above the size limit; it was not copied out of the server.

    Attributes:
        size: The response's size in bytes.
        limit: The limit in bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the response has {size} bytes, the limit is {limit}")


class ClientStalledError(HostError):
    """A request that was cancelled because its client did not read while other requests waited."""

    def __init__(self) -> None:
        super().__init__("the request was cancelled, because its client did not read its messages")


class RequestError(HostError):
    """A JSON-RPC error response of the server.

    Attributes:
        code: The error's code (JSON-RPC 2.0, section 5.1; MCP defines -32020 to -32099).
        message: The error's message.
        data: The error's ``data``, or None.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{message} (JSON-RPC error {code})")


class ToolError(HostError):
    """A tool error: a result with `isError`, raised by `wasmcp.host.ToolResult.raise_for_error`.

    Attributes:
        message: The text of the result.
        result: The result, a `wasmcp.host.ToolResult`.
    """

    def __init__(self, message: str, result: object) -> None:
        self.message = message
        self.result = result
        super().__init__(f"tool error: {message}")


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


class AuthorizationError(WasmcpError):
    """An access token, a key or a local issuer that cannot be used."""


class SigningKeyError(AuthorizationError):
    """A key, or a set of keys, that cannot be read, fetched, used or written.

    Attributes:
        source: The file or the URL.
        problem: The problem, and how to fix it.
    """

    def __init__(self, source: str, problem: str) -> None:
        self.source = source
        self.problem = problem
        super().__init__(printable(f"`{source}` {problem}", keep="\n"))


class InvalidTokenError(AuthorizationError):
    """An access token that is not valid.

    Attributes:
        reason: The first check that failed.
    """

    def __init__(self, reason: str) -> None:
        self.reason = printable(reason)
        super().__init__(f"the token is not valid: {self.reason}")


class MissingExtraError(AuthorizationError):
    """A library of an extra of wasmcp that is not installed.

    Attributes:
        extra: The extra.
        module: The module that is missing.
    """

    def __init__(self, extra: str, module: str) -> None:
        self.extra = extra
        self.module = module
        super().__init__(f'`{module}` is not installed: `pip install "wasmcp[{extra}]"`')
