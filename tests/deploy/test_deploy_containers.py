"""Dockerfiles of deployments: their steps as a script in a clean virtual environment, and the started server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import anyio
import pytest
import yaml
from click.testing import CliRunner
from mcp import Client
from support.compose_inputs import METADATA, spec
from support.server_processes import free_port, listening

from wasmcp.cli.group import commands
from wasmcp.compose import compose_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Container:
    """Steps of a Dockerfile, run in a folder that stands for the image's.

    Attributes:
        environment: The environment of the steps.
        entry_point: The command of `ENTRYPOINT`.
    """

    def __init__(self, context: Path, folder: Path, environment: dict[str, str]) -> None:
        venv.create(folder / "venv", with_pip=True)
        home = folder / "home"
        home.mkdir()
        path = f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in environment.items() if not name.startswith(("WASMCP_", "PYTHON"))}
        self.environment = {**kept, "PATH": path}
        self.entry_point: list[str] = []
        text = (context / "Dockerfile").read_text().replace("/srv/mcp", str(home))
        text = text.replace("10001:10001", f"{os.getuid()}:{os.getgid()}")
        self.steps = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
        for keyword, _, rest in self.steps:
            match keyword:
                case "ENV":
                    self.environment |= dict(pair.split("=", 1) for pair in rest.split())
                case "COPY":
                    source, target = json.loads(rest)
                    (home / target / source).write_bytes((context / source).read_bytes())
                case "RUN":
                    done = subprocess.run(
                        ["sh", "-euc", rest],
                        cwd=home,
                        env=self.environment,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    assert done.returncode == 0, done.stdout + done.stderr
                case "ENTRYPOINT":
                    self.entry_point = json.loads(rest)
                case _:
                    assert keyword in {"FROM", "WORKDIR", "USER", "EXPOSE"}, keyword
        self.home = home

    def command(self, port: int, arguments: list[str]) -> list[str]:
        """Return the command of the process, on a port of loopback."""
        start = [{"0.0.0.0": "127.0.0.1", "8000": str(port)}.get(one, one) for one in self.entry_point]  # noqa: S104
        return ["env", "-i", *(f"{name}={value}" for name, value in self.environment.items()), *start, *arguments]


def deploy(target: str, file: Path, output: Path, *options: str) -> None:
    done = CliRunner().invoke(commands, ["deploy", target, str(file), "-o", str(output), *options])
    assert done.exit_code == 0, done.output


async def add(url: str) -> object:
    async with Client(url, read_timeout_seconds=120) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})
        return result.structured_content or result.content[0].text


def test_the_image_of_a_wheel(zig_project: Path, with_our_wheel: dict[str, str], tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=zig_project, check=True, capture_output=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    deploy("compose", wheel, tmp_path / "out", "--env", "WASMCP_MAX_BODY=100000")
    container = Container(tmp_path / "out", tmp_path / "container", with_our_wheel)
    assert list((container.home / "cache" / "compiled").glob("*"))
    document = yaml.safe_load((tmp_path / "out" / "compose.yaml").read_text())
    (service,) = document["services"].values()
    assert document["name"] == "zig-project"
    container.environment |= service["environment"]
    port = free_port()
    with listening(container.command(port, service.get("command", [])), port, cwd=container.home):
        assert anyio.run(add, f"http://127.0.0.1:{port}/mcp") == {"result": 3}
        check = [one.replace("8000", str(port)) for one in service["healthcheck"]["test"][1:]]
        subprocess.run(check, env=container.environment, check=True, timeout=60)


def test_the_image_of_a_composed_server(with_our_wheel: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "calc.wasm"
    compose_server([spec("calc", "three", "add")], METADATA).write(path)
    deploy("kubernetes", path, tmp_path / "out", "--image", "calc:1")
    container = Container(tmp_path / "out", tmp_path / "container", with_our_wheel)
    port = free_port()
    with listening(container.command(port, []), port, cwd=container.home):
        assert anyio.run(add, f"http://127.0.0.1:{port}/mcp") == "three"
