"""Property tests of tools from their schemas: the marker `wasmcp_fuzz`."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

MARKER = "wasmcp_fuzz"
EXAMPLES = "wasmcp_fuzz_examples"
_SEED = "wasmcp_fuzz_seed"


@dataclass(frozen=True)
class Marked:
    """Arguments of `@pytest.mark.wasmcp_fuzz`.

    Attributes:
        tools: The names of tools; None for all.
        examples: Maximum number of calls for each property of a tool; None for the ini value.
        rejected: Also call tools with arguments that their schemas reject.
    """

    tools: tuple[str, ...] | None = None
    examples: int | None = None
    rejected: bool = True


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of property tests."""
    parser.getgroup("wasmcp").addoption(
        "--wasmcp-fuzz-seed",
        default="0",
        metavar="N|random",
        help="seed of the calls of `wasmcp_fuzz`: the same seed makes the same calls",
    )
    parser.addini(EXAMPLES, "calls for each property of a tool in tests with `wasmcp_fuzz`", default="50")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and choose a seed."""
    text = (
        f"{MARKER}(*tools, examples=None, rejected=True): after the test, call tools of its server (all without names) "
        "with arguments that their schemas allow, and with others"
    )
    config.addinivalue_line("markers", text)
    given = config.getoption(_SEED)
    if given == "random":
        config.option.wasmcp_fuzz_seed = str(random.SystemRandom().randrange(1 << 32))
    elif not given.isascii() or not given.isdigit():
        raise pytest.UsageError(f"`--wasmcp-fuzz-seed` must be a number or `random`, got {given!r}")
    examples = config.getini(EXAMPLES)
    if not examples.isascii() or not examples.isdigit() or int(examples) < 1:
        raise pytest.UsageError(f"`{EXAMPLES}` must be a number of calls above 0, got {examples!r}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check the markers."""
    for item in items:
        marked(item)


def marked(node: pytest.Item) -> Marked | None:
    """Return the arguments of the closest marker; None without one.

    Raises:
        pytest.UsageError: The marker is not valid.
    """
    marker = node.get_closest_marker(MARKER)
    if marker is None:
        return None
    examples, rejected = marker.kwargs.get("examples"), marker.kwargs.get("rejected", True)
    valid = (
        marker.kwargs.keys() <= {"examples", "rejected"}
        and all(isinstance(name, str) for name in marker.args)
        and (examples is None or (type(examples) is int and examples > 0))
        and isinstance(rejected, bool)
    )
    if not valid:
        raise pytest.UsageError(
            f"{node.nodeid}: @pytest.mark.{MARKER} takes names of tools, `examples` (a number above 0) and `rejected` "
            f"(a bool), got {marker.args + tuple(marker.kwargs.items())}"
        )
    return Marked(tuple(marker.args) or None, examples, rejected)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Search for counterexamples after the test."""
    result = yield
    chosen = marked(item)
    if chosen is not None:
        _check(item, chosen)
    return result


def _check(item: pytest.Item, chosen: Marked) -> None:
    from pytest_wasmcp.aio import AsyncClient
    from wasmcp.errors import HostError
    from wasmcp.host.client.request_methods import RequestMethods
    from wasmcp.terminal import printable
    from wasmcp.testing.tool_properties import counterexamples

    values = getattr(item, "funcargs", {}).values()
    clients = (value.sync if isinstance(value, AsyncClient) else value for value in values)
    server = next((value for value in clients if isinstance(value, RequestMethods)), None)
    if server is None:
        pytest.fail(f"the marker `{MARKER}` needs a test with a server: use the fixture `wasmcp_server`", pytrace=False)
    tools = server.surface()["tools"]
    unknown = [name for name in chosen.tools or () if name not in tools]
    if unknown or not tools:
        listed = ", ".join(f"`{name}`" for name in unknown)
        pytest.fail(
            f"the server has no tool {listed}".rstrip() + f": it has {', '.join(tools) or 'none'}", pytrace=False
        )
    seed = int(item.config.getoption(_SEED))
    examples = chosen.examples or int(item.config.getini(EXAMPLES))
    lines: list[str] = []
    for name in chosen.tools or tools:
        try:
            for found in counterexamples(server, tools[name], examples=examples, seed=seed, rejected=chosen.rejected):
                lines += found.lines()
        except HostError as error:
            pytest.fail(str(error), pytrace=False)
    if lines:
        lines.append(f"the same search: pytest --wasmcp-fuzz-seed={seed} {item.nodeid!r}")
        pytest.fail("\n".join(printable(line) for line in lines), pytrace=False)
