"""Server and limits of a test, from the marker, fixture, command line or ini file, in this order."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any

import pytest

FOUR_WAYS = """\
No WebAssembly MCP server to test: {reason}
Choose one in one of these ways (the first one set wins):
  marker        @pytest.mark.wasmcp(server="default")   a server of [tool.wasmcp], or the path of a .wasm file
  fixture       def wasmcp_target(): return "dist/server.wasm"   in a conftest.py or test module
  command line  pytest --wasmcp-server=dist/server.wasm
  ini           wasmcp_server = "default"   under [tool.pytest.ini_options]
or define the project's own server in pyproject.toml: [tool.wasmcp.servers.default]"""


@dataclass(frozen=True)
class Marked:
    """Arguments of ``@pytest.mark.wasmcp``, all optional."""

    server: str | Path | None = None
    timeout: float | None = None
    memory: int | None = None
    env: dict[str, str] | None = None

    @classmethod
    def of(cls, node: pytest.Item) -> Marked:
        """Return the arguments of the closest marker of a test; those it omits come from outer markers.

        Raises:
            pytest.UsageError: An argument is unknown, or has a wrong type.
        """
        merged: dict[str, Any] = {}
        for marker in reversed(list(node.iter_markers("wasmcp"))):
            merged.update(_checked(marker, node.nodeid))
        return cls(**merged)


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "server": ((str, Path), "a server's name or the path of a .wasm file"),
    "timeout": ((int, float), "seconds, above 0"),
    "memory": ((int,), "bytes, above 0"),
    "env": ((dict,), "a dict of environment variables"),
}


def _checked(marker: pytest.Mark, where: str) -> dict[str, Any]:
    names = [field.name for field in fields(Marked)]
    if len(marker.args) > 1:
        raise pytest.UsageError(f"{where}: @pytest.mark.wasmcp takes one positional argument, the server")
    given = dict(marker.kwargs)
    if marker.args:
        given["server"] = marker.args[0]
    for name, value in given.items():
        if name not in names:
            raise pytest.UsageError(
                f"{where}: @pytest.mark.wasmcp has no argument `{name}`; it has {', '.join(f'`{n}`' for n in names)}",
            )
        kinds, expected = _KINDS[name]
        below = isinstance(value, (int, float)) and not 0 < value < inf
        if not isinstance(value, kinds) or isinstance(value, bool) or below:
            raise pytest.UsageError(f"{where}: @pytest.mark.wasmcp({name}=...) must be {expected}, got {value!r}")
    return given


def option(config: pytest.Config, name: str) -> str | None:
    """Return a setting from the command line, or else from the ini file; None if neither has it."""
    value = config.getoption(name) or config.getini(name)
    return str(value) if value else None


def positive(config: pytest.Config, name: str, unit: str) -> float | None:
    """Return a number above 0 from the command line or the ini file.

    Raises:
        pytest.UsageError: The text is not such a number.
    """
    text = option(config, name)
    if text is None:
        return None
    # `float` would also accept `nan`, which is not a limit, `inf`, `1_0` and white space.
    number = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else 0
    if not 0 < number < inf:
        raise pytest.UsageError(f"`{name}` must be a number of {unit} above 0, got {text!r}")
    return number
