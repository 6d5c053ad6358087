"""Declarations of dynamic components: entries that depend on the request, and functions that make entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar, Generic, Self, TypeVar

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature

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
