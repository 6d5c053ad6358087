"""Local issuers of access tokens, as processes of `wasmcp jwt serve`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from support.server_processes import WASMCP


@contextlib.contextmanager
def issuer_process(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `wasmcp jwt serve` on a free port until the block ends; its URL and the process."""
    command = [*WASMCP, "jwt", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert first.startswith("issuer: "), process.communicate()
            yield first.removeprefix("issuer: ").strip(), process
        finally:
            process.kill()


def document(url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Return status, JSON and fields of a response to GET, or to POST with a form."""
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - of a test
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - of a test
            return response.status, json.load(response), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)
