"""The isolation of a server: what its components can reach."""

from __future__ import annotations

from typing import Any

import pytest


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
