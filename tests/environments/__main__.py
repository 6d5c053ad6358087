"""Trials of environments, and the whole suite on the oldest and the newest interpreter of the machine."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from environments.ceiling import Check, ceiling, major, newest_published
from environments.matrix import environments
from environments.supported import PYTHONS, ROOT, interpreters
from environments.trial import Environment, Trial


def wheel(folder: Path) -> None:
    """Build the wheel of wasmcp."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)


def tried(environment: Environment, interpreter: Path, wheels: Path) -> bool:
    """Try one environment, and print its result."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(f"{environment}: passed with hatchling, pytest, wasmtime", end=" ")
            print(Trial(environment, interpreter, wheels, Path(folder)).try_out(), flush=True)
        except AssertionError as error:
            print(f"FAILED\n{error}", flush=True)
            return False
    return True


def suite(version: str, interpreter: Path) -> bool:
    """Run the whole suite with an interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "venv/bin/python"
        variables = {**os.environ, "VIRTUAL_ENV": str(python.parents[1])}
        subprocess.run([interpreter, "-m", "venv", str(python.parents[1])], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--editable", f"{ROOT}[dev]"]
        subprocess.run(install, check=True, env=variables)
        done = subprocess.run([python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"], cwd=ROOT, check=False)
    print(f"python-{version}: whole suite {'passed' if done.returncode == 0 else 'FAILED'}", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the chosen trials; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="one environment for each interpreter, and no suite")
    parser.add_argument("--wasmtime", metavar="REQUIREMENT", help="try another version, for example wasmtime==51.0.0")
    parser.add_argument("--ceiling", action="store_true", help="try the newest wasmtime on the index, and record it")
    arguments = parser.parse_args()
    there = interpreters()
    today = dt.datetime.now(dt.UTC).date()
    if Check.read().due(today):
        print("WARNING: the range of wasmtime has not been checked for a month: `--ceiling`", flush=True)
    if arguments.ceiling:
        arguments.wasmtime = f"wasmtime=={newest_published()}"
    for version in PYTHONS:
        if version not in there:
            print(f"python-{version}: NOT RUN, this machine has no interpreter", flush=True)
    chosen = environments(tuple(there), small=arguments.small)
    if arguments.wasmtime:
        chosen = [Environment(tuple(there)[-1], pins=(arguments.wasmtime,))]
    with tempfile.TemporaryDirectory() as wheels:
        wheel(Path(wheels))
        passed = [tried(one, there[one.python], Path(wheels)) for one in chosen]
    if arguments.ceiling and all(passed):
        newest = arguments.wasmtime.partition("==")[2]
        Check(newest, today).write()
        if major(newest) >= ceiling():
            print(f"wasmtime {newest} works: run the whole suite with it, and raise `<{ceiling()}` in pyproject.toml")
    if not arguments.small and not arguments.wasmtime:
        versions = list(there)
        passed += [suite(version, there[version]) for version in dict.fromkeys([versions[0], versions[-1]])]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
