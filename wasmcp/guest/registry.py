"""What a component's modules declare, in the order of declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from wasmcp.guest.completions import Completer
from wasmcp.guest.errors import DeclarationError, place_of
from wasmcp.guest.prompts import Prompt
from wasmcp.guest.resources import Cache, Resource
from wasmcp.guest.tools import Tool


class Declared(Protocol):
    """A tool, a resource, a prompt or a completion."""

    function: Callable[..., Any]

    @property
    def identity(self) -> str:
        """What clients know it by, unique among its kind."""


D = TypeVar("D", bound=Declared)


class Registry(Generic[D]):
    """The declarations of one kind.

    Args:
        kind: What they are, for messages.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        # One whose annotations name what is defined only after it is described later.
        self._items: list[D | Callable[[], D]] = []

    def declare(
        self, make: Callable[[Mapping[str, Any] | None], D], function: Callable[..., Any], names: Mapping[str, Any]
    ) -> None:
        """Add a declaration.

        Args:
            make: Describes the function; gets names that its annotations may use.
            function: The author's function.
            names: The names around it.

        Raises:
            DeclarationError: It cannot be described, or its name is taken.
        """
        try:
            described = make(dict(names))
        except NameError:
            self._items.append(lambda: self._late(make, function))
            return
        for index, known in enumerate(self._items):
            if not callable(known) and known.identity == described.identity:
                if _origin(known.function) != _origin(function):
                    raise self._taken(described, known)
                self._items[index] = described  # the module was imported again
                return
        self._items.append(described)

    def _late(self, make: Callable[[Mapping[str, Any] | None], D], function: Callable[..., Any]) -> D:
        try:
            return make(None)
        except NameError as error:
            reason = f"its annotations name `{error.name}`, which does not exist; imported only for type checking?"
            raise DeclarationError(function, None, reason, kind=self._kind) from error

    def _taken(self, new: D, known: D) -> DeclarationError:
        line = (place_of(known.function) or ("", 0))[1]
        reason = f"`{new.identity}` is already the {self._kind} at line {line} of `{known.function.__module__}`"
        return DeclarationError(new.function, None, reason, kind=self._kind)

    def all(self) -> dict[str, D]:
        """Return what is declared, by identity.

        Raises:
            DeclarationError: One cannot be described after all: its annotations name something that does not exist.
        """
        found: dict[str, D] = {}
        for index, item in enumerate(self._items):
            described: D = item() if callable(item) else item
            known = found.setdefault(described.identity, described)
            if known is not described:
                raise self._taken(described, known)
            self._items[index] = described
        return found

    def of(self, function: Callable[..., Any]) -> D:
        """Return what a decorated function is.

        Raises:
            LookupError: It is not one of these.
        """
        for known in self.all().values():
            if known.function is function:
                return known
        name = getattr(function, "__qualname__", repr(function))
        raise LookupError(f"`{name}` is not a {self._kind}: it is not decorated with `@{self._kind}`")


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


TOOLS: Registry[Tool] = Registry("tool")
RESOURCES: Registry[Resource] = Registry("resource")
PROMPTS: Registry[Prompt] = Registry("prompt")
COMPLETIONS: Registry[Completer] = Registry("completion")


class ListCache:
    """How long the component's lists may be kept.

    Attributes:
        cache: The hint; None: as long as the server says.
    """

    cache: Cache | None = None


def registered() -> dict[str, Tool]:
    """Return the declared tools by name; see `Registry.all`."""
    return TOOLS.all()


def check() -> int:
    """Describe everything that is declared, and return how much it is.

    Raises:
        DeclarationError: Something cannot be described, or completes what does not exist.
    """
    named: list[Prompt | Resource] = list(PROMPTS.all().values())
    named += [resource for resource in RESOURCES.all().values() if resource.is_template]
    known = [(item.reference, item.function, item.variables) for item in named]
    for completer in COMPLETIONS.all().values():
        completer.check(known)
    return len(TOOLS.all()) + len(RESOURCES.all()) + len(PROMPTS.all())


def tool_of(function: Callable[..., Any]) -> Tool:
    """Return the tool that a decorated function is, for tests of its schema or of what a client would get.

    Raises:
        LookupError: It is not a tool.
    """
    return TOOLS.of(function)


def resource_of(function: Callable[..., Any]) -> Resource:
    """Return the resource that a decorated function is; see `tool_of`."""
    return RESOURCES.of(function)


def prompt_of(function: Callable[..., Any]) -> Prompt:
    """Return the prompt that a decorated function is; see `tool_of`."""
    return PROMPTS.of(function)
