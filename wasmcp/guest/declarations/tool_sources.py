"""Functions that make tools for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.declarations.tools import Tool


class DynamicTools:
    """A declared function that makes tools for a request.

    Args:
        function: The author's function.
        names: Names that annotations can use in addition to those of the module.

    Attributes:
        identity: The function.

    Raises:
        DeclarationError: The function has parameters other than a context and provided objects.
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(self, function: Callable[..., Any], names: Mapping[str, Any] | None = None) -> None:
        self.function = self.identity = function
        self._signature = Signature(function, "source of tools", names)
        if self._signature.members:
            name = self._signature.members[0].name
            raise self._signature.refused(f"parameter `{name}`", "only a `Context` and objects of providers are passed")

    def make(self, context: Context) -> list[Tool]:
        """Return the tools for a request.

        Raises:
            TypeError: The function returned something else.
        """
        made = self._signature.call({}, context)
        if isinstance(made, InputRequiredResult):
            raise TypeError("a list of tools cannot send requests to the client: only tools, resources and prompts can")
        tools = list(made or ())
        for tool in tools:
            if not isinstance(tool, Tool):
                name = self.function.__qualname__
                raise TypeError(f"`{name}` must return tools of `make_tool`, not {type(tool).__qualname__}")
        return tools
