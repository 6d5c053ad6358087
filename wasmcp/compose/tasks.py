"""Tools of a server that can run as tasks, and the component that names them.

Source: wit/tasks.wit (`task-tools`); Model Context Protocol, extension `io.modelcontextprotocol/tasks`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from wasmcp.component.constant_component import constants
from wasmcp.component.types import Instance
from wasmcp.compose.framework import FIRST_DRAFT, SECOND_DRAFT
from wasmcp.compose.interfaces import TASK_TOOLS
from wasmcp.errors import CompositionError
from wasmcp.protocol import META_KEYS, TASK_DEFAULTS, TASK_LIMIT, TaskMode
from wasmcp.revision_views import Item, to_json_text

TASK_DRAFTS = {FIRST_DRAFT: "tasks-draft", SECOND_DRAFT: "tasks"}
"""The framework component of the tasks extension for each draft of `wasi:keyvalue`."""

_KEY = META_KEYS["task"]
_MODES: tuple[TaskMode, ...] = get_args(TaskMode)

TaskTools = Mapping[str, Mapping[str, Any]]
"""Name of a tool -> its `_meta["wasmcp/task"]`, with all members."""


def task_tools(tools: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """Return the tools that can run as tasks.

    Args:
        tools: The tools of a server, in their wire form.

    Raises:
        CompositionError: The `_meta["wasmcp/task"]` of a tool is not valid; the error lists all problems.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for tool in tools:
        meta = tool.get("_meta")
        if not isinstance(meta, dict) or _KEY not in meta:
            continue
        given = meta[_KEY]
        wrong = list(_problems(given))
        problems += [f'`_meta["{_KEY}"]` of the tool `{tool["name"]}` {problem}' for problem in wrong]
        if not wrong:
            found[tool["name"]] = {"mode": given["mode"], **TASK_DEFAULTS, "required": False, **given}
    if problems:
        listed = "".join(f"\n  * {problem}" for problem in problems)
        raise CompositionError(problems[0] if len(problems) == 1 else f"tools that run as tasks:{listed}")
    return found


def check_storage(tools: TaskTools, components: Sequence[str]) -> None:
    """Check that no component can change the stored tasks, which have the principal of their call.

    Args:
        tools: The tools that can run as tasks.
        components: The names of the components with the whole of `wasi:keyvalue`.

    Raises:
        CompositionError: There are both.
    """
    if tools and components:
        wide, running = (", ".join(f"`{name}`" for name in names) for names in (components, tools))
        raise CompositionError(
            f"{wide} with the whole of `wasi:keyvalue` has access to the tasks of every principal. A server whose "
            f"tools run as tasks ({running}) cannot contain such a component: use wasmcp's interface `key-value` in "
            "it, or remove the option `task` of the tools"
        )


def _problems(given: object) -> list[str]:
    if not isinstance(given, dict):
        return [f"must be an object, not {given!r}"]
    modes = " or ".join(f'"{mode}"' for mode in _MODES)
    known = ("mode", *TASK_DEFAULTS, "required")
    problems = [f"has an unknown member `{name}`" for name in given if name not in known]
    if given.get("mode") not in _MODES:
        problems.append(f"must have the `mode` {modes}, not {given.get('mode')!r}")
    if not isinstance(given.get("required", False), bool):
        problems.append(f"must have a boolean as `required`, not {given['required']!r}")
    for name in TASK_DEFAULTS:
        number = given.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= TASK_LIMIT:
            problems.append(f"must have milliseconds from 1 to {TASK_LIMIT:,} as `{name}`, not {number!r}")
    return problems


def task_values(tools: TaskTools, capabilities: Mapping[str, Any], *, notifies: bool) -> dict[str, str | bool]:
    """Return the values of the functions of `task-tools`.

    Args:
        tools: The tools that can run as tasks.
        capabilities: The capabilities of the server without the extension.
        notifies: True if clients can listen to tasks; see the interface.
    """
    return {"tools": to_json_text(tools), "notifies": notifies, "capabilities": to_json_text(capabilities)}


def listed_tasks(values: str, tools: Sequence[Item]) -> str:
    """Return the values of `task-tools` of a development build, with the tools that it lists, as JSON.

    Args:
        values: Its values before, as JSON.
        tools: All tools, in their wire form.

    Raises:
        CompositionError: See `task_tools`.
    """
    return to_json_text({**json.loads(values), "tools": to_json_text(task_tools(tools))})


def names_of_tasks(imported: Instance, values: Mapping[str, str | bool]) -> bytes:
    """Return the component that exports `task-tools`.

    Args:
        imported: The type of the interface, as the framework's component imports it.
        values: The values of its functions.
    """
    return constants({TASK_TOOLS: imported}, lambda _interface, name, _type: values[name])
