"""Tests of a server: errors of tools, isolation, protocol, entries, and start."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import pytest

from wasmcp.protocol import LATEST
from wasmcp.testing import suite


def _rejected(tool: Mapping[str, Any]) -> tuple[Any, str] | None:
    """Return arguments that a tool's schema rejects, with the name of the wrong one; None if it rejects none."""
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict):
        return None
    required = schema.get("required")
    if isinstance(required, list) and required:
        return {}, str(required[0])
    if schema.get("additionalProperties") is False:
        return {"wasmcp_suite_unexpected": 1}, "wasmcp_suite_unexpected"
    return None


def test_wrong_arguments_are_refused_by_name(
    suite_latest: Any, suite_lists: Any, suite_target: Any, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Call each tool with arguments that its schema rejects, unless `--wasmcp-suite-calls=none`."""
    if pytestconfig.getoption("wasmcp_suite_calls") == "none":
        pytest.skip("--wasmcp-suite-calls=none")
    problems = list(suite.rejected_call_problems(suite_latest, suite_lists["tools"], _rejected, suite_target.canary))
    suite_report.assert_no_problems(problems)


def test_tools_hold_their_schemas(
    suite_latest: Any, suite_lists: Any, suite_target: Any, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Call tools with made arguments: those that are read-only, or all, by `--wasmcp-suite-calls`."""
    calls = pytestconfig.getoption("wasmcp_suite_calls")
    tools = [
        tool
        for tool in suite_lists["tools"]
        if calls == "all" or (calls == "read-only" and (tool.get("annotations") or {}).get("readOnlyHint") is True)
    ]
    if not tools:
        pytest.skip(f"no tool is called with --wasmcp-suite-calls={calls}: `read-only` and `all` call tools")
    from wasmcp.errors import HostError
    from wasmcp.testing.tool_properties import counterexamples

    lines: list[str] = []
    try:
        for tool in tools:
            for found in counterexamples(suite_latest, tool, examples=20, seed=0):
                lines += found.lines(suite_target.shown)
    except HostError as error:
        pytest.fail(str(error), pytrace=False)
    suite_report.assert_no_problems(["\n".join(lines)] if lines else [])


def test_components_have_no_other_grants(suite_target: Any, suite_report: Any, pytestconfig: pytest.Config) -> None:
    """Report the grants of each component, proved from the wiring of the file; compare them with those allowed."""
    allowed = pytestconfig.getoption("wasmcp_suite_grants")
    names = None if allowed is None else {name.strip() for name in allowed.split(",") if name.strip()}
    if suite_target.path is None:
        suite_report.add(
            "isolation: none that can be proved, because the server is not a WebAssembly file: a command "
            "has all rights of its user"
        )
        if names is not None:
            pytest.fail(
                "`--wasmcp-suite-grants` needs a .wasm file: the rights of other servers cannot be read", pytrace=False
            )
        return
    from wasmcp.errors import ComponentError
    from wasmcp.insight.roles import read_structure

    try:
        structure = read_structure(suite_target.path.read_bytes(), suite_target.path.name)
    except ComponentError as error:
        pytest.fail(str(error), pytrace=False)
    problems = []
    for one in structure.components:
        granted = ", ".join(one.granted) or "none"
        suite_report.add(f"isolation: component `{one.name}` has the grants: {granted}")
        extra = sorted(set(one.granted) - names) if names is not None else []
        if extra:
            problems.append(f"component `{one.name}` has the grants {', '.join(extra)}, which are not allowed")
        if one.unproved:
            problems.append(
                f"component `{one.name}`: the rules of {', '.join(one.unproved)} are not enforced as recorded"
            )
    suite_report.assert_no_problems(problems)


def test_a_client_connects_with_the_revision_of_its_choice(
    suite_target: Any, suite_transport: str, suite_report: Any
) -> None:
    """Connect without a revision: the server answers with one that both know."""
    from wasmcp.errors import WasmcpError

    try:
        with suite_target.connect(suite_transport) as client:
            name = suite.implementation(client.server)
            suite_report.add(f"{suite_transport}: {name}, revision {client.revision}")
    except WasmcpError as error:
        pytest.fail(f"{suite_transport}: {error}", pytrace=False)


def test_lists_fit_the_capabilities(suite_client: Any, suite_report: Any) -> None:
    """Request each list: declared ones are answered, others do not exist."""
    _, problems = suite.lists_of(suite_client)
    suite_report.assert_no_problems(problems)


def test_ping_is_answered(suite_client: Any, suite_report: Any) -> None:
    """Send `ping`, which the handshake revisions have."""
    if suite_client.revision == LATEST:
        pytest.skip(f"{LATEST} has no `ping`")
    result = suite_client.request("ping")
    suite_report.assert_no_problems([] if result == {} else [f"`ping` gets {result}, and not an empty result"])


def test_wrong_requests_get_the_errors_of_the_specification(suite_client: Any, suite_report: Any) -> None:
    """Send requests for methods and entries that do not exist. The server answers further requests."""
    suite_report.assert_no_problems(suite.error_problems(suite_client))


def test_the_http_endpoint_refuses_invalid_requests(suite_target: Any, suite_report: Any) -> None:
    """Send bodies that are not messages, and requests of web pages."""
    if "http" not in suite_target.transports:
        pytest.skip("the server is not reached over HTTP")
    from wasmcp.errors import ConnectionFailedError

    try:
        problems = list(suite.http_problems(suite_target.target("http")))
    except ConnectionFailedError as error:
        pytest.fail(str(error), pytrace=False)
    suite_report.assert_no_problems(problems)


def test_entries_have_valid_names_descriptions_and_schemas(suite_lists: Any, suite_report: Any) -> None:
    """Lint the lists."""
    found = list(suite.remarks(suite_lists))
    errors = [str(one) for one in found if one.level == suite.ERROR]
    suite_report.assert_no_problems(errors, [str(one) for one in found if one.level == suite.WARNING])


def test_the_list_of_tools_is_within_its_size(suite_lists: Any, suite_report: Any, pytestconfig: pytest.Config) -> None:
    """Report the size of the list of tools, which each conversation of a model has to read."""
    size = suite.tools_size(suite_lists["tools"])
    suite_report.add(
        f"list of {len(suite_lists['tools'])} tools: {size:,} bytes, some {size // 4:,} tokens (bytes / 4)"
    )
    most = pytestconfig.getoption("wasmcp_suite_tool_bytes")
    is_too_large = most is not None and size > most
    problem = f"the list of tools has {size:,} bytes, and `--wasmcp-suite-tool-bytes` is {most}"
    suite_report.assert_no_problems([problem] if is_too_large else [])


def test_the_first_list_arrives_in_time(
    suite_target: Any, suite_transport: str, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Report the time of a new connection, of a new process over stdio, to the list of tools."""
    from wasmcp.errors import WasmcpError

    try:
        suite_target.target(suite_transport)  # an HTTP server is started before
        began = perf_counter()
        with suite_target.connect(suite_transport) as client:
            if "tools" in client.capabilities:
                client.list_all("tools/list", "tools")
            seconds = perf_counter() - began
    except WasmcpError as error:
        pytest.fail(f"{suite_transport}: {error}", pytrace=False)
    what = "start to first list" if suite_transport == "stdio" else "connection to first list"
    suite_report.add(f"{suite_transport}: {what} {seconds:.2f} s")
    most = pytestconfig.getoption("wasmcp_suite_start")
    is_late = most is not None and not seconds <= most
    problem = f"{what} took {seconds:.2f} s, and `--wasmcp-suite-start` is {most} s"
    suite_report.assert_no_problems([problem] if is_late else [])
