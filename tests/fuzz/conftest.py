"""Fixtures: the fuzzed server, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import project


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the server, and compile it with the stock runtime."""
    return project.build(tmp_path_factory.mktemp("fuzzed"))
