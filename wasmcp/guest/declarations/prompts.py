"""Declared prompts: their description for clients, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from wasmcp.guest.client_requests.mrtr import INVALID_PARAMS, InputRequiredResult
from wasmcp.guest.component.error_reporting import masked
from wasmcp.guest.content import BLOCKS, Icon, Message, PromptResult
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.completions import Completer
from wasmcp.guest.declarations.meta import tagged
from wasmcp.guest.declarations.per_request import Condition, Description, PerRequest
from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.errors import McpError, MismatchError
from wasmcp.guest.json_types.base import Mismatches, documentation_around, json_type_name
from wasmcp.guest.json_types.json_codec import decode, encode
from wasmcp.guest.json_types.texts import load_text
from wasmcp.guest.json_types.untyped_json import dump_any


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
            with masked("prompt", self.name, f"Error getting prompt {self.name}"):
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
            raise self._invalid("expected an object")
        loaded: dict[str, Any] = {}
        wrong = Mismatches()
        for name, text in given.items():
            member = self.variables.get(name)
            if member is None:
                wrong.unexpected(name, self.variables)
            elif type(text) is not str:
                wrong.add(MismatchError(f"expected string, got {json_type_name(text)}"), name)
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
        return McpError(INVALID_PARAMS, f"Invalid arguments for prompt {self.name}: {reason}")

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
