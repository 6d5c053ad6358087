"""The suite and the inspector, run against the everything server at each entry point."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from support.server_processes import STATE_KEYS, WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

from conformance import inspector, suite
from conformance.authorized import authorized
from conformance.node import Node
from conformance.outcome import Expected, Ledger, Outcome, expectations, not_offered
from wasmcp.client.connection import Client
from wasmcp.client.http import HttpTransport
from wasmcp.project import ensure_built

ROOT = Path(__file__).parents[2]
EVERYTHING = ROOT / "example-servers" / "everything"
AUTHORIZED = "with a token"
SKILLS = tuple(f"sep-2640-skills-{name}" for name in ("enumeration", "manifest", "directory"))
ENTRY_POINTS = ("wasmcp serve", AUTHORIZED, "wasmtime serve", "wasmcp run", "wasmtime run")


@contextmanager
def url(entry_point: str, server: Path, compiled: Path) -> Iterator[str]:
    """Serve over HTTP until the block ends."""
    serving: AbstractContextManager[int]
    if entry_point == "wasmcp serve":
        serving = wasmcp_serve(server)
    elif entry_point == AUTHORIZED:
        serving = authorized(server)
    else:
        serving = wasmtime_serve(compiled, *STATE_KEYS, "--allow-precompiled")
    with serving as port:
        yield f"http://127.0.0.1:{port}/mcp"


def announced(address: str) -> frozenset[str]:
    """Return the identifiers of the extensions that the server announces."""
    with Client(address, HttpTransport(address, {}, 60)) as client:
        return frozenset(client.once("server/discover", {}, seconds=60)["capabilities"].get("extensions", {}))


def outcomes(node: Node, server: Path, entry_points: list[str]) -> Iterator[Outcome]:
    """Run everything and yield the outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "server.cwasm"
        if any(entry_point.startswith("wasmtime") for entry_point in entry_points):
            subprocess.run([wasmtime(), "compile", str(server), "-o", str(compiled)], check=True)
        for entry_point in entry_points:
            if entry_point == "wasmcp run":
                yield from inspector.inspect(node, entry_point, [*WASMCP, "run", str(server)])
            elif entry_point == "wasmtime run":
                yield from inspector.inspect(
                    node, entry_point, [wasmtime(), "run", "-Shttp", "-Skeyvalue", "--allow-precompiled", str(compiled)]
                )
            else:
                with url(entry_point, server, compiled) as address:
                    # After the scenarios: a server that learns that its storage lasts announces more.
                    found = list(scenarios(node, entry_point, address))
                    extensions = announced(address)
                    yield from (replace(outcome, extensions=extensions) for outcome in found)
                    yield from inspector.inspect(node, entry_point, [address, "--transport", "http"])


def scenarios(node: Node, entry_point: str, address: str) -> Iterator[Outcome]:
    """Run the suite against a server."""
    for revision in suite.REQUIREMENTS:
        yield from suite.requirements(node, entry_point, address, revision)
    for revision in suite.SUITES:
        yield from suite.everything(node, entry_point, address, revision)
    for name in SKILLS:
        yield from suite.scenario(node, entry_point, address, suite.REQUIREMENTS[-1], name)


def main() -> None:
    """Run; the exit code is 1 after an unexpected failure, or if an expected failure passed."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--server", type=Path, help="a composed server instead of the everything server")
    parser.add_argument(
        "--entry-point", action="append", choices=ENTRY_POINTS, help="only this entry point; can be repeated"
    )
    parser.add_argument("--quiet", action="store_true", help="print only what failed, and the last line")
    options = parser.parse_args()
    node = Node(ROOT / ".cache" / "conformance")
    node.install()
    server = options.server or ensure_built(EVERYTHING)
    ledger = Ledger(expectations(), not_offered())
    entry_points = options.entry_point or list(ENTRY_POINTS)
    for outcome in outcomes(node, server, entry_points):
        line = ledger.add(outcome)
        if not options.quiet or line.startswith("FAIL"):
            print(line, flush=True)
    for entry in ledger.stale:
        case = f"{entry.entry_point} {entry.scenario}"
        if isinstance(entry, Expected):
            print(f"STALE    {case} {entry.revision}: passes, so it must not be expected to fail")
        else:
            print(f"STALE    {case}: {entry.extension} is announced, so its scenarios must not be left out")
    print(ledger.summary())
    sys.exit(1 if ledger.failed or ledger.stale else 0)


if __name__ == "__main__":
    main()
