"""From our wheel, by way of the example project's sdist and wheel, to a console script in an empty environment."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def distributions(
    example_project: Path, with_our_wheel: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What `python -m build` makes of the example project, isolation and all."""
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(output), str(example_project)]
    done = subprocess.run(command, env=with_our_wheel, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def test_the_sdist_carries_the_sources_and_nothing_built(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "src/example/text_tools.py", "zig/calc.zig"} <= names
    assert not [name for name in names if name.endswith((".wasm", "manifest.json"))]


def test_the_wheel_carries_the_server_its_manifest_and_its_sbom(distributions: Path) -> None:
    wheel = next(distributions.glob("*.whl"))
    assert wheel.name == "example_mcp_server-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"example/_wasmcp/default.wasm", "example/_wasmcp/manifest.json"} <= names
    assert [name for name in names if ".dist-info/sboms/" in name and name.endswith(".json")]


def test_its_console_script_serves_from_an_empty_environment(
    distributions: Path,
    with_our_wheel: dict[str, str],
    tmp_path: Path,
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / "bin"
    wheel = next(distributions.glob("*.whl"))
    subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", wheel], env=with_our_wheel, check=True)

    async def session() -> None:
        server = StdioServerParameters(command=str(scripts / "example-mcp-server"))
        async with Client(server, read_timeout_seconds=120) as client:
            assert len((await client.list_tools()).tools) == 6
            reversed_ = await client.call_tool("reverse", {"text": "wasm"})
            assert reversed_.structured_content == {"result": "msaw"}

    anyio.run(session)
