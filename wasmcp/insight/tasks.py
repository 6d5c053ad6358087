"""Tools that can run as tasks, as `inspect` and `diff` show them.

Source: docs/reference/protocol.md, `_meta["wasmcp/task"]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wasmcp.insight.listing import Item
from wasmcp.protocol import META_KEYS, TASK_DEFAULTS

_WAYS = {"run": "runs on after its request", "steps": "continues by steps"}


def task_rows(tools: Sequence[Item]) -> list[tuple[str, str]]:
    """Return the names of the tools that can run as tasks, each with the way in which it runs."""
    return [(str(tool.get("name")), _text(task)) for tool in tools if (task := _task(tool)) is not None]


def task_changes(old: Item, new: Item) -> Iterator[tuple[str, bool]]:
    """Yield the changes of the task of a tool, each with True if it breaks clients."""
    before, after = _task(old), _task(new)
    if before == after:
        return
    needed = after is not None and after.get("required") is True
    if needed and not (before is not None and before.get("required") is True):
        yield "refuses clients without the tasks extension now", True
    if before is None and after is not None:
        yield f"can run as a task now: {_text(after)}", False
    elif after is None:
        yield "does not run as a task any more", False
    elif before is not None and _text(before) != _text(after):
        yield f"runs as a task in another way: {_text(after)}, before {_text(before)}", False


def _task(tool: Item) -> dict[str, Any] | None:
    meta = tool.get("_meta")
    found = meta.get(META_KEYS["task"]) if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else None


def _text(task: dict[str, Any]) -> str:
    way = _WAYS.get(str(task.get("mode")), f"unknown mode {task.get('mode')!r:.40}")
    kept, polled = (task.get(name, TASK_DEFAULTS[name]) for name in ("ttlMs", "pollIntervalMs"))
    required = "; clients need the extension" if task.get("required") is True else ""
    return f"{way}; kept for {_seconds(kept)}, polled every {_seconds(polled)}{required}"


def _seconds(milliseconds: Any) -> str:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return "an unknown time"
    return f"{milliseconds / 1000:,g} s"
