"""Registries of the declarations of a component's modules, in the order of declaration."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar

from wasmcp.guest.declarations import signature
from wasmcp.guest.declarations.options import PerRequest, Source
from wasmcp.guest.declarations.prompts import Completer, Prompt
from wasmcp.guest.declarations.resources import Cache, Resource
from wasmcp.guest.declarations.rules import (
    Execution,
    ToolOptions,
    check_open,
    executions_of,
    is_again,
    is_interactive,
    is_refused,
    refuse,
    refusing,
)
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.errors import DeclarationError, place_of


class Declared(Protocol):
    """A tool, a resource, a prompt or a completion."""

    function: Callable[..., Any]

    @property
    def identity(self) -> Hashable:
        """The identifier for clients, unique within its kind; used in messages as a string."""


D = TypeVar("D", bound=Declared)


class _Entry(Generic[D]):
    """One declaration. It is described at once, or when all modules are imported.

    Args:
        function: The author's function.
        executions: The executions of modules that the declaration belongs to.
        make: Makes the description; it gets further names that annotations can use.

    Attributes:
        described: The description; None while annotations refer to names that are defined later.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        executions: tuple[Execution, ...],
        make: Callable[[Mapping[str, Any] | None], D],
    ) -> None:
        self.function = function
        self.executions = executions
        self.make = make
        self.described: D | None = None


class Registry(Generic[D]):
    """The declarations of one kind.

    Attributes:
        kind: The name of the kind, for messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: list[_Entry[D]] = []

    def declare(
        self, make: Callable[[Mapping[str, Any] | None], D], function: Callable[..., Any], frame: FrameType
    ) -> None:
        """Add a declaration. A declaration of a module that is imported again replaces the earlier one.

        Args:
            make: Makes the description; it gets further names that annotations can use.
            function: The author's function.
            frame: The frame of the declaration: annotations of nested functions can use its local names.

        Raises:
            DeclarationError: The function cannot be described, its name is taken, or the component is already built.
        """
        check_open(function, self.kind)
        entry = _Entry(function, executions_of(function, frame), make)
        try:
            with refusing():
                entry.described = make(dict(frame.f_locals))
        except NameError:
            self._entries.append(entry)
            return
        if entry.described is None:
            return
        for index, known in enumerate(self._entries):
            if known.described is not None and known.described.identity == entry.described.identity:
                if is_again(entry.executions, known.executions) or is_interactive(function, known.function):
                    self._entries[index] = entry
                else:
                    refuse(self._taken(entry.described, known.described))
                return
        self._entries.append(entry)

    def swap(self, entries: list[_Entry[D]]) -> list[_Entry[D]]:
        """Replace all declarations, and return the previous ones."""
        before, self._entries = self._entries, entries
        return before

    def _describe(self, entry: _Entry[D]) -> D:
        try:
            return entry.make(None)
        except NameError as error:
            reason = f"its annotations name `{error.name}`, which does not exist; imported only for type checking?"
            raise DeclarationError(entry.function, None, reason, kind=self.kind) from error

    def _taken(self, new: D, known: D) -> DeclarationError:
        line = (place_of(known.function) or ("", 0))[1]
        reason = f"`{new.identity}` is already the {self.kind} at line {line} of `{known.function.__module__}`"
        if place_of(known.function) == place_of(new.function):
            reason += ": the same lines declare it each time they run, so give it another name each time"
        return DeclarationError(new.function, None, reason, kind=self.kind)

    def all(self) -> dict[Hashable, D]:
        """Return the declarations by identity.

        Raises:
            DeclarationError: Annotations refer to a name that does not exist.
        """
        found: dict[Hashable, _Entry[D]] = {}
        for entry in list(self._entries):
            with refusing():
                self._add(entry, found)
            if entry.described is None or found.get(entry.described.identity) is not entry:
                self._entries.remove(entry)
        return {identity: entry.described for identity, entry in found.items() if entry.described is not None}

    def _add(self, entry: _Entry[D], found: dict[Hashable, _Entry[D]]) -> None:
        described = entry.described = entry.described or self._describe(entry)
        known = found.get(described.identity)
        if known is not None and known.described is not None:
            if not is_again(entry.executions, known.executions):
                raise self._taken(described, known.described)
            self._entries.remove(known)
        found[described.identity] = entry

    def of(self, function: Callable[..., Any]) -> D:
        """Return the declaration of a decorated function.

        Raises:
            LookupError: The function is not declared as this kind.
        """
        for known in self.all().values():
            if known.function is function:
                return known
        name = getattr(function, "__qualname__", repr(function))
        raise LookupError(f"`{name}` is not a {self.kind}: it is not decorated with `@{self.kind}`")


TOOLS: Registry[Tool] = Registry("tool")
RESOURCES: Registry[Resource] = Registry("resource")
PROMPTS: Registry[Prompt] = Registry("prompt")
COMPLETIONS: Registry[Completer] = Registry("completion")
TOOL_SOURCES: Registry[Source[Tool]] = Registry("source of tools")
RESOURCE_SOURCES: Registry[Source[Resource]] = Registry("source of resources")
PROMPT_SOURCES: Registry[Source[Prompt]] = Registry("source of prompts")
SOURCES: tuple[Registry[Any], ...] = (TOOL_SOURCES, RESOURCE_SOURCES, PROMPT_SOURCES)
REGISTRIES: tuple[Registry[Any], ...] = (TOOLS, RESOURCES, PROMPTS, COMPLETIONS, *SOURCES)


class ListCache:
    """The cache hint of the component's lists.

    Attributes:
        cache: The hint; None: the server decides.
    """

    cache: Cache | None = None


@contextlib.contextmanager
def fresh_declarations() -> Iterator[None]:
    """Use empty registries inside a ``with`` block, and restore the previous ones at its end.

    For tests with their own tools, resources, prompts, completions and providers: a second declaration of the same
    name is an error.
    """
    known = [registry.swap([]) for registry in REGISTRIES]
    cache, ListCache.cache = ListCache.cache, None
    with signature.fresh_providers():
        try:
            yield
        finally:
            ListCache.cache = cache
            for registry, entries in zip(REGISTRIES, known, strict=True):
                registry.swap(entries)


def registered() -> dict[str, Tool]:
    """Return the declared tools by name; see `Registry.all`."""
    return {tool.name: tool for tool in TOOLS.all().values()}


def check() -> int:
    """Describe all declarations, and return their number.

    Raises:
        DeclarationError: A function cannot be described, a completion has no target or is a duplicate, or something
            is made for each request in a component that is not dynamic.
    """
    named: list[Prompt | Resource] = list(PROMPTS.all().values())
    named += [resource for resource in RESOURCES.all().values() if resource.is_template]
    known = [(item.reference, item.function, item.variables) for item in named]
    completed: dict[tuple[str, str], Completer] = {}
    for completer in COMPLETIONS.all().values():
        if not is_refused(completer.target):
            with refusing():
                _check_completer(completer, known, completed)
    entries: list[PerRequest] = [*TOOLS.all().values(), *RESOURCES.all().values(), *PROMPTS.all().values()]
    sources = [(registry.kind, source) for registry in SOURCES for source in registry.all().values()]
    if not ToolOptions.dynamic:
        for entry in entries:
            if entry.dynamic_option is not None:
                place = f"`{entry.dynamic_option}`"
                refuse(DeclarationError(entry.function, place, _NEEDS_DYNAMIC, kind=entry.kind))
        for kind, source in sources:
            refuse(DeclarationError(source.function, None, _NEEDS_DYNAMIC, kind=kind))
    return len(entries) + len(sources)


def check_declared(refused: list[DeclarationError]) -> None:
    """Describe all declarations; see `check`.

    Args:
        refused: The errors so far.

    Raises:
        DeclarationError: The declarations have further errors that cannot be collected.
        LookupError: Nothing is declared.
    """
    if not check() and not refused:
        raise LookupError("nothing is declared: decorate a function with `wasmcp.guest.tool`")


_NEEDS_DYNAMIC = (
    "it is called for each request, but the lists of this component are recorded when it is built: set "
    '`dynamic = true` and `grants = ["middleware"]` in its table'
)


def _check_completer(
    completer: Completer,
    known: Sequence[tuple[str, Callable[..., Any], Mapping[str, Any]]],
    completed: dict[tuple[str, str], Completer],
) -> None:
    reference = completer.check(known)
    other = completed.setdefault((reference, completer.argument), completer)
    if other is not completer:
        name = other.function.__qualname__
        reason = f"`{completer.argument}` of `{reference}` is completed by `{name}` already"
        raise DeclarationError(completer.function, None, reason, kind="completion")


def tool_of(function: Callable[..., Any]) -> Tool:
    """Return the tool of a decorated function, to test its schema or the results that a client would get.

    Raises:
        LookupError: The function is not a tool.
    """
    return TOOLS.of(function)


def resource_of(function: Callable[..., Any]) -> Resource:
    """Return the resource of a decorated function; see `tool_of`."""
    return RESOURCES.of(function)


def prompt_of(function: Callable[..., Any]) -> Prompt:
    """Return the prompt of a decorated function; see `tool_of`."""
    return PROMPTS.of(function)
