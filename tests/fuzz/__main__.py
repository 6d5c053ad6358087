"""The recorded run: many inputs to every entry point, and the figures for docs/reference/fuzzing.md."""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import time
from pathlib import Path

from fuzz import project, targets
from fuzz.inputs import EVERYTHING, Generator, Input, Words

# Shares of the inputs: `served` takes a millisecond per input for a fresh instance.
SHARES = {"messages": 0.45, "posts": 0.45, "served": 0.02, "lines": 0.08}


def resident() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def describe(given: Input, error: Exception) -> str:
    """Return a finding as one line of JSON that suffices to reproduce it."""
    return json.dumps(
        {
            "error": repr(error)[:300],
            "body": given.body.decode("latin-1"),
            "state": given.state,
            "method": given.method,
            "target": given.target,
            "headers": given.headers,
        }
    )


def run(
    entry_point: targets.Target, inputs: int, seed: int, findings: list[str], words: Words | None = None
) -> collections.Counter[str]:
    """Send inputs to an entry point; return the number of each outcome."""
    generator = Generator(seed, words)
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(inputs):
        given = generator.next()
        try:
            seen[entry_point.feed(given)] += 1
        except Exception as error:  # noqa: BLE001 - every kind is a finding
            seen[type(error).__name__] += 1
            findings.append(describe(given, error))
            if len(findings) >= 50:
                break
    return seen


def main() -> None:
    """Run every entry point; the exit code is 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--entry-point", action="append", choices=targets.NAMES)
    parser.add_argument("--findings", type=Path, help="where findings go, one a line")
    parser.add_argument("--everything", action="store_true", help="the server with every feature instead")
    options = parser.parse_args()
    words = EVERYTHING if options.everything else None
    findings: list[str] = []
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        build = project.build_everything if options.everything else project.build
        server, compiled = build(Path(folder))
        for name in options.entry_point or targets.NAMES:
            inputs = round(options.inputs * SHARES[name]) if not options.entry_point else options.inputs
            with targets.target(name, server, compiled) as entry_point:
                # Warm up first: memory that stays is allocated at the beginning.
                run(entry_point, min(inputs, 1000), options.seed + 1, findings, words)
                before, start = resident(), time.perf_counter()
                seen = run(entry_point, inputs, options.seed, findings, words)
                seconds = time.perf_counter() - start
                grown = (resident() - before) / 2**20
            total += sum(seen.values())
            rate = sum(seen.values()) / seconds
            print(
                f"{name}: {sum(seen.values())} inputs, {rate:.0f}/s, memory {grown:+.1f} MiB, {dict(seen)}", flush=True
            )
    if options.findings:
        options.findings.write_text("".join(f"{finding}\n" for finding in findings), encoding="utf-8")
    print(f"{total} inputs, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
