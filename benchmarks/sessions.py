"""Sessions over HTTP: a request in each kind of session, and the search for an ended session in each store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Row, least_seconds
from benchmarks.processes import redis, redis_program
from wasmcp.host import Server, open_server
from wasmcp.host.mcp.session_states import EndedSessions
from wasmcp.host.stores.keyvalue import SessionValues, SqliteStore, open_store

HEADERS = {"content-type": "application/json", "accept": "application/json", "host": "localhost"}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
SETTINGS: Mapping[str, str] = {
    "none": "false",
    "in the process": "true",
    "with a sealed id": "sealed",
}


def _message(method: str, **params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def _ping(opened: Server) -> float:
    """Return the seconds of one `ping` in a session."""
    begun = dict(opened.http("POST", "/mcp", HEADERS, _message("initialize", **INITIALIZE)).headers)
    session = {"mcp-session-id": begun["mcp-session-id"]} if "mcp-session-id" in begun else {}
    headers, body = {**HEADERS, **session}, _message("ping")

    def call() -> None:
        response = opened.http("POST", "/mcp", headers, body)
        assert response.status == 200, response.body

    call()
    return least_seconds(call, runs=15, inner=50)


def _search(ended: EndedSessions) -> float:
    """Return the seconds of one search for an id that is not on the list, among others that are."""
    for number in range(1000):
        assert ended.add(b"%060d" % number)
    missing = b"x" * 60
    return least_seconds(lambda: missing in ended, runs=15, inner=200)


def rows(zig: Path) -> list[Row]:
    """Return the figures of the kinds of sessions and of the stores."""
    found = []
    for kind, value in SETTINGS.items():
        with open_server(zig, instances=1, settings={"WASMCP_SESSION_ENABLED": value}) as opened:
            found.append(Row(f"`ping` of 2025-11-25, session: {kind}", _ping(opened) * 1e6, "us"))
    found.append(Row("search for an ended session, in memory", _search(EndedSessions(3600)) * 1e6, "us"))
    with tempfile.TemporaryDirectory() as folder:
        values = SessionValues(SqliteStore(str(Path(folder) / "values.db")), seconds=3600)
        found.append(Row("search for an ended session, SQLite", _search(EndedSessions(3600, values)) * 1e6, "us"))
        values.close()
        if redis_program() is not None:
            with redis(Path(folder)) as (_, url):
                values = SessionValues(open_store(url), seconds=3600)
                row = Row("search for an ended session, Redis", _search(EndedSessions(3600, values)) * 1e6, "us")
                values.close()
            found.append(row)
    return found
