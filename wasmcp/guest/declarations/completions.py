"""Completions for the arguments of prompts and the variables of resource templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.texts import proposals_of
from wasmcp.guest.json_types.uris import normalized_template

LIMIT = 100
"""Maximum number of values in a response: more of an iterator are not read. Specification: schema `CompleteResult`."""


@dataclass(frozen=True)
class Completion:
    """Completion values with their number. Specification: schema `CompleteResult`.

    Attributes:
        values: The values, the best first; at most 100 are sent.
        total: The number of all possible values; without it, the values are all there are, unless `has_more`.
        has_more: True if further values exist.
    """

    values: Sequence[str]
    total: int | None = None
    has_more: bool | None = None


@dataclass(frozen=True)
class Choices:
    """Values of which those that begin with the text typed are sent, regardless of case.

    Attributes:
        values: The values, the best first.
    """

    values: Iterable[str]


class Completed(NamedTuple):
    """An argument of a prompt or of a resource template, as a completion refers to it.

    Attributes:
        target: The function, the name of the prompt, or the template.
        argument: The name of the argument or variable.
    """

    target: Callable[..., Any] | str
    argument: str

    def __str__(self) -> str:
        named = self.target if isinstance(self.target, str) else f"{self.target.__module__}.{self.target.__qualname__}"
        return f"{self.argument} of {named}"


class Completer:
    """A declared completion.

    Args:
        function: The author's function. It takes the text typed so far, and optionally the other arguments and the
            `Context`.
        target: The completed declaration: a decorated function, the name of a prompt, or a URI template.
        argument: The name of the argument or variable.
        names: Names that annotations can use in addition to those of the module.

    Attributes:
        identity: The completed argument.

    Raises:
        DeclarationError: The function cannot become a completion.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        target: Callable[..., Any] | str,
        argument: str,
        *,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self.target = target
        self.argument = argument
        self._signature = Signature(function, "completion", names)
        self._references = _references(target)
        self.identity = Completed(target, argument)
        self._names = [member.name for member in self._signature.members]
        if not 1 <= len(self._names) <= 2:
            reason = "it must take the text typed so far and, optionally, the other arguments: `(value: str)` or"
            raise self._signature.refused(None, f"{reason} `(value: str, arguments: Mapping[str, str])`")

    def is_for(self, name: str, function: Callable[..., Any], argument: str) -> bool:
        """Return True if this completes an argument of a prompt or template."""
        return argument == self.argument and (name in self._references or self.target is function)

    def check(self, known: Iterable[tuple[str, Callable[..., Any], Iterable[str]]]) -> str:
        """Return the name or the template of the completed declaration.

        Args:
            known: Name or template, function and arguments of all prompts and templates.

        Raises:
            DeclarationError: The prompt, template or argument does not exist.
        """
        for name, function, arguments in known:
            if name in self._references or self.target is function:
                if self.argument in arguments:
                    return name
                raise self._signature.refused(None, f"`{name}` has no argument `{self.argument}`")
        what = self.target if isinstance(self.target, str) else getattr(self.target, "__qualname__", self.target)
        raise self._signature.refused(None, f"`{what}` is neither a prompt nor a resource with a URI template")

    def complete(self, value: str, arguments: Mapping[str, str], context: Context) -> Any:
        """Call the function and return its result."""
        given: dict[str, Any] = dict(zip(self._names, (value, dict(arguments)), strict=False))
        return self._signature.call(given, context)


def _references(target: object) -> tuple[str, ...]:
    """Return the references that completion requests can use for a target given as text: a name, or a template."""
    if not isinstance(target, str):
        return ()
    try:
        return target, normalized_template(target).text
    except ValueError:
        return (target,)


def propose(
    completer: Completer | None, member: Member, value: str, arguments: Mapping[str, str], context: Context
) -> Completion | Choices:
    """Return the completions of an argument: from its function, or else the values that its type allows.

    Args:
        completer: The completion of the argument; None without one.
        member: The argument.
        value: The text typed so far.
        arguments: The arguments that are already filled in.
        context: The call; it has expired when this function returns.

    Raises:
        McpError: The completion failed.
    """
    try:
        if completer is None:
            return Choices(proposals_of(member.json_type))
        with masked("completion", str(completer.identity), f"Error completing {completer.argument}"):
            found = completer.complete(value, arguments, context)
            if isinstance(found, InputRequiredResult):
                raise TypeError("only tools, resources and prompts can send requests to the client")
            if isinstance(found, Completion):
                return Completion(_texts(found.values), found.total, found.has_more)
            if isinstance(found, Choices):
                return Choices(_texts(found.values))
            if found is None:
                return Choices([])
            if isinstance(found, Iterator):
                first = _texts(islice(found, LIMIT + 1))
                return Completion(first[:LIMIT], has_more=len(first) > LIMIT)
            return Completion(_texts(found))
    finally:
        context._expire()  # noqa: SLF001 - of this package


def _texts(values: Any) -> list[str]:
    """Return a list of strings.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"a completion returns strings, not {type(values).__qualname__}")
    found = list(values)
    for value in found:
        if not isinstance(value, str):
            raise TypeError(f"a completion returns strings, not {type(value).__qualname__}")
    return found


def has_completions(variables: Mapping[str, Member]) -> bool:
    """Return True if some argument has a type with few values."""
    return any(proposals_of(member.json_type) for member in variables.values())
