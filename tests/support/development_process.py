"""Processes of `wasmcp dev` for tests, with what they write."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from support.server_processes import WASMCP
from support.waiting import wait_until


class Development:
    """A process of `wasmcp dev`, with what it writes."""

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        command = [*WASMCP, "dev", "--project", str(root), "--port", "0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            finally:
                self.process.kill()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines += iter(self.process.stderr.readline, "")

    def wait_for(self, text: str, seconds: float = 120) -> str:
        def found() -> str | None:
            line = next((line for line in self.lines if text in line), None)
            assert line is not None or self.process.poll() is None, self.lines
            return line

        return str(wait_until(found, lambda: (text, self.lines), seconds=seconds)).strip()

    def url(self, seconds: float = 120) -> str:
        return self.wait_for("playground: ", seconds).removeprefix("playground: ")
