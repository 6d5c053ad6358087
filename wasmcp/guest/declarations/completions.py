"""What is proposed while the argument of a prompt or the variable of a template is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from wasmcp.guest.client_requests.mrtr import Wanted
from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.text_params import proposals_of
from wasmcp.guest.json_types.uris import normalized_template

LIMIT = 100
"""So many values may be sent. Specification: schema `CompleteResult`."""


@dataclass(frozen=True)
class Completion:
    """Proposed values, for a function that wants to say how many there are. Specification: `CompleteResult`.

    Attributes:
        values: The best first; at most 100 are sent.
        total: How many there are altogether.
        has_more: Whether there are more than these.
    """

    values: Sequence[str]
    total: int | None = None
    has_more: bool | None = None


class Completed(NamedTuple):
    """An argument of a prompt or of a resource with a template, as a completion names it.

    Attributes:
        target: The function, the name of the prompt, or the template.
        argument: The argument or variable.
    """

    target: Callable[..., Any] | str
    argument: str

    def __str__(self) -> str:
        named = self.target if isinstance(self.target, str) else f"{self.target.__module__}.{self.target.__qualname__}"
        return f"{self.argument} of {named}"


class Completer:
    """A declared completion.

    Args:
        function: The author's function: takes what is typed so far, perhaps the other arguments, perhaps the `Context`.
        target: What it completes: a decorated function, the name of a prompt, or a URI template.
        argument: The argument or variable.
        names: Names that annotations may use beside those of their module.

    Attributes:
        identity: What it completes.

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
            reason = "it takes what is typed so far and, if it wants, the other arguments: `(value: str)` or"
            raise self._signature.refused(None, f"{reason} `(value: str, arguments: Mapping[str, str])`")

    def is_for(self, name: str, function: Callable[..., Any], argument: str) -> bool:
        """Whether it completes an argument of a prompt or template."""
        return argument == self.argument and (name in self._references or self.target is function)

    def check(self, known: Iterable[tuple[str, Callable[..., Any], Iterable[str]]]) -> str:
        """Return the name or the template of what it completes.

        Args:
            known: Name or template, function and arguments of all prompts and templates.

        Raises:
            DeclarationError: It does not exist.
        """
        for name, function, arguments in known:
            if name in self._references or self.target is function:
                if self.argument in arguments:
                    return name
                raise self._signature.refused(None, f"`{name}` has no argument `{self.argument}`")
        what = self.target if isinstance(self.target, str) else getattr(self.target, "__qualname__", self.target)
        raise self._signature.refused(None, f"`{what}` is neither a prompt nor a resource with a URI template")

    def complete(self, value: str, arguments: Mapping[str, str], context: Context) -> Any:
        """Return what the function returns."""
        given: dict[str, Any] = dict(zip(self._names, (value, dict(arguments)), strict=False))
        return self._signature.call(given, context)


def _references(target: object) -> tuple[str, ...]:
    """Return how completion requests may name a target that is given as text: a name, or a template in normal form."""
    if not isinstance(target, str):
        return ()
    try:
        return target, normalized_template(target).text
    except ValueError:
        return (target,)


def propose(
    completer: Completer | None, member: Member, value: str, arguments: Mapping[str, str], context: Context
) -> Completion:
    """Return the proposals for an argument: of its function, else the values that its type allows.

    Args:
        completer: Of the argument; None when there is none.
        member: The argument.
        value: What is typed so far.
        arguments: The arguments that are filled in already.
        context: The call; it has expired when this returns.

    Raises:
        McpError: Whatever goes wrong.
    """
    try:
        if completer is None:
            begun = value.casefold()
            return _bounded([item for item in proposals_of(member.shape) if item.casefold().startswith(begun)])
        with masked("completion", str(completer.identity), f"Error completing {completer.argument}"):
            found = completer.complete(value, arguments, context)
            if isinstance(found, Wanted):
                raise TypeError("a completion cannot ask the client: only tools, resources and prompts can")
            if isinstance(found, Completion):
                return _checked(found)
            if found is None:
                return Completion([])
            if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
                raise TypeError(f"a completion returns strings, not {type(found).__qualname__}")
            return _bounded(list(found) if isinstance(found, Sequence) else list(islice(found, LIMIT + 1)))
    finally:
        context._expire()  # noqa: SLF001 - of this package


def _bounded(values: Sequence[Any]) -> Completion:
    more = len(values) > LIMIT
    return _checked(Completion(values[:LIMIT], None if more else len(values), more))


def _checked(found: Completion) -> Completion:
    values = list(found.values)
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"a completion returns strings, not {type(value).__qualname__}")
    if len(values) <= LIMIT:
        return Completion(values, found.total, found.has_more)
    return Completion(values[:LIMIT], found.total, True)  # noqa: FBT003 - has_more


def has_completions(variables: Mapping[str, Member]) -> bool:
    """Whether some argument completes by its type."""
    return any(proposals_of(member.shape) for member in variables.values())
