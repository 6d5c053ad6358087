"""The protocol, by transport and revision."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.protocol import LATEST
from wasmcp.testing import suite


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
