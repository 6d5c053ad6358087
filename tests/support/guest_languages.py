"""Languages of the guest libraries, as parameters of tests: extensions of the files of their sources."""

from __future__ import annotations

import pytest

from .rust_prerequisites import MISSING

LANGUAGES = [
    "zig",
    pytest.param("rs", marks=[pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]),
    pytest.param("ts", marks=pytest.mark.slow),
    pytest.param("py", marks=pytest.mark.slow),
]
