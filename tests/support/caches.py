"""Caches of compiled servers."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test alone, empty at first."""
    path = tmp_path / "cache"
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(path))
    return path
