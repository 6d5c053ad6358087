"""Schemas and results as the official TypeScript client judges them: its own validator, run by Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.node_packages import installed, node

SDK = "@modelcontextprotocol/sdk@1.32.2"
_SCRIPT = Path(__file__).with_suffix(".mjs")


class JavaScriptClient:
    """The client's validator.

    Args:
        node: The program.
        folder: Folder of the installed package.
    """

    def __init__(self, node: str, folder: Path) -> None:
        self._node = node
        self._folder = folder

    def problems(self, cases: Iterable[tuple[dict[str, Any], list[Any]]]) -> list[Any]:
        """Return what is wrong with each schema and the values that should fit it; None where nothing is."""
        given = json.dumps([{"schema": schema, "values": values} for schema, values in cases])
        # The script lies in the folder of the package: Node looks for imports from there.
        script = self._folder / _SCRIPT.name
        script.write_text(_SCRIPT.read_text("utf-8"), "utf-8")
        return _run(self._node, script, given)


def regular_expressions(cases: list[tuple[str, list[str]]]) -> list[list[bool] | None]:
    """Return in which of its texts each expression is found by JavaScript; None for one that it does not compile."""
    given = json.dumps([{"pattern": pattern, "texts": texts} for pattern, texts in cases])
    return _run(node(), _SCRIPT.with_name("javascript_regexps.mjs"), given)


def _run(node: str, script: Path, given: str) -> list[Any]:
    command = [node, str(script)]
    done = subprocess.run(command, check=False, input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def javascript_client() -> JavaScriptClient:
    """Return the client. Without Node or the package the test is skipped with a message."""
    return JavaScriptClient(node(), installed(SDK))
