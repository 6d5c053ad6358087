"""The guide "Protect a server": its commands, run in a shell, at the entry points that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.server_processes import free_port
from support.tokens import compose, whoami_component

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "authorization.md").read_text("utf-8")


def commands_of(heading: str) -> list[tuple[str, str]]:
    """Return the commands of the first console block below a heading, each with its documented output."""
    block = re.search(r"```console\n(.*?)```", GUIDE[GUIDE.index(heading) :], flags=re.DOTALL)
    assert block is not None
    steps: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = 1
        while lines[length - 1].endswith("\\") or "\n".join(lines[:length]).count("'") % 2:
            length += 1
        steps.append(("\n".join(lines[:length]), "\n".join(lines[length:])))
    return steps


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whoami_component(tmp_path_factory.mktemp("whoami"))


def test_commands_with_tokens_for_development(component: bytes, tmp_path: Path) -> None:
    (tmp_path / "server.wasm").write_bytes(compose(component))
    port = str(free_port())
    script, expected = ["set -e", "trap 'kill $(jobs -p)' EXIT"], []
    for command, output in commands_of("## Tokens for development"):
        script.append(command)
        expected.append(output)
        if command.endswith("&"):
            script.append("for n in $(seq 300); do curl -s http://127.0.0.1:8000/ >/dev/null && break; sleep 0.2; done")
    text = (
        "\n".join(script)
        .replace("8000", port)
        .replace("wasmcp serve server.wasm", f"wasmcp serve --port {port} server.wasm")
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith("key.pem"))
    assert [line for line in shown.splitlines() if not line.startswith("wasmcp: ")] == "\n".join(
        filter(None, expected)
    ).splitlines()
