"""What goes wrong while a server runs."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError


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


class SettingInvalid(HostError):
    """A setting that is wrong, unknown or misplaced: nothing can be served before it is put right.

    Attributes:
        problems: One sentence for each setting, with its name and what it must be.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class ConfigurationInvalid(HostError):
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


class GuestTrap(HostError):
    """The server's code trapped; the instance it ran in is gone, the server goes on with a fresh one.

    Attributes:
        reason: The trap in a few words.
        backtrace: The WebAssembly frames, innermost first, one a line; the empty string when there are none.
        stderr: What the guest wrote to stderr during the call, its end.
    """

    def __init__(self, reason: str, *, backtrace: str = "", stderr: str = "") -> None:
        self.reason = reason
        self.backtrace = backtrace
        self.stderr = stderr
        super().__init__(reason)

    def __str__(self) -> str:
        parts = [self.reason]
        if self.backtrace:
            parts.append(f"WebAssembly backtrace:\n{self.backtrace}")
        if self.stderr.strip():
            parts.append(f"its stderr:\n{self.stderr.rstrip()}")
        return "\n".join(parts)


class GuestTimeout(GuestTrap):
    """The server's code used up its time.

    Attributes:
        limit: The time it had, in seconds.
    """

    def __init__(self, limit: float, *, backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        super().__init__(f"the request took longer than {limit:g} s", backtrace=backtrace, stderr=stderr)


class GuestCancelled(GuestTrap):
    """The request was taken back, and the server's code went on regardless until it was stopped."""

    def __init__(self, *, backtrace: str = "", stderr: str = "") -> None:
        super().__init__("the request was cancelled", backtrace=backtrace, stderr=stderr)


class GuestOutOfMemory(GuestTrap):
    """The server's code used up its memory.

    Attributes:
        limit: The bytes each of its memories may grow to.
    """

    def __init__(self, limit: int, *, backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        super().__init__(
            f"the server needed more memory than the {limit} bytes it may have", backtrace=backtrace, stderr=stderr
        )


class ResponseTooLarge(HostError):
    """An answer above the limit; it was not copied out of the server.

    Attributes:
        size: Its size in bytes.
        limit: The most it may have.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the answer has {size} bytes, the limit is {limit}")


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
