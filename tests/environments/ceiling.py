"""Dated check of the range of wasmtime, which has a major release each month."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from environments.supported import requirement

FILE = Path(__file__).with_name("wasmtime.toml")
DAYS = 35
"""Age of a check after which it is due again."""


@dataclass(frozen=True)
class Check:
    """The last check.

    Attributes:
        newest: The newest version that was tried.
        checked: The day.
    """

    newest: str
    checked: dt.date

    @classmethod
    def read(cls) -> Check:
        """Read the last check."""
        found = tomllib.loads(FILE.read_text("utf-8"))
        return cls(str(found["newest"]), found["checked"])

    def write(self) -> None:
        """Write this check as the last one, below the comment of the file."""
        comment = FILE.read_text("utf-8").partition("\n")[0]
        FILE.write_text(f'{comment}\nnewest = "{self.newest}"\nchecked = {self.checked.isoformat()}\n', "utf-8")

    def due(self, today: dt.date) -> bool:
        """Return True if the check is older than `DAYS`."""
        return (today - self.checked).days > DAYS


def major(version: str) -> int:
    """Return the major version."""
    return int(version.partition(".")[0])


def ceiling() -> int:
    """Return the first major version that the requirement of wasmcp excludes."""
    found = re.search(r"<\s*(\d+)", requirement("wasmtime"))
    assert found is not None
    return int(found[1])


def newest_published() -> str:
    """Return the newest version on the package index, as uv resolves it."""
    uv = Path(sys.executable).with_name("uv")
    certificates = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
    command = [str(uv), "pip", "compile", "--quiet", "--no-header", "--no-deps", "--no-annotate", "-"]
    done = subprocess.run(
        command, input="wasmtime", env={**os.environ, **certificates}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().partition("==")[2]
