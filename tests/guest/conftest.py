"""Isolation of tests: the declarations of one test do not exist in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasmcp.guest.testing import fresh_declarations


@pytest.fixture(autouse=True)
def _nothing_declared() -> Iterator[None]:
    with fresh_declarations():
        yield
