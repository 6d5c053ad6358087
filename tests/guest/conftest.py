"""Nothing that one test declares is there in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasmcp.guest.testing import fresh_declarations


@pytest.fixture(autouse=True)
def _nothing_declared() -> Iterator[None]:
    with fresh_declarations():
        yield
