"""Public servers from PyPI, pinned: imported, built, and compared with the originals by the official client.

Nothing of them is committed. Their calls here need no network: what they check before they send a request, and requests
to a site on this machine.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.fastmcp_originals import answers, environment_of
from support.server_processes import WASMCP

from wasmcp.migration import Imported, import_fastmcp
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs/guides/from-fastmcp.md").read_text("utf-8")
LIMITS = {"minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "enum"}
"""Keywords of schemas that decide about values."""


@dataclass(frozen=True)
class Port:
    """A public server.

    Attributes:
        requirement: The distribution, pinned.
        source: The module or package to import, in its environment.
        script: The original's console script.
        calls: Calls without network, and texts that their results contain in both servers.
        edits: Changes that the report requires: a pattern and its replacement, in a file.
        environment: Settings of the original.
    """

    requirement: str
    source: str
    script: str
    calls: tuple[tuple[str, dict[str, Any], str], ...]
    edits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


PAGE_OF_SITE = """\
<!doctype html><html><head><title>Harbour</title><script>ignored()</script></head>
<body><nav>Menu</nav><main><h1>Hours</h1><p>The harbour opens at six.</p><p>Ships wait.</p></main></body></html>
"""
SETTING = ("component/duckduckgo_mcp_server/server.py", "DDG_ALLOW_PRIVATE_URLS")
"""File and name of a setting that is read when the module is imported: a component has its default."""

PORTS = {
    "duckduckgo-mcp-server": Port(
        "duckduckgo-mcp-server==0.7.0",
        "duckduckgo_mcp_server",
        "duckduckgo-mcp-server",
        (
            ("fetch_content", {"url": "ftp://example.com"}, "unsupported protocol 'ftp://'"),
            ("search", {}, "query"),
            ("fetch_content", {"url": "SITE/page.html"}, "The harbour opens at six."),
            ("fetch_content", {"url": "SITE/page.html", "parse_mode": "main", "max_length": 20}, "The harbour"),
            ("fetch_content", {"url": "SITE/absent.html"}, "404"),
            ("fetch_content", {"url": "SITE/page.html", "backend": "other"}, "Unknown fetch backend 'other'"),
        ),
        {SETTING[0]: (r"(?m)^ALLOW_PRIVATE_URLS = .*", "ALLOW_PRIVATE_URLS = True")},
        {SETTING[1]: "1"},
    ),
    "awslabs.aws-documentation-mcp-server": Port(
        "awslabs.aws-documentation-mcp-server==1.2.3",
        "awslabs/aws_documentation_mcp_server/server_aws.py",
        "awslabs.aws-documentation-mcp-server",
        (
            ("read_documentation", {"url": "https://example.com/a.html"}, ""),
            ("read_documentation", {"url": 5}, "url"),
        ),
    ),
    "wikipedia-mcp": Port(
        "wikipedia-mcp==2.0.1",
        "wikipedia_mcp",
        "wikipedia-mcp",
        (("get_article", {}, "title"), ("search_wikipedia", {"query": ""}, "")),
        {"component/wikipedia_mcp/server.py": (r'resource\("/', 'resource("wikipedia://')},
    ),
}


@dataclass(frozen=True)
class Ported:
    """A server after its import, with its answers and those of the original."""

    imported: Imported
    size: int
    original: dict[str, Any]
    ours: dict[str, Any]


@pytest.fixture(scope="module", params=list(PORTS))
def port(request: pytest.FixtureRequest) -> Port:
    return PORTS[request.param]


class _Site(SimpleHTTPRequestHandler):
    """Files of a folder. Errors have the standard reason phrase: components do not get another one."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        super().send_error(code, None, explain if message else None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a page; the value is the address."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "page.html").write_text(PAGE_OF_SITE, "utf-8")
    handler = functools.partial(_Site, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def ported(port: Port, site: str, tmp_path_factory: pytest.TempPathFactory) -> Ported:
    python = environment_of(port.requirement)
    find = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip())
    made = import_fastmcp(str(packages / port.source), output=tmp_path_factory.mktemp("ports"))
    for file, (pattern, replacement) in port.edits.items():
        text = (made.root / file).read_text("utf-8")
        (made.root / file).write_text(re.sub(pattern, replacement, text), "utf-8")
    server = ensure_built(made.root)
    calls = [(name, json.loads(json.dumps(arguments).replace("SITE", site))) for name, arguments, _ in port.calls]
    with pytest.MonkeyPatch.context() as patched:
        for name, value in port.environment.items():
            patched.setenv(name, value)
        original = asyncio.run(answers([str(python.with_name(port.script))], calls, [], []))
    ours = asyncio.run(answers([*WASMCP, "run", str(server)], calls, [], []))
    return Ported(made, server.stat().st_size, original, ours)


def deciding(schema: Any) -> Any:
    """Return the parts of a schema of arguments that decide about values."""
    found = {}
    for name, value in schema.get("properties", {}).items():
        kinds = [option.get("type") for option in value.get("anyOf", [value])]
        types = {str(one) for kind in kinds for one in (kind if isinstance(kind, list) else [kind])}
        found[name] = (sorted(types), {key: value[key] for key in sorted(LIMITS & value.keys())})
    return found, sorted(schema.get("required", []))


def sentence(tool: dict[str, Any]) -> str:
    """Return the first sentence of a description: FastMCP leaves out some sections of docstrings, the SDK none."""
    return " ".join(tool.get("description", "").split()).partition(". ")[0].rstrip(".")


def test_tools_are_those_of_the_original(ported: Ported) -> None:
    assert list(ported.ours["tools"]) == list(ported.original["tools"])
    for name, tool in ported.original["tools"].items():
        assert deciding(ported.ours["tools"][name]["inputSchema"]) == deciding(tool["inputSchema"]), name
        assert sentence(ported.ours["tools"][name]) == sentence(tool), name


def test_resources_and_prompts_are_those_of_the_original(port: Port, ported: Ported) -> None:
    def uri(template: Mapping[str, Any]) -> str:
        return str(template["uriTemplate"]).replace("wikipedia:/", "")

    originals = {uri(one): one for one in ported.original["templates"]}
    ours = {uri(one): one for one in ported.ours["templates"]}
    assert list(ours) == list(originals)
    assert len(ours) == (9 if port.source == "wikipedia_mcp" else 0)
    for name, template in originals.items():
        assert ours[name]["name"] == template["name"]
        assert sentence(ours[name]) == sentence(template)
    assert ported.ours["resources"].keys() == ported.original["resources"].keys()
    assert ported.ours["prompts"].keys() == ported.original["prompts"].keys()


def test_calls_have_the_results_of_the_original(port: Port, ported: Ported) -> None:
    for (_, _, part), theirs, ours in zip(
        port.calls, ported.original["calls"].values(), ported.ours["calls"].values(), strict=True
    ):
        assert theirs.get("isError", False) == ours.get("isError", False), (theirs, ours)
        for result in (theirs, ours):
            assert part in result["content"][0]["text"], result
        if not theirs.get("isError"):
            assert theirs["content"] == ours["content"]
            assert theirs.get("structuredContent") == ours.get("structuredContent")


def test_share_of_carried_lines_is_in_the_documentation(port: Port, ported: Ported) -> None:
    made = ported.imported
    row = next(line for line in PAGE.splitlines() if f"`{port.requirement}`" in line)
    assert f"{made.code_lines - made.lost_lines} of {made.code_lines} ({made.share:.1%})" in row
    megabytes = float(re.findall(r"\| ([\d.]+) MB", row)[0])
    assert megabytes == pytest.approx(ported.size / 1e6, rel=0.15)
    assert made.code_lines > 300
