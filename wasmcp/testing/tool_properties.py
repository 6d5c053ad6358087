"""Properties of tools that follow from their schemas, searched for counterexamples with Hypothesis (extra `fuzz`).

Arguments that the input schema allows never end in a trap or an error response, and a structured result matches the
output schema. Arguments that it rejects are refused, with the name of the wrong one. Specification: server/tools,
"Error Handling", "Output Schema".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wasmcp.errors import ConnectionFailedError, GuestTrapError, HostError, RequestError
from wasmcp.protocol import CODES


class Requests(Protocol):
    """Client of a server."""

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return its result object."""


@dataclass(frozen=True)
class Counterexample:
    """Arguments for which a property does not hold, the smallest that were found.

    Attributes:
        tool: The name of the tool.
        arguments: The arguments.
        problem: The property that does not hold, with the response.
    """

    tool: str
    arguments: Any
    problem: str

    def lines(self, server: str = "SERVER", variable: str = "wasmcp_server") -> list[str]:
        """Return lines for a report, with a call that repeats it in Python and on the command line.

        Args:
            server: The server for the command line.
            variable: The server in Python.
        """
        text = json.dumps(self.arguments, ensure_ascii=False)
        call = shlex.join(["wasmcp", "call", server, self.tool, "--arguments", text])
        return [
            f"tool `{self.tool}`: {self.problem}",
            f"  arguments: {text}",
            f"  repeat:    {variable}.call_tool({self.tool!r}, {self.arguments!r})",
            f"             {call}",
        ]


def counterexamples(
    server: Requests, tool: Mapping[str, Any], *, examples: int, seed: int, rejected: bool = True
) -> Iterator[Counterexample]:
    """Yield a counterexample for each property that does not hold.

    Args:
        server: A client of the server.
        tool: The tool as listed.
        examples: Maximum number of calls for each property, before a counterexample is made smaller.
        seed: The same seed makes the same calls.
        rejected: Also call the tool with arguments that its schema rejects.

    Raises:
        HostError: The extra `fuzz` is not installed, or a schema of the tool is not valid.
    """
    try:
        from wasmcp.schemas.strategies import Schema
    except ImportError as error:
        raise HostError(f"{error.name} is not installed: `pip install 'wasmcp[fuzz]'`") from None

    name = str(tool["name"])
    try:
        given = Schema(tool.get("inputSchema", {}))
        returned = None if tool.get("outputSchema") is None else Schema(tool["outputSchema"])
    except ValueError as error:
        raise HostError(f"tool `{name}` has a schema that is not valid: {error}") from None

    def allowed(arguments: Any) -> str | None:
        return _problem_of_allowed(_answer(server, name, arguments), returned)

    def refused(pair: Any) -> str | None:
        return _problem_of_rejected(_answer(server, name, pair[0]), pair[1], given.problem(pair[0]))

    found = _searched(given.values(), allowed, examples, seed)
    if found is not None:
        yield Counterexample(name, found[0], found[1])
    if rejected:
        found = _searched(given.rejected(), refused, examples, seed)
        if found is not None:
            yield Counterexample(name, found[0][0], found[1])


@dataclass(frozen=True)
class _Answer:
    """Response to a call: a result, or the text of an error response or a trap."""

    result: Mapping[str, Any] | None
    error: str = ""
    code: int = 0

    @property
    def refusal(self) -> str | None:
        """The text of a tool error, or of an error response for invalid parameters; None for another response."""
        if self.result is None:
            return self.error if self.code == CODES["invalid_params"] else None
        if not self.result.get("isError"):
            return None
        blocks = self.result.get("content")
        return "\n".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict)) if blocks else ""


def _answer(server: Requests, name: str, arguments: Any) -> _Answer:
    try:
        return _Answer(server.request("tools/call", {"name": name, "arguments": arguments}))
    except RequestError as error:
        return _Answer(None, str(error), error.code)
    except GuestTrapError as error:
        return _Answer(None, f"a trap: {error.reason}")


def _problem_of_allowed(answer: _Answer, returned: Any) -> str | None:
    result = answer.result
    if result is None:
        return f"arguments that its `inputSchema` allows end in {answer.error}"
    if result.get("isError") or result.get("resultType") == "input_required" or returned is None:
        return None
    if "structuredContent" not in result:
        return "it has an `outputSchema`, and the result has no `structuredContent`"
    reason = returned.problem(result["structuredContent"])
    return None if reason is None else f"its `structuredContent` does not match its `outputSchema`: {reason}"


def _problem_of_rejected(answer: _Answer, member: str, reason: str | None) -> str | None:
    text = answer.refusal
    if text is None and answer.result is None:
        return f"arguments that its `inputSchema` rejects ({reason}) end in {answer.error}"
    if text is None:
        return f"it accepts arguments that its `inputSchema` rejects ({reason})"
    if member not in text:
        return f"its error for wrong arguments does not name `{member}` ({reason}): {text[:200]}"
    return None


class _FoundError(Exception):
    """A value for which a property does not hold. Hypothesis looks for a smaller one."""


def _searched(strategy: Any, check: Callable[[Any], str | None], examples: int, seed: int) -> tuple[Any, str] | None:
    """Return the smallest value that was found for which a check returns a problem, and the problem."""
    import hypothesis
    from hypothesis.errors import Flaky, Unsatisfiable

    if strategy.is_empty:
        return None
    last: list[tuple[Any, str]] = []

    is_lost = False

    def run(value: Any) -> None:
        nonlocal is_lost
        if is_lost:  # a smaller counterexample would take as long
            if value == last[0][0]:
                raise _FoundError
            return
        try:
            problem = check(value)
        except ConnectionFailedError as error:
            problem, is_lost = f"it does not answer: {error}", True
        if problem is not None:
            last[:] = [(value, problem)]
            raise _FoundError

    given: Any = hypothesis.given
    settings: Any = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    try:
        search = settings(given(strategy)(run))
        hypothesis.seed(seed)(search)()
    except _FoundError:
        return last[0]
    except Flaky:  # the server keeps a state
        return last[0][0], f"{last[0][1]} (not each time: the result depends on calls before)"
    except Unsatisfiable:
        return None
    return None
