"""Command that runs the suite, or some of its files, and compares the outcomes with the list of expected failures."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from native import suite

EXPECTED = Path(__file__).with_name("expected_failures.txt")


def expected() -> set[str]:
    """Return the tests that are expected to fail."""
    lines = (line.strip() for line in EXPECTED.read_text("utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def main() -> int:
    """Run, print and compare; return the exit code."""
    folder = Path(os.environ["WASMCP_CACHE_DIR"]) / "native"
    sources = suite.fetch(folder)
    files = suite.files_of(sources)
    chosen = [file for file in files if not sys.argv[1:] or any(part in file for part in sys.argv[1:])]
    if not chosen:
        raise SystemExit(f"no file of the suite has `{'`, `'.join(sys.argv[1:])}` in its path")
    server = suite.build(sources, folder / "project")
    print(f"pydantic {suite.PYDANTIC}, pydantic-core {suite.CORE}: {len(chosen)} of {len(files)} files", flush=True)
    whole = suite.Report()
    started = time.monotonic()
    for file, report in suite.run(server, sources, chosen):
        counts = [f"{count} {outcome}" for outcome in suite.OUTCOMES if (count := report.count(outcome))]
        print(f"{file}: {', '.join(counts) or 'no tests'}", flush=True)
        whole.tests.update(report.tests)
        whole.messages.update(report.messages)
    counts = [f"{whole.count(outcome)} {outcome}" for outcome in suite.OUTCOMES]
    print(f"\n{', '.join(counts)} in {time.monotonic() - started:.0f} s")
    found = suite.differences(whole, expected(), chosen)
    for message in found:
        print(f"\n{message}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
