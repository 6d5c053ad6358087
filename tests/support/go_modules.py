"""Schemas in Go modules, fetched through the module proxy with `go mod download`."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

COMPOSE = "github.com/compose-spec/compose-go/v2@v2.16.2"


@lru_cache
def module(name: str) -> Path:
    """Return the folder of a module, `PATH@VERSION`. If it cannot be fetched, the test is skipped with a message."""
    go = shutil.which("go")
    reason = "go was not found"
    if go is not None:
        with TemporaryDirectory() as folder:
            command = [go, "mod", "download", "-json", name]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
        found = json.loads(done.stdout or "{}")
        if "Dir" in found:
            return Path(found["Dir"])
        reason = found.get("Error") or done.stderr
    warnings.warn(f"a test with the Go module {name} is SKIPPED: {reason}", stacklevel=2)
    pytest.skip(f"{name}: {reason}")
