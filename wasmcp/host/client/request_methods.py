"""Methods of MCP 2026-07-28 clients for tools, resources, prompts and completions, and their results."""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError, RequestError, UnansweredInputError
from wasmcp.protocol import META_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hypothesis.strategies import SearchStrategy

    from wasmcp.host.client.tasks import Task
    from wasmcp.host.client.types import (
        Answers,
        ClientRequest,
        Completion,
        Notification,
        Prompt,
        PromptResult,
        Resource,
        ResourceResult,
        ResourceTemplate,
        Tool,
        ToolResult,
    )

_MORE_THAN_ANY_LIST = 10_000
_tokens = itertools.count(1)


def _unanswered(key: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    raise UnansweredInputError(str(wanted.get("method")), f"the call has no `answers`, and none for the key `{key}`")


class RequestMethods:
    """Methods for tools, resources, prompts and completions, based on `request`.

    Attributes:
        answers: The results of server-to-client requests, for calls without `answers`; None: a result that requires
            input is returned.
        observes: True to request progress notifications and all log messages, for `ToolResult.progress` and `logs`.
        has_tasks: True if `call_tool` declares the extension for tasks, and waits for the result of the task that a
            call becomes.
    """

    answers: Answers | None = None
    observes = False
    has_tasks = False

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send a request and return its result object. `Server` implements it."""
        raise NotImplementedError

    def _observed(
        self,
        method: str,
        params: dict[str, Any],
        on_event: Callable[[dict[str, Any]], None] | None,
        timeout: float | None,
        answers: Answers | None,
    ) -> tuple[dict[str, Any], list[Notification], list[ClientRequest]]:
        """Send a request; return its result object, the notifications, and the answered server-to-client requests."""
        from wasmcp.host.client.types import Notification

        notifications: list[Notification] = []

        def take(message: dict[str, Any]) -> None:
            notifications.append(Notification(message["method"], message.get("params") or {}))
            if on_event is not None:
                on_event(message)

        def send(given: Mapping[str, Any]) -> dict[str, Any]:
            return self.request(method, given, on_event=take, timeout=timeout)

        answers = self.answers if answers is None else answers
        capabilities: dict[str, Any] = {}
        meta = dict(params.get("_meta", {}))
        if self.observes:
            meta = {"progressToken": f"progress-{next(_tokens)}", META_KEYS["log_level"]: "debug", **meta}
        if self.has_tasks and method == "tools/call":
            from wasmcp.host.client.tasks import CAPABILITY

            capabilities.update(CAPABILITY)
        conversation = None
        if answers is not None:
            from wasmcp.host.client.types import CAPABILITIES, Conversation

            capabilities.update(CAPABILITIES)
            conversation = Conversation(answers)
        if capabilities:
            meta = {META_KEYS["client_capabilities"]: capabilities, **meta}
        whole = {**params, "_meta": meta} if meta else params
        result = send(whole) if conversation is None else conversation.run(send, whole)
        if self.has_tasks and method == "tools/call" and result.get("resultType") == "task":
            result = self._task(result).wait(
                _unanswered if conversation is None else conversation.answer, seconds=timeout, is_eager=True
            )
        return result, notifications, [] if conversation is None else conversation.requests

    def _task(self, created: Mapping[str, Any]) -> Task:
        """Return the task that a result created."""
        from wasmcp.host.client.tasks import CAPABILITY, Task

        meta = {META_KEYS["client_capabilities"]: CAPABILITY}
        return Task(created, lambda method, params: self.request(method, {**params, "_meta": meta}))

    def list_all(self, method: str, member: str) -> Iterator[dict[str, Any]]:
        """Yield the items of a whole list, following the cursors. Specification: server/utilities/pagination.

        Args:
            method: For example `tools/list`.
            member: The member of the result that holds the items.

        Raises:
            HostError: The list does not end after 10,000 pages.
            RequestError: The server does not support the method.
        """
        cursor: str | None = None
        for _page in range(_MORE_THAN_ANY_LIST):
            result = self.request(method, {} if cursor is None else {"cursor": cursor})
            yield from result.get(member, [])
            cursor = result.get("nextCursor")
            if cursor is None:
                return
        raise HostError(f"`{method}` did not end after {_MORE_THAN_ANY_LIST} pages")

    def surface(self) -> dict[str, Any]:
        """Return what clients see of the server, to be compared with that of another version.

        It has the members `tools`, `resources`, `templates` and `prompts`, each a dict of the listed objects in their
        wire form by `name`, `uri` or `uriTemplate`, in sorted order. `grants` has, by the name of each component, its
        granted families: the rules of the grant, or True without rules.

        Raises:
            HostError: A list is not valid.
        """
        from wasmcp.protocol import CODES, LISTS

        found: dict[str, Any] = {}
        for one in LISTS:
            try:
                items = list(self.list_all(one.method, one.member))
            except RequestError as error:
                if error.code != CODES["method_not_found"]:
                    raise
                items = []
            found[one.kind] = {str(item[one.identity]): item for item in sorted(items, key=itemgetter(one.identity))}
        return {**found, "grants": {}}

    def discover(self) -> dict[str, Any]:
        """Request the server's description and capabilities. Specification: server/discover."""
        return self.request("server/discover")

    def list_tools(self) -> list[Tool]:
        """List all tools, following the cursors. Specification: server/tools, `tools/list`."""
        from wasmcp.host.client.types import Tool

        return [Tool.from_wire(raw) for raw in self.list_all("tools/list", "tools")]

    def arguments(self, name: str) -> SearchStrategy[dict[str, Any]]:
        """Return a strategy of Hypothesis for the arguments that a tool's input schema allows (extra `fuzz`).

        Raises:
            HostError: The server has no such tool, its schema is not valid, or the extra is not installed.
        """
        try:
            from wasmcp.schemas.strategies import Schema
        except ImportError as error:
            raise HostError(f"{error.name} is not installed: `pip install 'wasmcp[fuzz]'`") from None
        tools = self.list_tools()
        tool = next((tool for tool in tools if tool.name == name), None)
        if tool is None:
            raise HostError(f"the server has no tool `{name}`: it has {', '.join(f'`{one.name}`' for one in tools)}")
        try:
            return Schema(tool.input_schema).values()
        except ValueError as error:
            raise HostError(f"tool `{name}` has a schema that is not valid: {error}") from None

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        progress_token: str | int | None = None,
        timeout: float | None = None,
        answers: Answers | None = None,
        **params: Any,
    ) -> ToolResult:
        """Call a tool. Specification: server/tools, `tools/call`.

        Args:
            name: The tool's name.
            arguments: The tool's arguments.
            on_event: Called with each notification that precedes the result.
            progress_token: Request progress notifications with this token.
            timeout: Seconds, instead of `Limits.timeout`; of a task, for all of it.
            answers: Results of server-to-client requests (elicitation, sampling, roots): a list in their order, a dict
                by key or method, or a function that gets each request; by default `self.answers`.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: The tool does not exist, or the request is malformed. A failure inside a tool is a result
                whose `is_error` is true.
            GuestTrapError: The tool trapped, timed out, or exhausted its memory.
            UnansweredInputError: The tool requires input, and `answers` has none for it.
            TaskCancelledError: The call became a task, which was cancelled.
        """
        from wasmcp.host.client.types import ToolResult

        params = {"name": name, "arguments": dict(arguments or {}), **params}
        if progress_token is not None:
            params["_meta"] = {**params.get("_meta", {}), "progressToken": progress_token}
        return ToolResult.from_wire(*self._observed("tools/call", params, on_event, timeout, answers))

    def start_task(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        answers: Answers = (),
        **params: Any,
    ) -> Task:
        """Call a tool whose call becomes a task, and return the task at once.

        The client declares all capabilities: requests of the task to the client are in `Task.state`, for `Task.update`.
        Specification: extension io.modelcontextprotocol/tasks (SEP-2663).

        Args:
            name: The tool's name.
            arguments: The tool's arguments.
            timeout: Seconds for the request, instead of `Limits.timeout`.
            answers: Results of server-to-client requests before the call becomes a task; see `call_tool`.
            params: Further members of `params`.

        Raises:
            HostError: The call did not become a task: it has ended with a result.
            RequestError: The tool does not exist, or the request is malformed.
            UnansweredInputError: The tool requires input before the call becomes a task, and `answers` has none for it.
        """
        from wasmcp.host.client.tasks import CAPABILITY
        from wasmcp.host.client.types import CAPABILITIES, Conversation

        meta = {META_KEYS["client_capabilities"]: {**CAPABILITIES, **CAPABILITY}, **params.pop("_meta", {})}
        whole = {"name": name, "arguments": dict(arguments or {}), **params, "_meta": meta}
        result = Conversation(answers).run(lambda given: self.request("tools/call", given, timeout=timeout), whole)
        if result.get("resultType") != "task":
            raise HostError(f"the call of `{name}` did not become a task: its result is {result!r:.300}")
        return self._task(result)

    def list_resources(self) -> list[Resource]:
        """List all resources. Specification: server/resources, `resources/list`."""
        from wasmcp.host.client.types import Resource

        return [Resource.from_wire(raw) for raw in self.list_all("resources/list", "resources")]

    def list_resource_templates(self) -> list[ResourceTemplate]:
        """List all resource templates. Specification: server/resources, `resources/templates/list`."""
        from wasmcp.host.client.types import ResourceTemplate

        items = self.list_all("resources/templates/list", "resourceTemplates")
        return [ResourceTemplate.from_wire(raw) for raw in items]

    def read_resource(
        self, uri: str, *, timeout: float | None = None, answers: Answers | None = None, **params: Any
    ) -> ResourceResult:
        """Read a resource. Specification: server/resources, `resources/read`.

        Args:
            uri: The URI of a listed resource, or one that matches a resource template.
            timeout: Seconds, instead of `Limits.timeout`.
            answers: Results of server-to-client requests (elicitation, sampling, roots): a list in their order, a dict
                by key or method, or a function that gets each request; by default `self.answers`.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: The resource does not exist (code -32602, the URI in `data`).
        """
        from wasmcp.host.client.types import ResourceResult

        whole = {"uri": uri, **params}
        return ResourceResult.from_wire(*self._observed("resources/read", whole, None, timeout, answers))

    def list_prompts(self) -> list[Prompt]:
        """List all prompts. Specification: server/prompts, `prompts/list`."""
        from wasmcp.host.client.types import Prompt

        return [Prompt.from_wire(raw) for raw in self.list_all("prompts/list", "prompts")]

    def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
        answers: Answers | None = None,
        **params: Any,
    ) -> PromptResult:
        """Get the messages of a prompt. Specification: server/prompts, `prompts/get`.

        Args:
            name: The prompt's name.
            arguments: The prompt's arguments.
            timeout: Seconds, instead of `Limits.timeout`.
            answers: Results of server-to-client requests (elicitation, sampling, roots): a list in their order, a dict
                by key or method, or a function that gets each request; by default `self.answers`.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: The prompt does not exist, or an argument is missing or invalid (code -32602).
        """
        from wasmcp.host.client.types import PromptResult

        params = {"name": name, "arguments": dict(arguments or {}), **params}
        return PromptResult.from_wire(*self._observed("prompts/get", params, None, timeout, answers))

    def complete(
        self,
        reference: Mapping[str, str],
        argument: str,
        value: str = "",
        *,
        context: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completion:
        """Request values for an argument that is being typed. Specification: server/utilities/completion.

        Args:
            reference: `{"type": "ref/prompt", "name": ...}` or `{"type": "ref/resource", "uri": ...}` (a template).
            argument: The name of the prompt's argument or of the template's variable.
            value: The text typed so far.
            context: The arguments that already have a value.
            timeout: Seconds, instead of `Limits.timeout`.

        Raises:
            RequestError: The prompt or template does not exist (code -32602).
        """
        from wasmcp.host.client.types import Completion

        params: dict[str, Any] = {"ref": dict(reference), "argument": {"name": argument, "value": value}}
        if context is not None:
            params["context"] = {"arguments": dict(context)}
        return Completion.from_wire(self.request("completion/complete", params, timeout=timeout)["completion"])
