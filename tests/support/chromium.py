"""Chromium of the tests of pages, and the package that drives it."""

from __future__ import annotations

import shutil
import warnings

import pytest

PLAYWRIGHT = "playwright-core@1.65.1"
"""The package of npm."""


def chromium(tested: str) -> str:
    """Return the program of Chromium. Without it the test is skipped with a message.

    Args:
        tested: The beginning of the message: the tested pages and their verb, for example `the playground is`.
    """
    found = shutil.which("chromium")
    if found is None:
        reason = "Chromium was not found: `make system-deps` installs it"
        warnings.warn(f"{tested} not tested: {reason}", stacklevel=2)
        pytest.skip(reason)
    return found
