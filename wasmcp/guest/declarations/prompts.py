"""Declared prompts, and completions for their arguments and for the variables of resource templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from wasmcp.guest.call_errors import FAILED_PROMPT, INVALID_PROMPT, MISMATCH, OBJECT
from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.content import BLOCKS, Icon, Message, PromptResult
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.options import Condition, Description, PerRequest, tagged
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.errors import McpError, MismatchError
from wasmcp.guest.json_types.base import Mismatches, documentation_around, json_type_name
from wasmcp.guest.json_types.conversions import dump_any, load_text, proposals_of
from wasmcp.guest.json_types.json_codec import decode, encode
from wasmcp.guest.json_types.records import Member
from wasmcp.guest.json_types.uris import normalized_template
from wasmcp.guest.mrtr import INVALID_PARAMS, InputRequiredResult

LIMIT = 100
"""Maximum number of values in a response: more of an iterator are not read. Specification: schema `CompleteResult`."""


@dataclass(frozen=True)
class Completion:
    """Completion values with their number. Specification: schema `CompleteResult`.

    Attributes:
        values: The values, the best first; at most 100 are sent.
        total: The number of all possible values; None if it is unknown.
        has_more: True if further values exist.
    """

    values: Sequence[str]
    total: int | None = None
    has_more: bool | None = None


@dataclass(frozen=True)
class Choices:
    """Values to select from: those that begin with the partial value, regardless of case, are sent.

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


class Prompt(PerRequest):
    """A declared prompt.

    Args:
        function: The author's function.
        name: The name that clients request; by default the function's name.
        title: A display name.
        description: The description, or a function that returns it for a request; by default the docstring's text.
        enabled: A function that returns True if the prompt exists for a request.
        icons: Icons for user interfaces.
        meta: The prompt's ``_meta``.
        tags: Tags by which filters of a server select the prompt.
        scopes: Scopes that the principal of a request needs for the prompt.
        names: Names that annotations can use in addition to those of the module.

    Attributes:
        identity: The name.
        reference: The same; completion requests name the prompt by it.
        variables: The arguments, by name.
        completers: The completions of arguments that were passed with it.

    Raises:
        DeclarationError: The function cannot become a prompt.
        NameError: An annotation uses a name that does not exist yet.
    """

    kind: ClassVar = "prompt"
    completers: Mapping[str, Completer] = MappingProxyType({})

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: Description | None = None,
        enabled: Condition | None = None,
        icons: Sequence[Icon] = (),
        meta: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        scopes: Sequence[str] = (),
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        given = self._depend(enabled, description)
        self._signature = Signature(function, "prompt", names)
        self.name = self.identity = self.reference = function.__name__ if name is None else name
        if not self.name:
            raise self._signature.refused(None, "it needs a name")
        self.title = title
        text = self._signature.with_result(self._signature.documentation.description)
        self.description = text if given is None else given
        self.icons = tuple(icons)
        self.meta = tagged(self._signature, meta, tags, scopes)
        self.variables = {member.name: member for member in self._signature.members}
        for argument, words in self._signature.words().items():
            member = self.variables[argument]
            # Lists have only a title and a description for each argument.
            member.documentation = {
                **documentation_around(member.json_type),
                **member.documentation,
                "description": words,
            }
        self._required = tuple(name for name, member in self.variables.items() if member.required)

    def get(self, arguments: str | None, context: Context) -> PromptResult | InputRequiredResult:
        """Get the messages of the prompt as a client does.

        Args:
            arguments: The arguments as JSON text, an object of strings; None counts as ``{}``.
            context: The call; it has expired when this method returns.

        Returns:
            The prompt, all of its messages `Message`, or the requests to the client that are pending.

        Raises:
            McpError: Getting the prompt failed.
        """
        try:
            with masked("prompt", self.name, FAILED_PROMPT.format(self.name)):
                value = self._signature.call(self.loaded(arguments), context)
                return value if type(value) is InputRequiredResult else self._result(value)
        finally:
            context._expire()  # noqa: SLF001 - of this package

    def loaded(self, arguments: str | None) -> dict[str, Any]:
        """Return the arguments, converted to the types of the parameters.

        Raises:
            McpError: Arguments do not fit, are missing or unknown.
        """
        try:
            given = decode(arguments) if arguments else {}
        except (ValueError, RecursionError) as error:
            raise self._invalid(f"they are not JSON that can be read: {error}") from None
        if type(given) is not dict:
            raise self._invalid(OBJECT)
        loaded: dict[str, Any] = {}
        wrong = Mismatches()
        for name, text in given.items():
            member = self.variables.get(name)
            if member is None:
                wrong.unexpected(name, self.variables)
            elif type(text) is not str:
                wrong.add(MismatchError(MISMATCH.format("string", json_type_name(text))), name)
            else:
                try:
                    loaded[name] = load_text(member.json_type, text)
                except MismatchError as mismatch:
                    # Clients send the empty string for an empty field of their form: use the default.
                    if text or member.required:
                        wrong.add(mismatch, name)
        for name in self._required:
            if name not in given:
                wrong.missing(name)
        try:
            wrong.check()
        except MismatchError as mismatch:
            raise self._invalid(str(mismatch)) from None
        return loaded

    def _invalid(self, reason: str) -> McpError:
        return McpError(INVALID_PARAMS, INVALID_PROMPT.format(self.name, reason))

    def _result(self, value: Any) -> PromptResult:
        result = value if isinstance(value, PromptResult) else PromptResult(_messages(value))
        messages = [item if isinstance(item, Message) else Message("user", item) for item in result.messages]
        for message in messages:
            if message.role not in ("user", "assistant") or not isinstance(message.content, (str, *BLOCKS)):
                raise TypeError(f"prompt `{self.name}` returned an invalid message: {message!r:.100}")
        description = self.description if result.description is None else result.description
        return PromptResult(messages, description, result.meta)


def _messages(value: Any) -> list[Any]:
    if isinstance(value, (str, Message, *BLOCKS)):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, Message, *BLOCKS)) for item in value):
        return list(value)
    try:
        return [encode(dump_any(value))]
    except MismatchError as mismatch:
        raise TypeError(
            f"a prompt returns a string, messages, content blocks or a value that JSON can hold: {mismatch}"
        ) from None
