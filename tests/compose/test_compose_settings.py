"""Settings that are baked into a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.zig_servers import asker

from wasmcp.compose.metadata import BAKED, check_settings, setting_problem
from wasmcp.environment import SERVER
from wasmcp.errors import CompositionError, InvalidSettingError
from wasmcp.host import open_server


def status(server: Path, host: str, **options: Any) -> int:
    with open_server(server, **options) as running:
        return running.http("POST", headers={"Host": host}, body="{}").status


def test_operator_overrides_baked_settings(tmp_path: Path) -> None:
    server = asker(tmp_path, settings={"WASMCP_ALLOWED_HOSTS": "example.com"})
    assert status(server, "example.com") != 403
    assert status(server, "localhost") == 403
    assert status(server, "localhost", settings={"WASMCP_ALLOWED_HOSTS": "*"}) != 403


def test_default_settings(tmp_path: Path) -> None:
    server = asker(tmp_path)
    assert status(server, "example.com") == 403
    assert status(server, "localhost") != 403


def test_a_value_that_is_wrong_stops_the_boot(tmp_path: Path) -> None:
    server = asker(tmp_path, settings={"WASMCP_ALLOWED_ORIGINS": "example.com"})
    with open_server(server) as running, pytest.raises(InvalidSettingError, match="WASMCP_ALLOWED_ORIGINS must be"):
        running.boot()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WASMCP_ALLOWED_HOST", "x", "is not a setting that can be baked in; known: `WASMCP_ALLOWED_HOSTS`"),
        ("WASMCP_STATE_KEYS", "x" * 32, "is a secret"),
        ("WASMCP_MAX_BODY", "4096", "the operator sets it"),
        ("WASMCP_DISABLE_SSE", True, "must be a string that is not empty, not True"),
        ("WASMCP_DISABLE_SSE", " ", "must be a string that is not empty"),
    ],
)
def test_settings_that_cannot_be_baked_in(name: str, value: object, words: str) -> None:
    problem = setting_problem(name, value)
    assert problem is not None
    assert words in problem


def test_settings_that_can_be_baked_in() -> None:
    assert set(BAKED) < set(SERVER)
    assert all(setting_problem(name, "true") is None for name in BAKED)


def test_settings_and_environment_are_mutually_exclusive() -> None:
    with pytest.raises(CompositionError, match="not both"):
        check_settings({"WASMCP_DISABLE_SSE": "true"}, environment=True)
