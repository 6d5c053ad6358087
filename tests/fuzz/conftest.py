"""The fuzzed server, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import project


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The server, and the same compiled by the stock runtime."""
    return project.build(tmp_path_factory.mktemp("fuzzed"))
