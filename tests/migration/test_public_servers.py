"""Public servers from PyPI, pinned: imported, built, and compared with the originals by the official client.

Nothing of them is committed. Their calls here need no network: what they check before they send a request, and requests
to a site on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ports.public_servers import PORTS, Port, cells, imported, site
from support.fastmcp_originals import answers
from support.server_processes import WASMCP

from wasmcp.migration import Imported
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGE = (Path(__file__).parents[2] / "docs/guides/from-fastmcp.md").read_text("utf-8")
UPDATE = "run `make figures NAMES=public`"
LIMITS = {"minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "enum"}
"""Keywords of schemas that decide about values."""


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
    made = imported(port, tmp_path_factory.mktemp("ports"))
    server = ensure_built(made.root)
    with site() as address:
        calls = port.calls_of(address)
        original = asyncio.run(answers(port.original()[1], calls, [], []))
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


def test_figures_of_the_documentation_hold(port: Port, ported: Ported) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{port.requirement}` |"))
    *written, megabytes = (cell.strip() for cell in row.split("|")[1:5])
    *found, size = cells(port, ported.imported, ported.size)
    assert written == found, UPDATE
    in_page, measured = (float(text.removesuffix(" MB")) for text in (megabytes, size))
    assert in_page == pytest.approx(measured, rel=0.15), UPDATE
    assert ported.imported.code_lines > 300
