"""Public servers from PyPI and npm, pinned, whose behaviour the servers in this folder have."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from support.fastmcp_originals import environment_of
from support.npm_packages import installed, node

SOURCES = Path(__file__).parent
HTML = "<html><head><title>Tea</title></head><body><h1>Tea</h1><p>Boil <b>water</b>.</p></body></html>"
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

    In arguments, `SITE` stands for the URL of the pages, `FOLDER` for a folder with the same files for both servers.

    Attributes:
        requirement: The distribution or the package of npm, pinned.
        others: Further requirements of its environment.
        script: The original's console script, and its arguments.
        calls: The calls of tools.
        uris: Resources to read.
        variables: Environment variables of the original.
        options: Options of `wasmcp run` for the port.
        has_errors: True if one of the calls is a tool error.
        timed: Index of the call whose duration is in the documentation; it changes nothing.
    """

    requirement: str
    script: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...]
    others: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    has_errors: bool = True
    timed: int = 0


KNOWS = {"from": "Ada", "to": "Charles", "relationType": "knows"}
WITH_MARY = {"from": "Mary", "to": "Ada", "relationType": "taught"}


def entity(name: str, *observations: str) -> dict[str, Any]:
    """Return a node of the knowledge graph."""
    return {"name": name, "entityType": "person", "observations": list(observations)}


def edit(old: str, new: str) -> dict[str, str]:
    """Return an edit of a file."""
    return {"oldText": old, "newText": new}


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
        ("mcp-server-sqlite", "--db-path", "FOLDER/tea.db"),
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
        has_errors=False,
        timed=5,
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
    "memory": Port(
        "@modelcontextprotocol/server-memory@2026.8.31",
        ("mcp-server-memory",),
        (
            ("create_entities", {"entities": [entity("Ada", "wrote the first program"), entity("Charles")]}),
            ("create_entities", {"entities": [entity("Ada", "again"), entity("Mary", "mathematician")]}),
            ("create_relations", {"relations": [KNOWS, WITH_MARY]}),
            ("create_relations", {"relations": [KNOWS]}),
            ("add_observations", {"observations": [{"entityName": "Charles", "contents": ["built", "built", "é"]}]}),
            ("add_observations", {"observations": [{"entityName": "Nobody", "contents": ["x"]}]}),
            ("search_nodes", {"query": "PROGRAM"}),
            ("search_nodes", {"query": "absent"}),
            ("open_nodes", {"names": ["Mary", "Nobody"]}),
            ("delete_observations", {"deletions": [{"entityName": "Charles", "observations": ["built", "x"]}]}),
            ("delete_relations", {"relations": [KNOWS, KNOWS]}),
            ("delete_entities", {"entityNames": ["Mary"]}),
            ("read_graph", {}),
            ("create_entities", {"entities": [{"name": "no type"}]}),
        ),
        uris=("memory://knowledge-graph",),
        variables=("MEMORY_FILE_PATH=FOLDER/memory.jsonl",),
        timed=12,
    ),
    "filesystem": Port(
        "@modelcontextprotocol/server-filesystem@2026.8.31",
        ("mcp-server-filesystem", "FOLDER"),
        (
            ("list_allowed_directories", {}),
            ("read_text_file", {"path": "FOLDER/lines.txt"}),
            ("read_text_file", {"path": "FOLDER/lines.txt", "head": 2}),
            ("read_text_file", {"path": "FOLDER/windows.txt", "tail": 2}),
            ("read_text_file", {"path": "FOLDER/lines.txt", "head": 1, "tail": 1}),
            ("read_file", {"path": "sub/code.py"}),
            ("read_text_file", {"path": "/etc/hostname"}),
            ("read_text_file", {"path": "FOLDER/sub/../../other"}),
            ("read_text_file", {"path": "FOLDER/links/out"}),
            ("read_text_file", {"path": "FOLDER/absent"}),
            ("read_media_file", {"path": "FOLDER/logo.png"}),
            ("read_media_file", {"path": "FOLDER/data.bin"}),
            ("read_multiple_files", {"paths": ["FOLDER/sub/code.py", "FOLDER/absent", "/etc/hostname"]}),
            ("write_file", {"path": "FOLDER/new.txt", "content": "new\r\n"}),
            ("write_file", {"path": "FOLDER/new.txt", "content": "newer"}),
            ("read_file", {"path": "FOLDER/new.txt"}),
            ("edit_file", {"path": "FOLDER/lines.txt", "edits": [edit("two", "2")], "dryRun": True}),
            ("edit_file", {"path": "FOLDER/lines.txt", "edits": [edit("two", "2"), edit("four", "4```")]}),
            ("edit_file", {"path": "FOLDER/sub/code.py", "edits": [edit("if x:\n  return 1", "if y:\n    return 2")]}),
            ("edit_file", {"path": "FOLDER/lines.txt", "edits": [edit("absent", "")]}),
            ("read_file", {"path": "FOLDER/lines.txt"}),
            ("read_file", {"path": "FOLDER/sub/code.py"}),
            ("create_directory", {"path": "FOLDER/one/two/three"}),
            ("create_directory", {"path": "FOLDER/one"}),
            ("list_directory", {"path": "FOLDER"}),
            ("list_directory", {"path": "FOLDER/absent"}),
            ("list_directory_with_sizes", {"path": "FOLDER"}),
            ("list_directory_with_sizes", {"path": "FOLDER", "sortBy": "size"}),
            ("list_directory_with_sizes", {"path": "FOLDER", "sortBy": "age"}),
            ("directory_tree", {"path": "FOLDER"}),
            ("directory_tree", {"path": "FOLDER", "excludePatterns": ["two", "*.txt", "links"]}),
            ("move_file", {"source": "FOLDER/new.txt", "destination": "FOLDER/one/moved.txt"}),
            ("move_file", {"source": "FOLDER/lines.txt", "destination": "FOLDER/one/moved.txt"}),
            ("search_files", {"path": "FOLDER", "pattern": "**/*.txt"}),
            ("search_files", {"path": "FOLDER", "pattern": "*.txt", "excludePatterns": ["w*"]}),
            ("search_files", {"path": "FOLDER", "pattern": "absent"}),
        ),
        options=("--dir", "FOLDER:FOLDER", "--env", 'folders=["FOLDER"]'),
        timed=24,
    ),
}


def fill(folder: Path) -> None:
    """Write the files of `FOLDER`, in place of others that are there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sub").mkdir(parents=True)
    (folder / "links").mkdir()
    (folder / "links/out").symlink_to("/etc/hostname")
    for name, text in {
        "lines.txt": "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
        "windows.txt": "one\r\ntwo\r\n",
        "sub/code.py": "def f(x):\n    if x:\n        return 1\n    return 0",
        "logo.png": "not a picture",
        "data.bin": "bytes" * 1000,
    }.items():
        (folder / name).write_text(text, "utf-8", newline="")


def code_lines(*files: Path) -> int:
    """Return the number of lines that are neither empty nor comments."""
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    return sum(bool(line) and not line.startswith(("#", "//", "/*", "* ")) for line in lines)


def original_of(port: Port) -> tuple[list[str], list[Path]]:
    """Return the command of an original without its arguments, and its source files."""
    if "==" not in port.requirement:
        package = installed(port.requirement) / "node_modules" / port.requirement.rpartition("@")[0]
        return [node(), str(package / "dist/index.js")], sorted(package.glob("dist/*.js"))
    python = environment_of(port.requirement, *port.others)
    package = port.script[0].replace("-", "_")
    command = [str(python), "-c", f"import {package}; print({package}.__path__[0])"]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return [str(python.with_name(port.script[0]))], sorted(Path(found.stdout.strip()).glob("*.py"))


def placed(port: Port, base: str, folder: Path) -> Port:
    """Return a server with the URL of the pages and the folder of the files in its calls and arguments."""

    def real(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("SITE", base).replace("FOLDER", str(folder)))

    return replace(
        port,
        script=tuple(real(port.script)),
        calls=tuple((name, real(given)) for name, given in port.calls),
        variables=tuple(real(port.variables)),
        options=tuple(real(port.options)),
    )
