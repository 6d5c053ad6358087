"""The playground in headless Chromium, driven by playwright-core: forms, input by hand, reloads, other origins.

Slow: it builds a component in Python. With `WASMCP_SCREENSHOTS` it writes the pictures of the documentation there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.npm_packages import PLAYWRIGHT, chromium, installed, node
from support.playground_project import PLAYGROUND_PROJECT
from support.projects import write_project
from support.server_processes import Development
from support.tokens import private_key, public_pem, signed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the program of Chromium."""
    return chromium("the playground is")


def shown(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script with the arguments in Node, and return the texts that the page showed."""
    folder = installed(PLAYWRIGHT)
    copy = folder / script
    copy.write_text((SUPPORT / script).read_text("utf-8"), "utf-8")
    done = subprocess.run([node(), str(copy), *arguments], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def seen(browser: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the texts that the page showed."""
    root = write_project(tmp_path_factory.mktemp("shown"), PLAYGROUND_PROJECT)
    pictures = os.environ.get("WASMCP_SCREENSHOTS", "-")
    source = str(root / "src" / "shown" / "demo.py")
    with Development(root) as started:
        return shown("playground_browser.mjs", browser, started.url(240), source, pictures)


def test_token_of_a_server_with_authorization(browser: str, zig_project: Path) -> None:
    key = private_key("ES256")
    token = signed(key, "ES256", {"alg": "ES256"}, {"sub": "someone", "exp": 4102444800})
    with Development(zig_project, {"WASMCP_AUTH_MODE": "oauth", "JWT_PUBLIC_KEY": public_pem(key)}) as started:
        found = shown("playground_token.mjs", browser, started.url(), token)
    assert "The server requires an access token" in found["before"]
    assert found["tools"] == ["add", "spin", "crash"]
    assert "3" in found["result"]
    assert found["leaked"] is False


def test_page_has_no_errors(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []


def test_entries_are_listed(seen: dict[str, Any]) -> None:
    assert seen["title"] == "shown"
    assert seen["tools"] == ["greet", "book", "work", "pack", "watch", "add", "spin", "crash"]


def test_form_checks_values_and_shows_the_result(seen: dict[str, Any]) -> None:
    assert seen["mistake"] == "an integer is expected"
    assert 'Hello Zoë 🙂 \\"quoted\\"!' in seen["greet"]
    assert " ms" in seen["greet"]
    assert "-32603" in seen["crash"]


def test_copied_test_is_python_that_passes(seen: dict[str, Any]) -> None:
    calls: list[Any] = []

    class Server:
        def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            calls.append((name, arguments))
            greetings = [f"Hello {arguments['name']}!"] * arguments["times"]
            return type("Result", (), {"is_error": False, "structured_content": {"result": greetings}})

    names: dict[str, Any] = {}
    exec(seen["test"], names)  # noqa: S102 - of our own page
    names["test_greet"](Server())
    assert calls == [("greet", {"name": 'Zoë 🙂 "quoted"', "times": 2, "mood": "loud"})]


def test_texts_of_the_server_are_not_markup(seen: dict[str, Any]) -> None:
    assert "<img src=x onerror=alert(1)>" in seen["work"]
    assert seen["images"] == 0


def test_progress_and_logs_are_shown(seen: dict[str, Any]) -> None:
    assert "1/2: half of it" in seen["work"]
    assert "info: a log message" in seen["work"]


def test_elicitation_and_sampling_are_answered_by_hand(seen: dict[str, Any]) -> None:
    assert "Thanks. 4 front" in seen["book"]


def test_a_task_is_followed_and_its_requests_are_answered_by_hand(seen: dict[str, Any]) -> None:
    assert re.search(r"task [0-9a-f]{32}: input_required", seen["task_waiting"])
    assert seen["task_focus"] == "count"
    assert "7 boxes are packed" in seen["task"]
    assert re.search(r"task [0-9a-f]{32}: completed", seen["task"])


def test_a_task_shows_its_messages_and_is_cancelled(seen: dict[str, Any]) -> None:
    assert ": working" in seen["task_running"]
    assert "<b>half</b> of the boxes" in seen["task_running"]
    assert re.search(r"Error\s+cancelled\s+task [0-9a-f]{32}: cancelled", seen["task_cancelled"])
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert method in seen["messages"]


def test_resources_prompts_and_completions(seen: dict[str, Any]) -> None:
    assert seen["completions"] == ["Paris", "Prague"]
    assert "Prague & more is a place." in seen["resource"]
    assert "Report from Oslo." in seen["prompt"]


def test_structure_times_and_messages(seen: dict[str, Any]) -> None:
    assert "Grants by component" in seen["structure"]
    assert "demo" in seen["structure"]
    assert "greet" in seen["times"]
    shares = {row[0]: row for row in seen["components"]}
    assert set(shares) == {"demo", "calc"}
    assert sum(int(row[1].removesuffix(" %")) for row in shares.values()) in {99, 100, 101}
    assert all(float(row[2]) >= 1 and float(row[4]) > 0 for row in shares.values())  # calls, total
    assert "tools/call" in seen["messages"]
    assert "subscriptions/listen" in seen["messages"]
    assert "notifications/progress" in seen["messages"]


def test_keyboard_reaches_tabs_and_calls(seen: dict[str, Any]) -> None:
    assert seen["after_arrow"] == "Resources"
    assert "Hello Ada" in seen["keyboard"]


def test_errors_of_an_edit_are_shown_with_file_and_line_until_they_are_mended(seen: dict[str, Any]) -> None:
    assert "`src/shown/demo.py`, line " in seen["problem"]
    assert "def broken(:" in seen["problem"]
    assert seen["problem_hidden"]
    assert seen["kept"] == "kept"
    assert "new" in seen["added"]


def test_colors_follow_the_preference_and_narrow_windows_fit(seen: dict[str, Any]) -> None:
    assert seen["dark"] == "rgb(20, 23, 29)"
    assert seen["light"] == "rgb(244, 245, 248)"
    assert seen["dark_status"] == "rgb(230, 233, 240)"
    assert seen["too_wide"] is False


def test_pages_of_other_origins_read_nothing(seen: dict[str, Any]) -> None:
    assert seen["stranger"] == ["blocked", "blocked", "blocked"]
