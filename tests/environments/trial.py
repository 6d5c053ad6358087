"""Trial of one environment: install, build with a front end, install the result, run its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.projects import ZIG_PROJECT, write_project

FRONT_ENDS = ("hatch", "build", "pip", "uv")
TEST = """\
def test_add(wasmcp_server):
    assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}


def test_versions():
    import hatchling.__about__, pytest, wasmtime, importlib.metadata
    print("VERSIONS", hatchling.__about__.__version__, pytest.__version__, importlib.metadata.version("wasmtime"))
"""


@dataclass(frozen=True)
class Environment:
    """Environment of a trial.

    Attributes:
        python: The version of the interpreter.
        front_end: The program that builds the project's wheel, of `FRONT_ENDS`.
        pins: Requirements of the versions of hatchling, pytest and wasmtime; empty: the newest that are allowed.
    """

    python: str
    front_end: str = "build"
    pins: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return " ".join((f"python-{self.python}", self.front_end, *self.pins))


class Trial:
    """Virtual environment with the wheel of wasmcp, and a project of one component in Zig."""

    def __init__(self, environment: Environment, interpreter: Path, wheels: Path, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self._uv = str(Path(sys.executable).with_name("uv"))
        links = [str(wheels), *os.environ.get("PIP_FIND_LINKS", "").split()]
        own = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        certificates = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
        self._variables = {
            **own,
            **certificates,
            "PATH": os.pathsep.join([str(self._bin), os.environ["PATH"]]),
            "PIP_FIND_LINKS": " ".join(links),
            "UV_FIND_LINKS": ",".join(links),
            "VIRTUAL_ENV": str(folder / "venv"),
        }
        self._run(self._uv, "venv", "--quiet", "--seed", "--python", str(interpreter), str(folder / "venv"))
        front = {"hatch": ["hatch"], "build": ["build"], "pip": [], "uv": []}[environment.front_end]
        pins = folder / "pins.txt"
        pins.write_text("".join(f"{pin}\n" for pin in environment.pins), "utf-8")
        # An override, so that a version of wasmtime outside of the range can be tried as well.
        needed = ["wasmcp[build,zig,test]", *front, "--override", str(pins)]
        self._run(self._uv, "pip", "install", "--quiet", "--refresh-package", "wasmcp", *needed)
        # Isolated builds get the same versions, as far as they install them.
        own = [pin for pin in environment.pins if not pin.startswith("wasmtime")]
        pins.write_text("".join(f"{pin}\n" for pin in own), "utf-8")
        self._variables |= {"PIP_CONSTRAINT": str(pins), "UV_BUILD_CONSTRAINT": str(pins)}
        self._project = write_project(folder / "project", {**ZIG_PROJECT, "test_server.py": TEST})

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self._variables, capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def build(self) -> Path:
        """Build the wheel of the project with the front end."""
        python, dist = str(self._bin / "python"), str(self._folder / "dist")
        command = {
            "hatch": [python, "-m", "hatch", "build", "-t", "wheel", dist],
            "build": [python, "-m", "build", "--wheel", "--outdir", dist],
            "pip": [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", dist, "."],
            "uv": [self._uv, "build", "--quiet", "--wheel", "--python", python, "--out-dir", dist],
        }[self._environment.front_end]
        self._run(*command, cwd=self._project)
        return next((self._folder / "dist").glob("*.whl"))

    def try_out(self) -> str:
        """Build and install the project, run its tests, and return the versions that they saw."""
        wheel = self.build()
        self._run(self._uv, "pip", "install", "--quiet", "--no-deps", str(wheel))
        shutil.rmtree(self._project / "src" / "zig_project" / "_wasmcp", ignore_errors=True)
        python = str(self._bin / "python")
        output = self._run(python, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", cwd=self._project)
        assert "2 passed" in output, output
        (line,) = [line for line in output.splitlines() if "VERSIONS" in line]
        return line.partition("VERSIONS")[2].strip().rstrip(".")
