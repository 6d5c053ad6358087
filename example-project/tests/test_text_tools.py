"""The Python tools as what they are: plain functions."""

from __future__ import annotations

import pytest
from example.text_tools import Statistics, reverse, statistics, truncate

from wasmcp.guest import ToolError


def test_reverse() -> None:
    assert reverse("wasm") == "msaw"


def test_statistics() -> None:
    assert statistics("To be, or not to be.", top=2) == Statistics(20, 6, 1, ["to", "be"])


def test_an_ellipsis_that_does_not_fit() -> None:
    with pytest.raises(ToolError, match="does not fit"):
        truncate("wasm", 2, "...")
