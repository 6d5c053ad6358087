"""Servers in `tests/ports` with the behaviour of public ones, which are installed from PyPI or npm and compared."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from ports.originals import PORTS, SOURCES, code_lines, fill, original_of, placed, site
from support.fastmcp_originals import answers
from support.server_processes import WASMCP

from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "what-runs.md").read_text("utf-8")
UPDATE = "run `make figures NAMES=ports`"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SOURCES / "public", tmp_path_factory.mktemp("ports") / "ports"))


@dataclass(frozen=True)
class Compared:
    """Answers of the original and of the port to the same client."""

    name: str
    original: Mapping[str, Any]
    ours: Mapping[str, Any]
    server: Path
    lines: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module", params=list(PORTS))
def compared(request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    port = PORTS[request.param]
    server = ensure_built(project, request.param)
    command, sources = original_of(port)
    folder = tmp_path_factory.mktemp("original") / "files"
    with site() as base:
        here = placed(port, base, folder)
        calls = list(here.calls)
        fill(folder)
        theirs = ["env", *here.variables, *command, *here.script[1:]]
        original = asyncio.run(answers(theirs, calls, list(port.uris), []))
        fill(folder)
        ours = asyncio.run(answers([*WASMCP, "run", str(server), *here.options], calls, list(port.uris), []))
    lines = {
        "original": code_lines(*sources),
        "ours": code_lines(SOURCES / f"public/src/ports/{request.param}_tools.py"),
    }
    return Compared(request.param, original, ours, server, lines)


def arguments_of(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return name -> type of the arguments, and those that are required."""
    schema = tool["inputSchema"]
    types = {name: value.get("type") for name, value in schema.get("properties", {}).items()}
    return {"types": types, "required": sorted(schema.get("required", []))}


def test_tools_and_resources_are_those_of_the_original(compared: Compared) -> None:
    original, ours = compared.original, compared.ours
    assert list(ours["tools"]) == list(original["tools"])
    for name, tool in original["tools"].items():
        assert arguments_of(ours["tools"][name]) == arguments_of(tool), name
    assert list(ours["resources"]) == list(original["resources"])
    assert list(ours["prompts"]) == list(original["prompts"])


def values(result: Mapping[str, Any]) -> Any:
    """Return what a client reads: the JSON or the text of a result."""
    text = "".join(block.get("text") or json.dumps(block, sort_keys=True) for block in result["content"])
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_calls_have_the_results_of_the_original(compared: Compared) -> None:
    for call, theirs in compared.original["calls"].items():
        ours = compared.ours["calls"][call]
        assert ours.get("isError", False) == theirs.get("isError", False), (call, theirs, ours)
        if not theirs.get("isError"):
            assert values(ours) == values(theirs), call
    has_errors = any(result.get("isError") for result in compared.original["calls"].values())
    assert has_errors == PORTS[compared.name].has_errors


def test_reads_have_the_contents_of_the_original(compared: Compared) -> None:
    for uri, theirs in compared.original["reads"].items():
        ours = compared.ours["reads"][uri]
        assert values({"content": ours["contents"]}) == values({"content": theirs["contents"]})


def test_figures_of_the_documentation_hold(compared: Compared) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{PORTS[compared.name].requirement}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == f"{compared.lines['original']}, here {compared.lines['ours']}", UPDATE
    megabytes = pytest.approx(compared.server.stat().st_size / 1e6, rel=0.15)
    assert float(cells[2].removesuffix(" MB")) == megabytes, UPDATE


def test_fetch_makes_markdown_and_checks_robots_first(project: Path) -> None:
    server = ensure_built(project, "fetch")
    with site() as base:
        calls = [("fetch", {"url": f"{base}/tea"}), ("fetch", {"url": f"{base}/private/diary"})]
        found = list(asyncio.run(answers([*WASMCP, "run", str(server)], calls, [], []))["calls"].values())
    assert "# Tea\n\nBoil **water**." in found[0]["content"][0]["text"]
    assert "robots.txt" in found[1]["content"][0]["text"]
    assert "secret" not in str(found[1])


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of the weather server, installed from its wheel."""
    folder = tmp_path_factory.mktemp("venv")
    project = Path(shutil.copytree(SOURCES / "weather", folder / "project"))
    ensure_built(project)
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    find = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site_packages = Path(subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip())
    # Everything else, hatchling and wasmcp included, is that of this environment.
    link = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (site_packages / "tests.pth").write_text(link, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
    ]
    environment = {**os.environ, "WASMCP_SKIP_BUILD": "1"}
    subprocess.run([*command, str(project)], check=True, env=environment, capture_output=True, timeout=300)
    return folder / "bin" / "weather"


def test_weather_from_the_installed_script_with_an_empty_environment(weather: Path) -> None:
    kept = f"WASMCP_CACHE_DIR={os.environ['WASMCP_CACHE_DIR']}"

    async def session(*variables: str) -> list[Any]:
        parameters = StdioServerParameters(command="env", args=["-i", kept, *variables, str(weather)])
        async with Client(parameters, read_timeout_seconds=200) as client:
            return [await client.call_tool("current_weather", {"city": city}) for city in ("Oslo", "Atlantis")]

    with site() as base:
        url = f"WEATHER_URL={base}"
        oslo, atlantis = asyncio.run(session("API_KEY=key", url))
        assert oslo.structured_content == {"city": "Oslo", "celsius": -2.5, "summary": "snow"}
        assert (atlantis.is_error, atlantis.content[0].text) == (True, "no weather is known for `Atlantis`")
        refused, _ = asyncio.run(session("API_KEY=wrong", url))
        assert (refused.is_error, "status 401" in refused.content[0].text) == (True, True)
        assert not re.search("wrong|key", refused.content[0].text)
    done = subprocess.run(["env", "-i", kept, str(weather)], input="", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "API_KEY" in done.stderr
