"""Detection of the server capabilities that scripts can use."""

from __future__ import annotations

import pytest

from wasmcp.toolchains.typescript.toolchain import FUNCTIONS, uses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("console.log('x'); Math.log(2); const info = 1; catalogue();", set()),
        ("context.info(`x`)", {"log"}),
        ("context\n  .log('debug', 1)", {"log"}),
        ("ctx?.toolsChanged()", {"notify-tools-changed"}),
        ("context.request.notifyResourceUpdated(uri)", {"notify-resource-updated"}),
        ("context[level](text)", set(FUNCTIONS.values())),
        ("handlers['a'](1); list[0](2)", set()),
    ],
)
def test_functions_used_by_a_script(text: str, found: set[str]) -> None:
    assert uses(["", text]) == found
