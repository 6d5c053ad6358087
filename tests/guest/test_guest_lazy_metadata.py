"""`importlib.metadata` in a component: its code runs when a function is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import sys
from wasmcp.guest.component import lazy_metadata
from wasmcp.guest.component.compressed_modules import is_kept
for name in [name for name in sys.modules if name.startswith(("importlib.metadata", "zipfile", "email"))]:
    del sys.modules[name]
lazy_metadata.install()
import importlib.metadata
from importlib.metadata import entry_points, version
assert lazy_metadata.is_delayed()
assert not {"zipfile", "importlib.metadata._meta"} & sys.modules.keys()
assert not hasattr(importlib.metadata, "__all__")
"""
CALLS = """
from importlib.metadata import PackageNotFoundError
assert not lazy_metadata.is_delayed()
assert version("pytest").partition(".")[0].isdigit()
assert importlib.metadata.version is not version
assert importlib.metadata.__all__
assert any(one.name == "wasmcp" for one in entry_points(group="hatch"))
try:
    version("there-is-none")
except PackageNotFoundError:
    print("found")
"""


@pytest.mark.parametrize(
    "text",
    [
        CALLS,
        "lazy_metadata.finish()\nassert is_kept('importlib.metadata')\nversion('pytest')\n" + CALLS,
        "version('pytest')\nlazy_metadata.finish()\nassert not is_kept('importlib.metadata')\n" + CALLS,
    ],
    ids=["in the build", "stored for calls", "run in the build"],
)
def test_the_code_runs_when_it_is_needed(text):
    done = subprocess.run([sys.executable, "-c", BEGIN + text], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("found\n", "")
