"""Public servers from PyPI, pinned: imported, built, and compared with the originals by the official client.

Nothing of them is committed. Their calls here need no network: what they check before they send a request.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """

    requirement: str
    source: str
    script: str
    calls: tuple[tuple[str, dict[str, Any], str], ...]
    edits: Mapping[str, tuple[str, str]] = field(default_factory=dict)


PORTS = {
    "duckduckgo-mcp-server": Port(
        "duckduckgo-mcp-server==0.7.0",
        "duckduckgo_mcp_server",
        "duckduckgo-mcp-server",
        (
            ("fetch_content", {"url": "ftp://example.com"}, "unsupported URL scheme 'ftp://'"),
            ("search", {}, "query"),
        ),
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


@pytest.fixture(scope="module")
def ported(port: Port, tmp_path_factory: pytest.TempPathFactory) -> Ported:
    python = environment_of(port.requirement)
    find = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip())
    made = import_fastmcp(str(site / port.source), output=tmp_path_factory.mktemp("ports"))
    for file, (pattern, replacement) in port.edits.items():
        text = (made.root / file).read_text("utf-8")
        (made.root / file).write_text(re.sub(pattern, replacement, text), "utf-8")
    server = ensure_built(made.root)
    calls = [(name, arguments) for name, arguments, _ in port.calls]
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
