"""Exports of the component for its declarations: tools, resources, prompts and completions.

Imported inside a component only, because the bindings exist only there. componentize-py calls the classes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from wit_world.exports import completions as completion_exports  # type: ignore[import-not-found]
from wit_world.exports import prompts as prompt_exports
from wit_world.exports import resources as resource_exports
from wit_world.exports import tools as tool_exports
from wit_world.imports import types  # type: ignore[import-not-found]

from wasmcp.guest.call_errors import FAILED_TOOL
from wasmcp.guest.component.error_reporting import INTERNAL_ERROR, report
from wasmcp.guest.component.snapshot import has_frozen, thaw
from wasmcp.guest.component.to_wit import (
    INVALID_PARAMS,
    LEVELS,
    block_of,
    cache_of,
    input_required_to_wit,
    json_text,
    no_second_page,
    prompt_of,
    refused,
    resource_of,
    template_of,
    text_of,
    tool_of,
)
from wasmcp.guest.content import Text
from wasmcp.guest.context import EXPIRED, SESSIONS, Context
from wasmcp.guest.declarations.dynamic import (
    FoundResource,
    listed_prompts,
    listed_resources,
    listed_templates,
    listed_tools,
    offered_prompt,
    offered_resource,
    offered_template,
    offered_tool,
)
from wasmcp.guest.declarations.prompts import Choices, Prompt, has_completions, propose
from wasmcp.guest.declarations.registry import COMPLETIONS, PROMPTS, RESOURCES, TOOLS, ListCache
from wasmcp.guest.declarations.resources import Part, Resource
from wasmcp.guest.declarations.rules import ToolOptions, close
from wasmcp.guest.declarations.tools import Rendered, TextResult, Tool
from wasmcp.guest.errors import McpError
from wasmcp.guest.json_types.json_codec import sendable
from wasmcp.guest.json_types.uris import key_of
from wasmcp.guest.mrtr import InputRequiredResult

T = TypeVar("T")

# A component has no standard input: reading from it must return the end of the input instead of a trap.
sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # type: ignore[misc]

if "asyncio" in sys.modules:
    import wasmcp.guest.component.event_loop  # noqa: F401 - the loop of `asyncio.run`, and of async tools

try:
    from wasmcp.guest.session_wasi import open_session
except ImportError:  # the component was built without the grant `sessions`
    pass
else:
    SESSIONS.append(open_session)


_MOST_KEPT = 4096  # maximum characters of a result in the outcome that is used again

_OUTCOMES = {
    "text": tool_exports.Outcome_Text(""),
    "value": tool_exports.Outcome_Value(""),
    "structured": tool_exports.Outcome_Structured(""),
}
"""The outcomes of short results: the runtime has read them before the next call."""


def _outcome(rendered: Rendered | TextResult) -> Any:
    if isinstance(rendered, tuple):
        outcome = _OUTCOMES[rendered[0]]
        if len(rendered[1]) > _MOST_KEPT:
            return type(outcome)(rendered[1])
        outcome.value = rendered[1]
        return outcome
    if rendered.input_required is not None:
        return tool_exports.Outcome_InputRequired(input_required_to_wit(rendered.input_required))
    content = [block_of(block) for block in rendered.content]
    return tool_exports.Outcome_Complete(
        types.ToolResult(content, rendered.structured, rendered.is_error, rendered.meta, None)
    )


def _part(part: Part) -> Any:
    data = part.data
    held = types.ResourceData_Text(sendable(data)) if isinstance(data, str) else types.ResourceData_Blob(data)
    return types.ResourceContents(sendable(part.uri), sendable(part.mime_type), held, json_text(part.meta))


_FROZEN = [thaw] if has_frozen() else []


def _context(request: Any) -> Context:
    """Return the context of a call; before the first call, restore state that must not come from the snapshot."""
    if _FROZEN:
        _FROZEN.pop()()
    return Context(request, LEVELS)


_TOOLS = TOOLS.all()
_PROMPTS = PROMPTS.all()
_RESOURCES = {resource.identity: resource for resource in RESOURCES.all().values() if not resource.is_template}
_TEMPLATES = {resource.uri: resource for resource in RESOURCES.all().values() if resource.is_template}
_PATTERNS = [item.pattern for item in _TEMPLATES.values()]
_COMPLETERS = list(COMPLETIONS.all().values())

_CACHE = cache_of(ListCache.cache)


def _tool_page(tools: Iterable[Tool]) -> Any:
    return tool_exports.Page([tool_of(tool) for tool in tools], None, _CACHE)


def _prompt_page(prompts: Iterable[Prompt]) -> Any:
    return prompt_exports.Page([prompt_of(prompt) for prompt in prompts], None, _CACHE)


def _resource_page(resources: Iterable[Resource]) -> Any:
    return resource_exports.Page([resource_of(resource) for resource in resources], None, _CACHE)


def _template_page(templates: Iterable[Resource]) -> Any:
    return resource_exports.TemplatePage([template_of(item) for item in templates], None, _CACHE)


_TOOL_PAGE = _tool_page(_TOOLS.values())
_PROMPT_PAGE = _prompt_page(_PROMPTS.values())
_RESOURCE_PAGE = _resource_page(_RESOURCES.values())
_TEMPLATE_PAGE = _template_page(_TEMPLATES.values())


def _references() -> list[Any]:
    """Return all prompts with arguments and all templates if any has completions: clients can name each of them."""
    named: list[Prompt | Resource] = [*_PROMPTS.values(), *_TEMPLATES.values()]
    if not _COMPLETERS and not any(has_completions(item.variables) for item in named):
        return []
    return [
        types.CompletionReference_Prompt(sendable(item.name))
        if isinstance(item, Prompt)
        else types.CompletionReference_ResourceTemplate(sendable(item.uri))
        for item in named
        if item.variables
    ]


_REFERENCES = _references()
close()


class Tools:
    """The export ``tools``; its methods are the functions of the WIT interface."""

    def list_tools(self, request: Any, cursor: str | None) -> Any:
        """Return all tools on one page; in a dynamic component those of the request."""
        no_second_page(cursor)
        if not ToolOptions.dynamic:
            return _TOOL_PAGE
        return _listed("tools", request, listed_tools, _tool_page)

    def call_tool(self, request: Any, name: str) -> Any:
        """Call a tool; return None for an unknown name."""
        tool = _TOOLS.get(name)
        needs_context = ToolOptions.dynamic or _FROZEN or (tool is not None and tool.uses_context)
        context = _context(request) if needs_context else EXPIRED
        if ToolOptions.dynamic:
            tool = _offered("tools", name, context, offered_tool)
        if tool is None:
            return None
        try:
            outcome = _outcome(tool.answer(request.arguments(), context))
        except McpError as error:
            raise refused(error) from None
        except BaseException as error:  # noqa: BLE001 - content blocks hold whatever the author put there
            report("tool", name, error)
            content = types.TextContent(FAILED_TOOL.format(name), None, None)
            result = types.ToolResult([types.Content_Text(content)], None, True, None, None)  # noqa: FBT003
            outcome = tool_exports.Outcome_Complete(result)
        finally:
            _flush()
        return outcome


def _listed(
    kind: str, request: Any, entries_of: Callable[[Context], list[T]], page_of: Callable[[list[T]], Any]
) -> Any:
    """Return the page of a list of a dynamic component for a request."""
    context = _context(request)

    def page() -> Any:
        try:
            return page_of(entries_of(context))
        finally:
            context._expire()  # noqa: SLF001 - of this package

    return _answered("list of", kind, page)


def _offered(kind: str, name: str, context: Context, entry_of: Callable[[str, Context], T]) -> T:
    """Return the entry of a dynamic component that has a name for a request."""
    return _answered("list of", kind, lambda: entry_of(name, context))  # type: ignore[no-any-return]


class Resources:
    """The export ``resources``."""

    def list_resources(self, request: Any, cursor: str | None) -> Any:
        """Return all resources with a fixed URI; in a dynamic component those of the request."""
        no_second_page(cursor)
        if not ToolOptions.dynamic:
            return _RESOURCE_PAGE
        return _listed("resources", request, listed_resources, _resource_page)

    def list_templates(self, request: Any, cursor: str | None) -> Any:
        """Return all resource templates; in a dynamic component those of the request."""
        no_second_page(cursor)
        if not ToolOptions.dynamic:
            return _TEMPLATE_PAGE
        return _listed("resource templates", request, listed_templates, _template_page)

    def read_resource(self, request: Any, uri: str) -> Any:
        """Read a resource; return None for an unknown URI. Fixed URIs have precedence over templates."""
        context = _context(request)
        if ToolOptions.dynamic:
            found = _offered("resources", uri, context, offered_resource)
        else:
            found = _recorded_resource(uri, context)
        return None if found is None else _answered("resource", uri, partial(_read, *found, uri, context))


def _recorded_resource(uri: str, context: Context) -> FoundResource | None:
    resource = _RESOURCES.get(key_of(uri))
    if resource is not None:
        return FoundResource(resource, {})
    match = context.match_template(uri, _PATTERNS)
    if match is None:
        return None
    template = list(_TEMPLATES.values())[match.template]
    return FoundResource(template, template.values(match.variables))


def _read(resource: Resource, variables: Any, uri: str, context: Context) -> Any:
    read = resource.read(uri, variables, context)
    if isinstance(read, InputRequiredResult):
        return resource_exports.Outcome_InputRequired(input_required_to_wit(read))
    contents = [_part(part) for part in read]
    return resource_exports.Outcome_Complete(types.ResourceResult(contents, cache_of(resource.cache), None, None))


class Prompts:
    """The export ``prompts``."""

    def list_prompts(self, request: Any, cursor: str | None) -> Any:
        """Return all prompts; in a dynamic component those of the request."""
        no_second_page(cursor)
        if not ToolOptions.dynamic:
            return _PROMPT_PAGE
        return _listed("prompts", request, listed_prompts, _prompt_page)

    def get_prompt(self, request: Any, name: str) -> Any:
        """Get the messages of a prompt; return None for an unknown name."""
        context = _context(request)
        prompt = _offered("prompts", name, context, offered_prompt) if ToolOptions.dynamic else _PROMPTS.get(name)
        if prompt is None:
            return None
        return _answered("prompt", name, lambda: _got(prompt.get(request.arguments(), context)))


def _got(result: Any) -> Any:
    if isinstance(result, InputRequiredResult):
        return prompt_exports.Outcome_InputRequired(input_required_to_wit(result))
    messages = []
    for message in result.messages:
        content = Text(message.content) if isinstance(message.content, str) else message.content
        messages.append(types.PromptMessage(types.Role[message.role.upper()], block_of(content)))
    found = types.PromptResult(text_of(result.description), messages, json_text(result.meta), None)
    return prompt_exports.Outcome_Complete(found)


class Completions:
    """The export ``completions``."""

    def list_references(self, request: Any) -> Any:  # noqa: ARG002
        """Return the prompts and templates whose arguments have completions, those of all requests.

        The composer reads them to dispatch completions; those of dynamic components are passed along the chain.
        """
        return _REFERENCES

    def complete(self, request: Any, reference: Any, argument: Any, context: list[tuple[str, str]]) -> Any:
        """Complete an argument; return None for an unknown prompt or template."""
        by_name = isinstance(reference, types.CompletionReference_Prompt)
        context_of_call = _context(request)
        item: Prompt | Resource | None
        if not ToolOptions.dynamic:
            item = _PROMPTS.get(reference.value) if by_name else _TEMPLATES.get(reference.value)
        elif by_name:
            item = _offered("prompts", reference.value, context_of_call, offered_prompt)
        else:
            item = _offered("resource templates", reference.value, context_of_call, offered_template)
        if item is None:
            return None
        member = item.variables.get(argument.name)
        if member is None:
            problem = f"`{reference.value}` has no argument `{argument.name}`"
            raise refused(McpError(INVALID_PARAMS, problem))
        completer = item.completers.get(argument.name) or next(
            (one for one in _COMPLETERS if one.is_for(item.reference, item.function, argument.name)), None
        )
        return _answered(
            "completion",
            reference.value,
            lambda: _completion(propose(completer, member, argument.value, dict(context), context_of_call)),
        )


def _completion(found: Any) -> Any:
    values = [sendable(value) for value in found.values]
    if isinstance(found, Choices):
        return completion_exports.Outcome_Choices(values)
    return completion_exports.Outcome_Complete(types.Completion(values, found.total, found.has_more))


def _answered(kind: str, name: str, answer: Any) -> Any:
    """Return an answer; turn every exception into a JSON-RPC error, because any other would trap."""
    try:
        return answer()
    except McpError as error:
        raise refused(error) from None
    except BaseException as error:  # noqa: BLE001 - what is sent holds whatever the author put there
        report(kind, name, error)
        raise refused(McpError(INTERNAL_ERROR, f"Error answering for {kind} {name}")) from None
    finally:
        _flush()


def _flush() -> None:
    """Flush the output of ``print``: the interpreter does not do it at the end of a call."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001, S110 - replaced or closed by the author; not worth an answer
        pass
