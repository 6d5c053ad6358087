"""Isolation of tests: the declarations of one test do not exist in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.uri_table import match_uri

from wasmcp.guest.testing import URI_MATCHERS, fresh_declarations

URI_MATCHERS.append(match_uri)


@pytest.fixture(autouse=True)
def _nothing_declared() -> Iterator[None]:
    with fresh_declarations():
        yield
