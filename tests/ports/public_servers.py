"""Public servers for FastMCP and the official SDK, pinned: installed from PyPI, imported, and built."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.fastmcp_originals import environment_of

from wasmcp.migration import Imported, import_fastmcp


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
        needs: Packages that the documentation names.
        left: Note for the documentation about what is left to do.
        timed: Index of the call whose duration is in the documentation.
    """

    requirement: str
    source: str
    script: str
    calls: tuple[tuple[str, dict[str, Any], str], ...]
    edits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    left: str = "it builds unchanged"
    timed: int = 0

    def calls_of(self, site: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the calls, with the address of the site."""
        return [(name, json.loads(json.dumps(arguments).replace("SITE", site))) for name, arguments, _ in self.calls]

    def original(self) -> tuple[Path, list[str]]:
        """Return what to import of the installed distribution, and the command of the original."""
        python = environment_of(self.requirement)
        find = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip())
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return packages / self.source, ["env", *variables, str(python.with_name(self.script))]


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
        needs=("httpx", "beautifulsoup4"),
        left="it builds unchanged; its settings are read when the module is imported, so that the defaults apply",
        timed=2,
    ),
    "awslabs.aws-documentation-mcp-server": Port(
        "awslabs.aws-documentation-mcp-server==1.2.3",
        "awslabs/aws_documentation_mcp_server/server_aws.py",
        "awslabs.aws-documentation-mcp-server",
        (
            ("read_documentation", {"url": "https://example.com/a.html"}, ""),
            ("read_documentation", {"url": 5}, "url"),
        ),
        needs=("httpx", "pydantic", "beautifulsoup4", "loguru", "markdownify"),
    ),
    "wikipedia-mcp": Port(
        "wikipedia-mcp==2.0.1",
        "wikipedia_mcp",
        "wikipedia-mcp",
        (("get_article", {}, "title"), ("search_wikipedia", {"query": ""}, "")),
        {"component/wikipedia_mcp/server.py": (r'resource\("/', 'resource("wikipedia://')},
        needs=("requests", "pydantic", "wikipedia-api"),
        left="its templates (`/search/{query}`) need a scheme: one pattern replaced in nine lines; `auth=`",
        timed=1,
    ),
}


class _Site(SimpleHTTPRequestHandler):
    """Files of a folder. Errors have the standard reason phrase: components do not get another one."""

    def log_message(self, *_: Any) -> None:
        """Write no lines."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        super().send_error(code, None, explain if message else None)


@contextmanager
def site() -> Iterator[str]:
    """Serve a page; the value is the address."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(PAGE_OF_SITE, "utf-8")
        handler = functools.partial(_Site, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def imported(port: Port, output: Path) -> Imported:
    """Import a server into a folder, and make the changes that its report requires."""
    made = import_fastmcp(str(port.original()[0]), output=output)
    for file, (pattern, replacement) in port.edits.items():
        text = (made.root / file).read_text("utf-8")
        (made.root / file).write_text(re.sub(pattern, replacement, text), "utf-8")
    return made


def cells(port: Port, made: Imported, size: int) -> list[str]:
    """Return the cells of a server in the documentation that no machine changes.

    Args:
        port: The server.
        made: Its project.
        size: Bytes of the composed server.
    """
    carried = f"{made.code_lines - made.lost_lines} of {made.code_lines} ({made.share:.1%})"
    return [f"`{port.requirement}`", ", ".join(f"`{name}`" for name in port.needs), carried, f"{size / 1e6:.1f} MB"]
