"""The official inspector, `@modelcontextprotocol/inspector`: its command line at every entry point, in both eras."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from conformance.node import Node
from conformance.outcome import Outcome
from wasmcp.protocol import APP_MIME_TYPE

ENTRY = ("@modelcontextprotocol/inspector", "clients/launcher/build/index.js")
APP = "ui://everything/temperatures"
ERAS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
Check = Callable[[dict[str, Any]], bool]


def _has(member: str, key: str, value: str) -> Check:
    return lambda answer: any(item.get(key) == value for item in answer[member])


CASES: dict[str, tuple[list[str], Check]] = {
    "tools/list strict": (
        ["--method", "tools/list", "--strict"],
        _has("tools", "name", "test_simple_text"),
    ),
    "tools/call": (
        ["--method", "tools/call", "--tool-name", "test_simple_text"],
        lambda answer: answer["content"][0]["text"] == "This is a simple text response for testing.",
    ),
    "resources/list": (["--method", "resources/list"], _has("resources", "uri", "test://static-text")),
    "resources/templates/list": (
        ["--method", "resources/templates/list"],
        _has("resourceTemplates", "uriTemplate", "test://template/{id}/data"),
    ),
    "tools/list with an app": (
        ["--method", "tools/list"],
        lambda answer: any(tool.get("_meta", {}).get("ui", {}).get("resourceUri") == APP for tool in answer["tools"]),
    ),
    "resources/read of an app": (
        ["--method", "resources/read", "--uri", APP],
        lambda answer: (
            answer["contents"][0]["mimeType"] == APP_MIME_TYPE and "<!doctype html>" in answer["contents"][0]["text"]
        ),
    ),
    "resources/read of a skill": (
        ["--method", "resources/read", "--uri", "skill://try-a-client/SKILL.md"],
        _has("contents", "mimeType", "text/markdown"),
    ),
    "resources/read": (
        ["--method", "resources/read", "--uri", "test://static-text"],
        lambda answer: bool(answer["contents"][0]["text"]),
    ),
    "prompts/list": (["--method", "prompts/list"], _has("prompts", "name", "test_simple_prompt")),
    "prompts/get": (
        ["--method", "prompts/get", "--prompt-name", "test_prompt_with_arguments", "--prompt-args", "arg1=a", "arg2=b"],
        lambda answer: bool(answer["messages"]),
    ),
}


def inspect(node: Node, entry_point: str, target: list[str]) -> Iterator[Outcome]:
    """Run every case against a server: `target` is a URL with its options, or a command."""
    for era, revision in ERAS.items():
        for name, (options, check) in CASES.items():
            failures = _failures(node, [*target, "--protocol-era", era, "--format", "json", *options], check)
            yield Outcome(entry_point, revision, f"inspector {name}", 0 if failures else 1, failures)


def _failures(node: Node, arguments: list[str], check: Check) -> tuple[str, ...]:
    try:
        done = node.run(node.package(*ENTRY), "--cli", *arguments, timeout=120)
    except subprocess.TimeoutExpired:
        return ("no answer in 120 s",)
    if done.returncode:
        return (f"exit code {done.returncode}: {done.stderr[-600:]} {done.stdout[-300:]}",)
    try:
        return () if check(json.loads(done.stdout)["result"]) else (f"unexpected answer: {done.stdout[:600]}",)
    except (ValueError, LookupError, TypeError) as error:
        return (f"unreadable answer ({error!r}): {done.stdout[:600]}",)
