"""Supported versions, as `pyproject.toml` declares them, and interpreters of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

PYTHONS = tuple(
    found[1]
    for one in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one)) is not None
)
"""Supported versions of Python, oldest first."""


def requirement(name: str) -> str:
    """Return the requirement of a distribution, in the dependencies or in an extra."""
    extras = PROJECT["optional-dependencies"].values()
    every = [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    return next(one for one in every if re.match(r"[A-Za-z0-9_-]+", one)[0] == name)  # type: ignore[index]


def oldest(name: str) -> str:
    """Return the requirement of the oldest supported version of a distribution."""
    found = re.search(r">=\s*([0-9.]+)", requirement(name))
    assert found is not None, name
    return f"{name}=={found[1]}"


def interpreters() -> dict[str, Path]:
    """Return the interpreters of supported versions on this machine: on the path, of pyenv, and the running one."""
    found: dict[str, Path] = {}
    for version in PYTHONS:
        pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
        program = shutil.which(f"python{version}")
        candidates = [Path(sys.executable), *pyenv, *([Path(program)] if program else [])]
        fitting = next((path for path in candidates if _version(path) == version), None)
        if fitting is not None:
            found[version] = fitting
    return found


def _version(path: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip()
