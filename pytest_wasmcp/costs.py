"""Costs of calls as figures: budgets of tests, and the table of `--wasmcp-durations`."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.report import messages_of, properties_of

if TYPE_CHECKING:
    from pytest_wasmcp.report import Recording
    from wasmcp.host import Cost

MARKER = "wasmcp_budget"
PROPERTY = "wasmcp_costs"
_FIGURES = {"fuel": "instructions", "memory": "bytes", "seconds": "seconds"}
_MOST = 10_000  # costs that are kept of one test


@dataclass
class Measured:
    """Costs of the calls of one test.

    Attributes:
        counting: The test is in its call phase, which budgets are for.
        requests: Number of requests in the call phase.
        costs: The costs of calls with instructions and memory.
        times: The seconds of requests, by method and target.
    """

    counting: bool = False
    requests: int = 0
    costs: list[tuple[bool, Cost]] = field(default_factory=list)
    times: list[tuple[str, str, float]] = field(default_factory=list)
    _open: dict[Any, tuple[str, str, float]] = field(default_factory=dict)

    def add(self, cost: Cost) -> None:
        """Add the cost of a call; called on any thread."""
        if len(self.costs) < _MOST:
            self.costs.append((self.counting, cost))

    def record_message(self, direction: str, text: str, client: object = None) -> None:
        """Record the time of a request from its messages."""
        if not self.counting:
            return
        now = perf_counter()
        for message in messages_of(text):
            if isinstance(message, dict) and "id" in message:
                self._take(direction, message, client, now)

    def _take(self, direction: str, message: dict[str, Any], client: object, now: float) -> None:
        key = (client, json.dumps(message["id"]))
        if direction == "->" and "method" in message:
            params = message.get("params")
            target = params.get("name", params.get("uri", "")) if isinstance(params, dict) else ""
            self.requests += 1
            self._open[key] = (str(message["method"]), str(target), now)
        elif direction == "<-" and "method" not in message and key in self._open:
            method, target, began = self._open.pop(key)
            if len(self.times) < _MOST:
                self.times.append((method, target, now - began))


_CURRENT: pytest.StashKey[Measured] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the table."""
    parser.getgroup("wasmcp").addoption(
        "--wasmcp-durations",
        type=int,
        metavar="N",
        help="show the N most expensive calls of servers in instructions and memory (0 for all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    text = (
        f"{MARKER}(*, fuel=None, memory=None, seconds=None): the most that each call of the test may cost: "
        "instructions, bytes of linear memory of the server after it; or seconds, in a test without the others"
    )
    config.addinivalue_line("markers", text)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check the markers."""
    for item in items:
        budget_of(item)


def budget_of(node: pytest.Item) -> dict[str, float]:
    """Return the budget of a test, from its markers; closer ones override single figures.

    Raises:
        pytest.UsageError: A marker is not valid.
    """
    found: dict[str, float] = {}
    for marker in reversed(list(node.iter_markers(MARKER))):
        listed = ", ".join(f"`{name}`" for name in _FIGURES)
        if marker.args or not marker.kwargs or not marker.kwargs.keys() <= _FIGURES.keys():
            raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.{MARKER} takes one or more of {listed}")
        for name, value in marker.kwargs.items():
            kinds = (int, float) if name == "seconds" else int
            if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value < inf:
                raise pytest.UsageError(
                    f"{node.nodeid}: @pytest.mark.{MARKER}({name}=...) must be a number of {_FIGURES[name]} above 0, "
                    f"got {value!r}"
                )
        found.update(marker.kwargs)
    if "seconds" in found and len(found) > 1:
        raise pytest.UsageError(
            f"{node.nodeid}: @pytest.mark.{MARKER} with `seconds` excludes `fuel` and `memory`, because code that "
            "counts instructions is slower than the code that is shipped: use two tests"
        )
    return found


def _measures(node: pytest.Item) -> bool:
    budget = budget_of(node)
    return "fuel" in budget or "memory" in budget or node.config.getoption("wasmcp_durations") is not None


def pytest_wasmcp_server_options(recording: Recording, options: dict[str, object]) -> None:
    """Measure the calls of a server, if its test has a budget or a table is shown."""
    if _measures(recording.node) and "on_cost" not in options:
        config = recording.node.config

        def add(cost: Cost) -> None:
            measured = config.stash.get(_CURRENT, None)
            if measured is not None:
                measured.add(cost)

        options["on_cost"] = add


def pytest_wasmcp_message(recording: Recording, direction: str, text: str, client: object) -> None:
    """Count the requests of a test with a budget, and take their times."""
    measured = recording.node.config.stash.get(_CURRENT, None)
    if measured is not None:
        measured.record_message(direction, text, client)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect the costs of one test."""
    if not budget_of(item) and item.config.getoption("wasmcp_durations") is None:
        return (yield)
    item.config.stash[_CURRENT] = Measured()
    try:
        return (yield)
    finally:
        del item.config.stash[_CURRENT]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Compare the calls of a test with its budget, after the test."""
    measured = item.config.stash.get(_CURRENT, None)
    if measured is None:
        return (yield)
    measured.counting = True
    try:
        result = yield
    finally:
        measured.counting = False
        calls = [asdict(cost) for counted, cost in measured.costs if counted]
        if calls:
            item.user_properties.append((PROPERTY, json.dumps(calls)))
            for figure in ("fuel", "memory"):
                most = max((call[figure] or 0 for call in calls), default=0)
                item.user_properties.append((f"wasmcp_{figure}", most))
    problems = list(_problems(budget_of(item), measured))
    if problems:
        pytest.fail("the test exceeds its budget:\n  " + "\n  ".join(problems), pytrace=False)
    return result


def _problems(budget: dict[str, float], measured: Measured) -> Iterator[str]:
    """Yield a sentence for each method and target whose most expensive call exceeds the budget."""
    from wasmcp.terminal import printable

    costs = [cost for counted, cost in measured.costs if counted]
    if budget and not measured.requests:
        yield "it has no request to a server of this process, so that there is nothing to measure"
    elif ("fuel" in budget or "memory" in budget) and not costs:
        yield "its server was started for other tests, without measurement: use one of the scope `function`"
    figures: dict[tuple[str, str, str], float] = {}
    for cost in costs:
        if "memory" in budget and cost.memory is None:
            yield "this system does not report the memory of a server (Linux does): remove `memory` from the marker"
            return
        for figure in ("fuel", "memory"):
            if figure in budget:
                key = (figure, cost.method, cost.name)
                figures[key] = max(figures.get(key, 0), getattr(cost, figure))
    for method, target, seconds in measured.times if "seconds" in budget else []:
        timed = ("seconds", method, target)
        figures[timed] = max(figures.get(timed, 0), seconds)
    for (figure, method, target), value in figures.items():
        if value > budget[figure]:
            shown = printable(f"{method} {target}".strip())
            yield (
                f"{shown}: {value:,.6g} {_FIGURES[figure]}, and the budget is {budget[figure]:,.6g}"
                if (figure == "seconds")
                else f"{shown}: {value:,} {_FIGURES[figure]}, and the budget is {budget[figure]:,}"
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the most expensive calls."""
    from wasmcp.terminal import printable

    most = config.getoption("wasmcp_durations")
    if most is None:
        return
    rows: dict[tuple[str, str, str], tuple[int, int]] = {}
    for nodeid, value in properties_of(terminalreporter, PROPERTY):
        for call in json.loads(value):
            key = (call["method"], call["name"], nodeid)
            fuel, memory = rows.get(key, (0, 0))
            rows[key] = (max(fuel, call["fuel"]), max(memory, call["memory"] or 0))
    terminalreporter.section("most expensive calls of servers")
    ordered = sorted(rows.items(), key=lambda row: (-row[1][0], row[0]))
    for (method, name, nodeid), (fuel, memory) in ordered[: most or None]:
        line = f"{fuel:>15,} instructions {memory:>13,} bytes  {method} {name}  ({nodeid})"
        terminalreporter.line(printable(line))
    if not rows:
        terminalreporter.line("no test has called a server of this process")
