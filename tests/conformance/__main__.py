"""Build the everything server, run the suite and the inspector against it at each door, count."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.server_processes import STATE_KEYS, WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

from conformance import inspector, suite
from conformance.node import Node
from conformance.outcome import Ledger, Outcome, expectations
from wasmcp.project import ensure_built

ROOT = Path(__file__).parents[2]
EVERYTHING = ROOT / "example-servers" / "everything"
DOORS = ("wasmcp serve", "wasmtime serve", "wasmcp run", "wasmtime run")


@contextmanager
def url(door: str, server: Path, compiled: Path) -> Iterator[str]:
    """Serve over HTTP until the block ends."""
    serving = (
        wasmcp_serve(server) if door == "wasmcp serve" else wasmtime_serve(compiled, *STATE_KEYS, "--allow-precompiled")
    )
    with serving as port:
        yield f"http://127.0.0.1:{port}/mcp"


def outcomes(node: Node, server: Path, doors: list[str]) -> Iterator[Outcome]:
    """Everything there is to run."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "server.cwasm"
        if any(door.startswith("wasmtime") for door in doors):
            subprocess.run([wasmtime(), "compile", str(server), "-o", str(compiled)], check=True)
        for door in doors:
            if door == "wasmcp run":
                yield from inspector.inspect(node, door, [*WASMCP, "run", str(server)])
            elif door == "wasmtime run":
                yield from inspector.inspect(
                    node, door, [wasmtime(), "run", "-Shttp", "--allow-precompiled", str(compiled)]
                )
            else:
                with url(door, server, compiled) as address:
                    for revision in suite.REQUIREMENTS:
                        yield from suite.requirements(node, door, address, revision)
                    for revision in suite.SUITES:
                        yield from suite.everything(node, door, address, revision)
                    yield from inspector.inspect(node, door, [address, "--transport", "http"])


def main() -> None:
    """Run; the exit code is 1 when anything failed that may not, or nothing failed that was said to."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--server", type=Path, help="a composed server instead of the everything server")
    parser.add_argument("--door", action="append", choices=DOORS, help="only at this door; may be repeated")
    parser.add_argument("--quiet", action="store_true", help="print only what failed, and the last line")
    options = parser.parse_args()
    node = Node(ROOT / ".cache" / "conformance")
    node.install()
    server = options.server or ensure_built(EVERYTHING)
    ledger = Ledger(expectations())
    for outcome in outcomes(node, server, options.door or list(DOORS)):
        line = ledger.add(outcome)
        if not options.quiet or line.startswith("FAIL"):
            print(line, flush=True)
    for entry in ledger.stale:
        print(f"STALE    {entry.door} {entry.revision} {entry.scenario}: passes, so it must not be expected to fail")
    print(ledger.summary())
    sys.exit(1 if ledger.failed or ledger.stale else 0)


if __name__ == "__main__":
    main()
