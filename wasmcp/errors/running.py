"""What goes wrong while a server runs."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable

_FRAMES = 8  # of a backtrace that a message shows
_LINES = 10  # of standard error that a message shows


class HostError(WasmcpError):
    """Something went wrong while a server ran."""


class ArtifactError(HostError):
    """A file that is not a server this host can run.

    Attributes:
        path: The file, as the caller named it.
        reason: What is wrong with it, and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"`{path}` {reason}")


class InvalidSettingError(HostError):
    """A setting that is wrong, unknown or misplaced: nothing can be served before it is put right.

    Attributes:
        problems: One sentence for each setting, with its name and what it must be.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class InvalidConfigurationError(HostError):
    """Configuration of a server that its operator left out or got wrong: nothing can be served before it is right.

    Attributes:
        server: The server, as it calls itself.
        problems: One sentence a mistake, each beginning with the variable or the directory in backticks.
    """

    def __init__(self, server: str, problems: Sequence[str]) -> None:
        self.server = server
        self.problems = tuple(problems)
        listed = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"`{server}` cannot start, its configuration is not complete:\n{listed}")


class GuestTrapError(HostError):
    """The server's code trapped; the instance it ran in is gone, the server goes on with a fresh one.

    Attributes:
        reason: The trap in a few words.
        component: The component of the server whose code was innermost; the empty string where that is not known.
        backtrace: The WebAssembly frames, innermost first, one a line; the empty string when there are none.
        stderr: What the guest wrote to stderr during the call, its end.
    """

    def __init__(self, reason: str, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.reason = reason
        self.component = component
        self.backtrace = backtrace
        self.stderr = stderr
        super().__init__(reason)

    @property
    def panic(self) -> str:
        """The message of a panic of Rust or Zig in `stderr`; the empty string when there is none."""
        lines = self.stderr.splitlines()
        for number in range(len(lines) - 1, -1, -1):
            line = lines[number].strip()
            if line.startswith("panic: "):  # Zig
                return line.removeprefix("panic: ")
            if "panicked at " in line:  # Rust: the place, and the message on the line below
                return next((rest.strip() for rest in lines[number + 1 :] if rest.strip()), line)
        return ""

    def summary(self) -> str:
        """Return the trap, its panic and the innermost frames, escaped, without what the guest wrote."""
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
    """The server's code used up its time.

    Attributes:
        limit: The time it had, in seconds.
    """

    def __init__(self, limit: float, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        reason = f"the request took longer than {limit:g} s"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class GuestCancelledError(GuestTrapError):
    """The request was taken back, and the server's code went on regardless until it was stopped."""

    def __init__(self, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        reason = "the request was cancelled"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class GuestOutOfMemoryError(GuestTrapError):
    """The server's code used up its memory.

    Attributes:
        limit: The bytes each of its memories may grow to.
    """

    def __init__(self, limit: int, *, component: str = "", backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        reason = f"the server needed more memory than the {limit} bytes it may have"
        super().__init__(reason, component=component, backtrace=backtrace, stderr=stderr)


class ResponseTooLargeError(HostError):
    """An answer above the limit; it was not copied out of the server.

    Attributes:
        size: Its size in bytes.
        limit: The most it may have.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the answer has {size} bytes, the limit is {limit}")


class ClientStalledError(HostError):
    """A request that was given up because its client did not read what was sent while others waited."""

    def __init__(self) -> None:
        super().__init__("the request was cancelled, because its client did not read what was sent")


class RequestError(HostError):
    """The server answered with a JSON-RPC error.

    Attributes:
        code: The error's code (JSON-RPC 2.0, section 5.1; MCP's own are -32020 to -32099).
        message: Its message.
        data: Its ``data``, or None.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{message} (JSON-RPC error {code})")
