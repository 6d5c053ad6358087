"""Metadata hook: packages get console scripts of their servers without a module for them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import ZIG_PROJECT, write_project

from wasmcp.distribution.descriptions import PackageMetadata
from wasmcp.distribution.mcp_bundle import ENTRY_POINT, write_bundle
from wasmcp.errors import ConfigError
from wasmcp.host.transports.console_scripts import servers
from wasmcp.project import load
from wasmcp.project.model import console_scripts

PAGE = (Path(__file__).parents[2] / "docs/guides/console-scripts.md").read_text("utf-8")
HOOK = "\n[tool.hatch.metadata.hooks.wasmcp]\n"
MORE = '\n[tool.wasmcp.servers.more-tools]\ncomponents = ["calc"]\n'
ENTRY = "wasmcp.host.transports.console_scripts:servers.zig_project"


def pyproject(more: str = "", *, dynamic: str = 'dynamic = ["scripts"]\n') -> str:
    return ZIG_PROJECT["pyproject.toml"].replace("[project]\n", f"[project]\n{dynamic}") + more


def scripts_of(root: Path) -> dict[str, str]:
    """Return the console scripts of a project's wheel."""
    with zipfile.ZipFile(next((root / "dist").glob("*.whl"))) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        parser = ConfigParser()
        parser.read_string(archive.read(name).decode())
    return dict(parser["console_scripts"])


def test_scripts_of_all_servers(project: Path, hatchling) -> None:
    (project / "pyproject.toml").write_text(pyproject(HOOK + MORE))
    hatchling(project, "-t", "wheel")
    assert scripts_of(project) == {
        "zig-project": f"{ENTRY}.default",
        "zig-project-more-tools": f"{ENTRY}.more_tools",
    }


def test_example_of_the_guide(project: Path, hatchling) -> None:
    (table,) = [text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "metadata.hooks" in text]
    head, _, tables = table.partition("\n\n")
    assert head == '[project]\ndynamic = ["scripts"]'
    (project / "pyproject.toml").write_text(pyproject(f"\n{tables}"))
    hatchling(project, "-t", "wheel")
    assert scripts_of(project) == {"weather": f"{ENTRY}.default", "weather-report": "weather.report:main"}


def test_static_scripts_are_refused_with_advice(project: Path, hatchling) -> None:
    (project / "pyproject.toml").write_text(pyproject(HOOK, dynamic=""))
    done = hatchling(project, "-t", "wheel", ok=False)
    assert 'write `dynamic = ["scripts"]` in `[project]`' in done.stdout + done.stderr
    (project / "pyproject.toml").write_text(pyproject(f"{HOOK}servers = 1\n"))
    done = hatchling(project, "-t", "wheel", ok=False)
    assert "`tool.hatch.metadata.hooks.wasmcp.servers` must be a table of strings, not 1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "servers_of_project", "problem"),
    [
        ({"server": {}}, MORE, "`tool.hatch.metadata.hooks.wasmcp.server` is unknown; known: `servers`, `scripts`"),
        ({"servers": ["default"]}, MORE, "`tool.hatch.metadata.hooks.wasmcp.servers` must be a table of strings"),
        ({"servers": {"moretools": "x"}}, MORE, "is not a server; did you mean `more-tools`?"),
        ({"servers": {"default": "a b"}}, MORE, "is not a name of a script: `a b`"),
        ({"scripts": {"zig-project": "a:b"}}, MORE, "has two scripts `zig-project`"),
        ({}, MORE.replace("more-tools", "2nd"), "the server `2nd` cannot have a script without code"),
        (
            {},
            MORE + MORE.replace("more-tools", "more_tools"),
            "`more-tools` and `more_tools` cannot both have a script",
        ),
    ],
)
def test_mistakes(project: Path, table: dict[str, Any], servers_of_project: str, problem: str) -> None:
    (project / "pyproject.toml").write_text(pyproject(servers_of_project))
    with pytest.raises(ConfigError) as caught:
        console_scripts(load(project), table)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("packages", "package", "name"),
    [
        ('["src/zig_project"]', "src/zig_project", "zig_project"),
        ('["lib/acme"]', "lib/acme/tools", "acme.tools"),
        ('["src/acme"]', "src/acme/tools", "acme.tools"),
    ],
)
def test_packages_are_named_as_they_are_imported(tmp_path: Path, packages: str, package: str, name: str) -> None:
    text = pyproject(f'\n[tool.wasmcp]\npackage = "{package}"\n').replace('["src/zig_project"]', packages)
    files = {**ZIG_PROJECT, f"{package}/__init__.py": "", "pyproject.toml": text}
    write_project(tmp_path, files)
    loaded = load(tmp_path)
    entry = console_scripts(loaded, {})["zig-project"]
    assert entry == f"wasmcp.host.transports.console_scripts:servers.{name}.default"
    wheel = tmp_path / "zig_project-1-py3-none-any.whl"
    wheel.write_bytes(b"")
    metadata = PackageMetadata(
        "zig-project", "1", description="Numbers", authors=({"name": "Ada"},), dependencies=("wasmcp",)
    )
    with zipfile.ZipFile(write_bundle(loaded, "default", metadata, {}, wheel=wheel, output=tmp_path)) as bundle:
        assert f"run('{name}', 'default')" in bundle.read(ENTRY_POINT).decode()


def test_entry_point_serves_its_server(project: Path, hatchling, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text(pyproject(HOOK + MORE))
    hatchling(project, "-t", "wheel")
    site = tmp_path / "site"
    with zipfile.ZipFile(next((project / "dist").glob("*.whl"))) as archive:
        archive.extractall(site)
    # As installers write scripts: the first part of the object is imported, the whole is called.
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom wasmcp.host.transports.console_scripts import servers\n"
        "sys.exit(servers.zig_project.more_tools())\n"
    )
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(script)],
        env={"PYTHONPATH": str(site), "WASMCP_CACHE_DIR": os.environ["WASMCP_CACHE_DIR"], "PATH": os.environ["PATH"]},
    )

    async def session() -> Any:
        async with Client(server, read_timeout_seconds=120) as client:
            return (await client.call_tool("add", {"a": 1, "b": 2})).structured_content

    assert anyio.run(session) == {"result": 3}


def test_missing_package_is_an_error_without_a_traceback() -> None:
    code = "from wasmcp.host.transports.console_scripts import servers; servers.not_there.default()"
    done = subprocess.run(
        [sys.executable, "-c", code], input="", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "`not_there` is neither a file nor an installed package" in done.stderr.replace("not_there:", "`not_there`")
    assert "Traceback" not in done.stderr
    with pytest.raises(AttributeError):
        _ = servers.__wrapped__
