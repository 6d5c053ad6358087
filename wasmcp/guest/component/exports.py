"""Exports of the component for its declarations: tools, resources, prompts and completions.

Imported inside a component only, because the bindings exist only there. componentize-py calls the classes.
"""

from __future__ import annotations

import io
import sys
from functools import partial
from typing import Any

from wit_world.exports import completions as completion_exports  # type: ignore[import-not-found]
from wit_world.exports import prompts as prompt_exports
from wit_world.exports import resources as resource_exports
from wit_world.exports import tools as tool_exports
from wit_world.imports import types  # type: ignore[import-not-found]

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
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
from wasmcp.guest.context import SESSIONS, Context
from wasmcp.guest.declarations.completions import Choices, has_completions, propose
from wasmcp.guest.declarations.decorators import listed_tools, offered_tool
from wasmcp.guest.declarations.prompts import Prompt
from wasmcp.guest.declarations.registry import COMPLETIONS, PROMPTS, RESOURCES, TOOLS, ListCache
from wasmcp.guest.declarations.resources import Part, Resource
from wasmcp.guest.declarations.rules import close
from wasmcp.guest.declarations.tool_options import ToolOptions
from wasmcp.guest.declarations.tool_results import Rendered
from wasmcp.guest.errors import McpError
from wasmcp.guest.json_types.json_codec import sendable
from wasmcp.guest.json_types.uris import key_of

# A component has no standard input: reading from it must return the end of the input instead of a trap.
sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # type: ignore[misc]

if "asyncio" in sys.modules:
    from wasmcp.guest.component.event_loop import install

    install()

try:
    from wasmcp.guest.session_wasi import open_session
except ImportError:  # the component was built without the grant `sessions`
    pass
else:
    SESSIONS.append(open_session)


def _outcome(rendered: Rendered) -> Any:
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
_TOOL_PAGE = tool_exports.Page([tool_of(tool) for tool in _TOOLS.values()], None, _CACHE)
_PROMPT_PAGE = prompt_exports.Page([prompt_of(prompt) for prompt in _PROMPTS.values()], None, _CACHE)
_RESOURCE_PAGE = resource_exports.Page([resource_of(resource) for resource in _RESOURCES.values()], None, _CACHE)
_TEMPLATE_PAGE = resource_exports.TemplatePage([template_of(item) for item in _TEMPLATES.values()], None, _CACHE)


def _references() -> list[Any]:
    """Return all prompts with arguments and templates if any has completions: clients can name the others, too."""
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
        return _answered("list of", "tools", partial(_listed, _context(request))) if ToolOptions.dynamic else _TOOL_PAGE

    def call_tool(self, request: Any, name: str) -> Any:
        """Call a tool; return None for an unknown name."""
        context = _context(request)
        if ToolOptions.dynamic:
            tool = _answered("list of", "tools", partial(offered_tool, name, context))
        else:
            tool = _TOOLS.get(name)
        if tool is None:
            return None
        try:
            outcome = _outcome(tool.call(request.arguments(), context))
        except McpError as error:
            raise refused(error) from None
        except BaseException as error:  # noqa: BLE001 - content blocks hold whatever the author put there
            report("tool", name, error)
            content = types.TextContent(f"Error executing tool {name}", None, None)
            result = types.ToolResult([types.Content_Text(content)], None, True, None, None)  # noqa: FBT003
            outcome = tool_exports.Outcome_Complete(result)
        finally:
            _flush()
        return outcome


def _listed(context: Context) -> Any:
    try:
        return tool_exports.Page([tool_of(tool) for tool in listed_tools(context)], None, _CACHE)
    finally:
        context._expire()  # noqa: SLF001 - of this package


class Resources:
    """The export ``resources``."""

    def list_resources(self, request: Any, cursor: str | None) -> Any:  # noqa: ARG002
        """Return all resources with a fixed URI."""
        no_second_page(cursor)
        return _RESOURCE_PAGE

    def list_templates(self, request: Any, cursor: str | None) -> Any:  # noqa: ARG002
        """Return all resource templates."""
        no_second_page(cursor)
        return _TEMPLATE_PAGE

    def read_resource(self, request: Any, uri: str) -> Any:
        """Read a resource; return None for an unknown URI. Fixed URIs have precedence over templates."""
        resource = _RESOURCES.get(key_of(uri))
        found: dict[str, str | list[str]] = {}
        if resource is None:
            match = request.match_template(uri, _PATTERNS) if _PATTERNS else None
            if match is None:
                return None
            resource = list(_TEMPLATES.values())[match.template]
            found = resource.values(match.variables)
        return _answered("resource", uri, partial(_read, resource, uri, found, _context(request)))


def _read(resource: Resource, uri: str, found: Any, context: Context) -> Any:
    read = resource.read(uri, found, context)
    if isinstance(read, InputRequiredResult):
        return resource_exports.Outcome_InputRequired(input_required_to_wit(read))
    contents = [_part(part) for part in read]
    return resource_exports.Outcome_Complete(types.ResourceResult(contents, cache_of(resource.cache), None, None))


class Prompts:
    """The export ``prompts``."""

    def list_prompts(self, request: Any, cursor: str | None) -> Any:  # noqa: ARG002
        """Return all prompts."""
        no_second_page(cursor)
        return _PROMPT_PAGE

    def get_prompt(self, request: Any, name: str) -> Any:
        """Get the messages of a prompt; return None for an unknown name."""
        prompt = _PROMPTS.get(name)
        if prompt is None:
            return None
        return _answered("prompt", name, lambda: _got(prompt.get(request.arguments(), _context(request))))


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
        """Return the prompts and templates whose arguments have completions."""
        return _REFERENCES

    def complete(self, request: Any, reference: Any, argument: Any, context: list[tuple[str, str]]) -> Any:
        """Complete an argument; return None for an unknown prompt or template."""
        by_name = isinstance(reference, types.CompletionReference_Prompt)
        item = _PROMPTS.get(reference.value) if by_name else _TEMPLATES.get(reference.value)
        if item is None:
            return None
        member = item.variables.get(argument.name)
        if member is None:
            problem = f"`{reference.value}` has no argument `{argument.name}`"
            raise refused(McpError(INVALID_PARAMS, problem))
        completer = next((one for one in _COMPLETERS if one.is_for(item.reference, item.function, argument.name)), None)
        return _answered(
            "completion",
            reference.value,
            lambda: _completion(propose(completer, member, argument.value, dict(context), _context(request))),
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
