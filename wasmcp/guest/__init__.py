"""What an author imports inside a Python component.

.. code-block:: python

    from wasmcp.guest import tool

    @tool
    def reverse(text: str) -> str:
        '''Reverse a text.'''
        return text[::-1]

The same function stays callable in a plain unit test. Standard library only: this package runs inside wasm, and
natively on every Python that wasmcp supports.
"""

from __future__ import annotations

from wasmcp.guest.content import (
    Annotations,
    Audio,
    ContentBlock,
    EmbeddedResource,
    Icon,
    Image,
    InputRequest,
    InputRequired,
    ResourceLink,
    Text,
    ToolResult,
)
from wasmcp.guest.context import Context, HttpRequest, Identity
from wasmcp.guest.errors import ContextExpired, DeclarationError, ToolError
from wasmcp.guest.field import Field
from wasmcp.guest.registry import tool

__all__ = [
    "Annotations",
    "Audio",
    "ContentBlock",
    "Context",
    "ContextExpired",
    "DeclarationError",
    "EmbeddedResource",
    "Field",
    "HttpRequest",
    "Icon",
    "Identity",
    "Image",
    "InputRequest",
    "InputRequired",
    "ResourceLink",
    "Text",
    "ToolError",
    "ToolResult",
    "tool",
]
