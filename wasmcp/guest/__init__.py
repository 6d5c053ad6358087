"""Public API for authors of Python components.

.. code-block:: python

    from wasmcp.guest import tool

    @tool
    def reverse(text: str) -> str:
        '''Reverse a text.'''
        return text[::-1]

A decorated function stays callable, for example in a unit test. Standard library only: this package runs inside
WebAssembly, and natively on every Python version that wasmcp supports.
"""

from __future__ import annotations

from wasmcp.guest.client_requests import Elicited, Root, Roots, Sampled, ToolCall
from wasmcp.guest.content import (
    Annotations,
    Audio,
    ContentBlock,
    EmbeddedResource,
    Icon,
    Image,
    InputRequest,
    InputRequired,
    Message,
    PromptResult,
    ResourceLink,
    Text,
    ToolResult,
)
from wasmcp.guest.context import Context, HttpRequest, Identity
from wasmcp.guest.declarations.decorators import (
    app,
    cache_lists,
    completion,
    prompt,
    resource,
    skill,
    tool,
)
from wasmcp.guest.declarations.dynamic import (
    dynamic_prompts,
    dynamic_resources,
    dynamic_tools,
    make_prompt,
    make_resource,
    make_tool,
)
from wasmcp.guest.declarations.options import App, Csp, Task
from wasmcp.guest.declarations.prompts import Choices, Completion, Prompt
from wasmcp.guest.declarations.resources import Cache, Resource, ResourceContents
from wasmcp.guest.declarations.signature import provider
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.errors import (
    DeclarationError,
    ExpiredContextError,
    McpError,
    MissingCapabilityError,
    NotGrantedError,
    ResourceNotFoundError,
    ToolError,
)
from wasmcp.guest.json_types.annotated import Field

__all__ = [
    "Annotations",
    "App",
    "Audio",
    "Cache",
    "Choices",
    "Completion",
    "ContentBlock",
    "Context",
    "Csp",
    "DeclarationError",
    "Elicited",
    "EmbeddedResource",
    "ExpiredContextError",
    "Field",
    "HttpRequest",
    "Icon",
    "Identity",
    "Image",
    "InputRequest",
    "InputRequired",
    "McpError",
    "Message",
    "MissingCapabilityError",
    "NotGrantedError",
    "Prompt",
    "PromptResult",
    "Resource",
    "ResourceContents",
    "ResourceLink",
    "ResourceNotFoundError",
    "Root",
    "Roots",
    "Sampled",
    "Task",
    "Text",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "app",
    "cache_lists",
    "completion",
    "dynamic_prompts",
    "dynamic_resources",
    "dynamic_tools",
    "make_prompt",
    "make_resource",
    "make_tool",
    "prompt",
    "provider",
    "resource",
    "skill",
    "tool",
]
