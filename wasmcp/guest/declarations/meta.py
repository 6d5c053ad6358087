"""Entries of `_meta` that declarations add: tags and scopes, and options of tools whose calls may become tasks.

Filters and policies of a server read tags and scopes. Specification of tasks: extension io.modelcontextprotocol/tasks
(SEP-2663).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wasmcp.guest.declarations.signature import Signature

TAGS = "wasmcp/tags"
"""Key of `_meta` with the tags."""

SCOPES = "wasmcp/scopes"
"""Key of `_meta` with the scopes."""

_SCOPE = re.compile(r"[!#-\[\]-~]+")


def tagged(
    signature: Signature, meta: Mapping[str, Any] | None, tags: Sequence[str], scopes: Sequence[str] = ()
) -> Mapping[str, Any] | None:
    """Return the `_meta` of a declared function, with its tags and scopes.

    Raises:
        DeclarationError: The tags are not a list of strings that are not empty, the scopes are not scopes of OAuth
            (RFC 6749, section 3.3), or `meta` has others.
    """
    if isinstance(tags, str) or not all(isinstance(tag, str) and tag for tag in tags):
        raise signature.refused(None, f"`tags` must be a list of strings that are not empty, not {tags!r}")
    if isinstance(scopes, str) or not all(isinstance(scope, str) and _SCOPE.fullmatch(scope) for scope in scopes):
        what = "a list of scopes of OAuth, which are visible ASCII characters without space, quote and backslash"
        raise signature.refused(None, f"`scopes` must be {what}, not {scopes!r}")
    for name, key, values in (("tags", TAGS, tags), ("scopes", SCOPES, scopes)):
        if not values:
            continue
        if meta is not None and key in meta:
            raise signature.refused(None, f"it has `{name}`, and `meta` has `{key}`: use one of them")
        meta = {**(meta or {}), key: list(dict.fromkeys(values))}
    return meta


TASK = "wasmcp/task"
"""Key of `_meta` with the options of a tool whose calls may become tasks."""

MAX_SECONDS = 365 * 24 * 3600
"""Limit of the times of a task, in seconds."""


@dataclass(frozen=True)
class Task:
    """Options of a tool whose calls may become tasks: ``@tool(task=Task(ttl=600))``.

    A client that supports the extension gets the id of a task instead of a result, and polls for the result. The calls
    of other clients wait for the result as usual.

    Attributes:
        steps: True if the function continues by `Context.checkpoint`. A call becomes a task at its first checkpoint; a
            function that ends before it returns its result directly. Such tasks exist under any runtime, and continue
            after the end of the server's process. Without steps a call becomes a task at once, under wasmcp's own host
            only.
        ttl: The lifetime of a task from its creation, in seconds. Afterwards it is removed, with its result.
        poll_interval: The suggested time between two polls of a client, in seconds.
        required: True to refuse the calls of clients that do not support the extension.
    """

    steps: bool = False
    ttl: float = 3600
    poll_interval: float = 1
    required: bool = False


def with_task(
    signature: Signature, meta: Mapping[str, Any] | None, task: bool | Literal["steps"] | Task | None
) -> Mapping[str, Any] | None:
    """Return the `_meta` of a tool with the options of its tasks.

    Args:
        signature: The signature of the tool's function, for errors.
        meta: The other members.
        task: The argument of the decorator.

    Raises:
        DeclarationError: An option has a wrong value, or `meta` has the key.
    """
    if task is None or task is False:
        return meta
    options = Task() if task is True else Task(steps=True) if task == "steps" else task
    if not isinstance(options, Task):
        raise signature.refused(None, f'`task` must be a bool, "steps" or a `Task`, not {task!r}')
    if meta is not None and TASK in meta:
        raise signature.refused(None, f"it has `task`, and `meta` has `{TASK}`: use one of them")
    return {
        **(meta or {}),
        TASK: {
            "mode": "steps" if options.steps else "run",
            "ttlMs": _milliseconds(signature, "ttl", options.ttl),
            "pollIntervalMs": _milliseconds(signature, "poll_interval", options.poll_interval),
            "required": bool(options.required),
        },
    }


def _milliseconds(signature: Signature, name: str, seconds: float) -> int:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not is_number or not 0.001 <= seconds <= MAX_SECONDS:
        expected = f"a number of seconds from 0.001 to {MAX_SECONDS} (a year)"
        raise signature.refused(None, f"`Task.{name}` must be {expected}, not {seconds!r}")
    return round(seconds * 1000)
