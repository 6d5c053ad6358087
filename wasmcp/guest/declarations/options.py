"""Options of declarations: entries of `_meta`, and entries of lists that depend on the request.

Filters and policies of a server read tags and scopes. Specification of tasks: extension io.modelcontextprotocol/tasks
(SEP-2663).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.mrtr import InputRequiredResult

MIME_TYPE = "text/html;profile=mcp-app"
"""Media type of a page."""
PAGE = "wasmcp/page"
"""Member of a resource's `_meta` with the path of its page, which the build includes and removes."""

Permission = Literal["camera", "microphone", "geolocation", "clipboardWrite"]
Visibility = Literal["model", "app"]


@dataclass(frozen=True)
class Csp:
    """Origins of other servers that a page uses: ``https://api.example.com``, ``https://*.example.com``.

    Attributes:
        connect_domains: Origins of requests and web sockets.
        resource_domains: Origins of scripts, styles, images, fonts and media.
        frame_domains: Origins of nested frames.
        base_uri_domains: Origins of base URIs of the document.
    """

    connect_domains: Sequence[str] = ()
    resource_domains: Sequence[str] = ()
    frame_domains: Sequence[str] = ()
    base_uri_domains: Sequence[str] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Return the schema `McpUiResourceCsp` of the extension."""
        found = {
            "connectDomains": self.connect_domains,
            "resourceDomains": self.resource_domains,
            "frameDomains": self.frame_domains,
            "baseUriDomains": self.base_uri_domains,
        }
        return {name: list(origins) for name, origins in found.items() if origins}


@dataclass(frozen=True)
class App:
    """A declared app.

    Attributes:
        uri: The URI of its resource.
        page: The path of its page in the project.
        meta: The ``_meta.ui`` of its resource.
    """

    uri: str
    page: str
    meta: Mapping[str, Any] = field(default_factory=dict)


class AppPages:
    """Pages of a development build, which can change while the component runs.

    Attributes:
        html: The pages by their path in the project.
    """

    html: Mapping[str, str] = {}


def shown(
    signature: Signature, meta: Mapping[str, Any] | None, ui: App | None, visibility: Sequence[Visibility] | None
) -> Mapping[str, Any] | None:
    """Return the `_meta` of a tool with its app and its visibility.

    Raises:
        DeclarationError: `meta` has a `ui` as well, or the visibility is not a list of `model` and `app`.
    """
    if ui is None and visibility is None:
        return meta
    if meta is not None and "ui" in meta:
        raise signature.refused(None, "it has `ui` or `visibility`, and `meta` has `ui`: use one of them")
    if visibility is not None and (
        isinstance(visibility, str) or not visibility or not set(visibility) <= {"model", "app"}
    ):
        raise signature.refused(None, f'`visibility` must be a list of "model" and "app", not {visibility!r}')
    found: dict[str, Any] = {} if ui is None else {"resourceUri": ui.uri}
    if visibility is not None:
        found["visibility"] = list(dict.fromkeys(visibility))
    return {**(meta or {}), "ui": found}


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


Condition = Callable[[Context], bool]
Description = str | Callable[[Context], str]


class PerRequest:
    """A declaration whose entry in lists can depend on the request.

    Attributes:
        kind: The kind of declaration, for messages.
        function: The author's function.
        name: The name in lists.
        description: The description that is the same for all requests.
        enabled: Returns True if the entry exists for a request; None if it always does.
        describe: Returns the description for a request; None if it is the same for all.
    """

    kind: ClassVar[str]
    function: Callable[..., Any]
    name: str
    description: str | None
    enabled: Condition | None = None
    describe: Callable[[Context], str] | None = None

    def _depend(self, enabled: Condition | None, description: Description | None) -> str | None:
        """Set the functions of the request, and return the description that does not depend on it."""
        self.enabled = enabled
        if not callable(description):
            return description
        self.describe = description
        return None

    @property
    def dynamic_option(self) -> str | None:
        """The option by which its entry depends on the request; None if the entry is the same for all requests."""
        if self.enabled is not None:
            return "enabled"
        return None if self.describe is None else "description"

    def is_enabled(self, context: Context) -> bool:
        """Return True if the entry exists for a request."""
        return self.enabled is None or bool(self.enabled(context))

    def described_for(self, context: Context) -> Self:
        """Return the declaration with its description for a request.

        Raises:
            TypeError: The description is not a string.
        """
        if self.describe is None:
            return self
        text = self.describe(context)
        if not isinstance(text, str):
            kind = type(text).__qualname__
            raise TypeError(f"the description of {self.kind} `{self.name}` must be a string, not {kind}")
        described = copy(self)
        described.description = text
        return described


M = TypeVar("M", bound=PerRequest)


class Source(Generic[M]):
    """A declared function that makes tools, resources or prompts for a request.

    Args:
        function: The author's function.
        made: The class of what it makes.
        names: Names that annotations can use in addition to those of the module.

    Attributes:
        identity: The function.

    Raises:
        DeclarationError: The function has parameters other than a context and provided objects.
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(self, function: Callable[..., Any], made: type[M], names: Mapping[str, Any] | None = None) -> None:
        self.function = self.identity = function
        self._made = made
        self._signature = Signature(function, f"source of {made.kind}s", names)
        if self._signature.members:
            name = self._signature.members[0].name
            raise self._signature.refused(f"parameter `{name}`", "only a `Context` and objects of providers are passed")

    def make(self, context: Context) -> list[M]:
        """Return the entries for a request.

        Raises:
            TypeError: The function returned something else.
        """
        kind = self._made.kind
        made = self._signature.call({}, context)
        if isinstance(made, InputRequiredResult):
            reason = "only tools, resources and prompts can"
            raise TypeError(f"a list of {kind}s cannot send requests to the client: {reason}")
        entries = list(made or ())
        for entry in entries:
            if not isinstance(entry, self._made):
                name = self.function.__qualname__
                raise TypeError(f"`{name}` must return {kind}s of `make_{kind}`, not {type(entry).__qualname__}")
        return entries
