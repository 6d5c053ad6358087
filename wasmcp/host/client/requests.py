"""Client requests of MCP 2026-07-28 other than `tools/*`: resources, prompts, completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wasmcp.host.client.types import Completion, Prompt, PromptResult, Resource, ResourceResult, ResourceTemplate

_MORE_THAN_ANY_LIST = 10_000


class RequestMethods:
    """Methods for resources, prompts and completions, based on `request`."""

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
        from wasmcp.errors import HostError

        raise HostError(f"`{method}` did not end after {_MORE_THAN_ANY_LIST} pages")

    def list_resources(self) -> list[Resource]:
        """List all resources. Specification: server/resources, `resources/list`."""
        from wasmcp.host.client.types import Resource

        return [Resource.from_wire(raw) for raw in self.list_all("resources/list", "resources")]

    def list_resource_templates(self) -> list[ResourceTemplate]:
        """List all resource templates. Specification: server/resources, `resources/templates/list`."""
        from wasmcp.host.client.types import ResourceTemplate

        items = self.list_all("resources/templates/list", "resourceTemplates")
        return [ResourceTemplate.from_wire(raw) for raw in items]

    def read_resource(self, uri: str, *, timeout: float | None = None, **params: Any) -> ResourceResult:
        """Read a resource. Specification: server/resources, `resources/read`.

        Args:
            uri: The URI of a listed resource, or one that matches a resource template.
            timeout: Seconds, instead of `Limits.timeout`.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: The resource does not exist (code -32602, the URI in `data`).
        """
        from wasmcp.host.client.types import ResourceResult

        return ResourceResult.from_wire(self.request("resources/read", {"uri": uri, **params}, timeout=timeout))

    def list_prompts(self) -> list[Prompt]:
        """List all prompts. Specification: server/prompts, `prompts/list`."""
        from wasmcp.host.client.types import Prompt

        return [Prompt.from_wire(raw) for raw in self.list_all("prompts/list", "prompts")]

    def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None, **params: Any
    ) -> PromptResult:
        """Get the messages of a prompt. Specification: server/prompts, `prompts/get`.

        Args:
            name: The prompt's name.
            arguments: The prompt's arguments.
            timeout: Seconds, instead of `Limits.timeout`.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: The prompt does not exist, or an argument is missing or invalid (code -32602).
        """
        from wasmcp.host.client.types import PromptResult

        params = {"name": name, "arguments": dict(arguments or {}), **params}
        return PromptResult.from_wire(self.request("prompts/get", params, timeout=timeout))

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
