"""Whole matrix: `python -m engines`. Writes the page if every cell is as in the table."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engines.table import PAGE, page


def main() -> int:
    """Run the matrix; return the exit code."""
    os.environ["WASMCP_MATRIX"] = "1"
    os.environ.setdefault("WASMCP_CACHE_DIR", str(Path(__file__).parents[2] / ".cache" / "tests"))
    test = Path(__file__).with_name("test_engine_matrix.py")
    code = pytest.main(["-q", "-k", "test_cell", str(test)])
    if code == pytest.ExitCode.OK:
        PAGE.write_text(page(), "utf-8")
    return int(code)


sys.exit(main())
