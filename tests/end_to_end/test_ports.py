"""Servers in `tests/ports` with the behaviour of public ones, which are installed from PyPI and compared."""

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from support.fastmcp_originals import answers, environment_of
from support.server_processes import WASMCP

from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SOURCES = Path(__file__).parents[1] / "ports"
PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "what-runs.md").read_text("utf-8")
HTML = "<html><head><title>Tea</title></head><body><h1>Tea</h1><p>Boil <b>water</b>.</p></body></html>"
Answers = Mapping[str, Any]


PAGES = {
    "/robots.txt": (200, "text/plain", "User-agent: *\nDisallow: /private\n"),
    "/tea": (200, "text/html", HTML),
    "/data": (200, "application/json", '{"a": 1}'),
    "/private/diary": (200, "text/plain", "secret"),
    "/weather?city=Oslo": (200, "application/json", '{"temperature": -2.5, "summary": "snow"}'),
}


class _Site(BaseHTTPRequestHandler):
    """Pages for `fetch`, and the weather service."""

    def log_message(self, *_: Any) -> None:
        """Write no lines."""

    def do_GET(self) -> None:
        status, kind, text = PAGES.get(self.path, (404, "text/plain", "not here"))
        if self.path.startswith("/weather") and self.headers.get("authorization") != "Bearer key":
            status = 401
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def site() -> Iterator[str]:
    """Serve the pages; the URL without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Port:
    """A public server with a port.

    Attributes:
        requirement: The distribution, pinned.
        others: Further requirements of its environment.
        script: The original's console script, and its arguments.
        calls: Calls; `SITE` stands for the URL of the pages.
        uris: Resources to read.
    """

    requirement: str
    script: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...]
    others: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


ZONES = ("Europe/Warsaw", "Asia/Kathmandu", "America/New_York", "UTC")
PORTS = {
    "time": Port(
        "mcp-server-time==2026.10.19",
        ("mcp-server-time",),
        (
            *(
                ("convert_time", {"source_timezone": a, "time": "13:37", "target_timezone": b})
                for a, b in zip(ZONES, (*ZONES[1:], ZONES[0]), strict=True)
            ),
            ("convert_time", {"source_timezone": "UTC", "time": "25:00", "target_timezone": "UTC"}),
            ("get_current_time", {"timezone": "Mars/Olympus"}),
            ("get_current_time", {}),
        ),
    ),
    "sqlite": Port(
        "mcp-server-sqlite==2025.4.25",
        ("mcp-server-sqlite", "--db-path", "DATABASE"),
        (
            ("create_table", {"query": "CREATE TABLE tea (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"}),
            ("write_query", {"query": "INSERT INTO tea(name) VALUES ('Assam'), ('Sencha')"}),
            ("read_query", {"query": "SELECT * FROM tea ORDER BY name DESC"}),
            ("write_query", {"query": "UPDATE tea SET name = 'Oolong' WHERE id = 2"}),
            ("read_query", {"query": "select count(*) AS n, max(name) AS last from tea"}),
            ("list_tables", {}),
            ("describe_table", {"table_name": "tea"}),
            ("read_query", {"query": "DELETE FROM tea"}),
            ("write_query", {"query": "SELECT 1"}),
            ("create_table", {"query": "DROP TABLE tea"}),
            ("read_query", {"query": "SELECT nothing FROM nowhere"}),
            ("append_insight", {"insight": "Tea sells"}),
        ),
        ("mcp<2",),
        ("memo://insights",),
    ),
    "fetch": Port(
        "mcp-server-fetch==2026.10.24",
        ("mcp-server-fetch", "--allow-private-ips"),
        (
            ("fetch", {"url": "SITE/data"}),
            ("fetch", {"url": "SITE/tea", "raw": True}),
            ("fetch", {"url": "SITE/tea", "raw": True, "max_length": 10}),
            ("fetch", {"url": "SITE/tea", "raw": True, "max_length": 10, "start_index": 90}),
            ("fetch", {"url": "SITE/tea", "raw": True, "start_index": 1000}),
            ("fetch", {"url": "SITE/missing"}),
            ("fetch", {"url": "SITE/private/diary"}),
            ("fetch", {"url": "SITE/data", "max_length": 0}),
        ),
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SOURCES / "public", tmp_path_factory.mktemp("ports") / "ports"))


@dataclass(frozen=True)
class Compared:
    """Answers of the original and of the port to the same client."""

    name: str
    original: Answers
    ours: Answers
    server: Path
    lines: dict[str, int] = field(default_factory=dict)


def code_lines(*files: Path) -> int:
    """Return the number of lines that are neither empty nor comments."""
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


@pytest.fixture(scope="module", params=list(PORTS))
def compared(request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    port = PORTS[request.param]
    server = ensure_built(project, request.param)
    python = environment_of(port.requirement, *port.others)
    folder = tmp_path_factory.mktemp("original")
    script = [str(folder / "tea.db") if part == "DATABASE" else part for part in port.script]
    with site() as base:
        calls = [
            (
                name,
                {key: value.replace("SITE", base) if isinstance(value, str) else value for key, value in given.items()},
            )
            for name, given in port.calls
        ]
        original = asyncio.run(answers([str(python.with_name(script[0])), *script[1:]], calls, list(port.uris), []))
        ours = asyncio.run(answers([*WASMCP, "run", str(server)], calls, list(port.uris), []))
    package = f"mcp_server_{request.param}"
    found = subprocess.run(
        [str(python), "-c", f"import {package}; print({package}.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = {
        "original": code_lines(*Path(found.stdout.strip()).glob("*.py")),
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
    text = "".join(block["text"] for block in result["content"])
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
    assert any(result.get("isError") for result in compared.original["calls"].values()) == (compared.name != "sqlite")


def test_reads_have_the_contents_of_the_original(compared: Compared) -> None:
    for uri, theirs in compared.original["reads"].items():
        assert [part["text"] for part in compared.ours["reads"][uri]["contents"]] == [
            part["text"] for part in theirs["contents"]
        ]


def test_figures_of_the_documentation_hold(compared: Compared) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{PORTS[compared.name].requirement}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == f"{compared.lines['original']}, here {compared.lines['ours']}"
    assert float(cells[2].removesuffix(" MB")) == pytest.approx(compared.server.stat().st_size / 1e6, rel=0.15)


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
