"""Parameters of a declared function: their JSON types, the injected `Context` and the objects of providers.

.. code-block:: python

    from wasmcp.guest import provider, tool

    class Dictionary: ...

    @provider
    def dictionary() -> Dictionary:
        return Dictionary.load()

    @tool
    def define(word: str, dictionary: Dictionary) -> str:
        '''Explain a word.'''
        return dictionary.explain(word)

A parameter whose annotation is a provider's return type gets the object; clients do not see the parameter. In a plain
call of the function it is an ordinary argument.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import CoroutineType
from typing import Annotated, Any, TypeVar

from wasmcp.guest.content import InputRequired
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.docstring import parse_docstring
from wasmcp.guest.declarations.rules import (
    NOT_OWN,
    NOT_PLAIN,
    NOT_PROVIDED,
    STARRED,
    UNTYPED,
    Execution,
    check_open,
    executions_of,
    is_again,
    is_interactive,
    refuse,
    warn,
)
from wasmcp.guest.errors import DeclarationError, UnsupportedTypeError, place_of
from wasmcp.guest.json_types import annotated
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.annotations import Resolver, written
from wasmcp.guest.json_types.base import Definitions, documented, inlined
from wasmcp.guest.json_types.conversions import coerced
from wasmcp.guest.json_types.records import Member, default_of, documentation_of, load_members
from wasmcp.guest.mrtr import InputRequiredSignal, input_required_of

F = TypeVar("F", bound=Callable[..., Any])

_KIND = "provider"


class _Provider:
    """A declared provider: its function, and the types of its own parameters."""

    def __init__(
        self, function: Callable[..., Any], executions: tuple[Execution, ...], needs: Mapping[str, Any]
    ) -> None:
        self.function = function
        self.executions = executions
        self.needs = dict(needs)


PROVIDERS: dict[Any, _Provider] = {}
"""Providers by the type of their object."""

ARGUMENTS: dict[Any, tuple[Callable[..., Any], str, str]] = {}
"""Types of arguments that clients send: a function with such a parameter, its kind and the parameter's name."""

_made: list[dict[Any, Any]] = [{}]


def provider(function: F) -> F:
    """Declare a function that makes a shared object for dependency injection.

    It is called once in each instance of the component, when a handler with such a parameter is called first. It can
    take objects of other providers, and can be ``async def``. An instance answers one call at a time, but calls of
    different clients: do not store data of one client in the object. Declare the provider above the handlers that use
    it.

    Args:
        function: The function. Its return annotation is the type that parameters are matched with: a class of your
            own, or a `typing.NewType` to distinguish several objects of one class.

    Raises:
        DeclarationError: The return annotation is missing, another provider has the same one, a parameter has no
            provider, or the component is already built.
    """
    check_open(function, _KIND)
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain) or inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        refuse(_refused(function, None, NOT_PLAIN.format("the object", _KIND)))
        return function
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions can use its local names
    try:
        hints = Resolver(frame.f_locals).hints(function)
    except (UnsupportedTypeError, NameError) as error:
        refuse(_refused(function, None, f"its annotations cannot be read: {error}"))
        return function
    made = hints.get("return")
    if not _is_own(made):
        refuse(_refused(function, None, NOT_OWN.format(made)))
        return function
    executions = executions_of(function, frame)
    known = PROVIDERS.get(made)
    if known is not None:
        other = known.function
        if not is_again(executions, known.executions) and not is_interactive(function, other):
            line = (place_of(other) or ("", 0))[1]
            reason = f"`{written(made)}` is already made by `{other.__qualname__}`, line {line} of `{other.__module__}`"
            refuse(_refused(function, None, reason))
            return function
    if made in ARGUMENTS:
        user, kind, parameter = ARGUMENTS[made]
        reason = f"it is made by the provider `{function.__name__}`, which must be declared before"
        refuse(DeclarationError(user, f"parameter `{parameter}`", reason, kind=kind))
    needs = {}
    for name, parameter_ in inspect.signature(function).parameters.items():
        needed = provided_type(hints.get(name))
        if needed is None and parameter_.default is parameter_.empty:
            refuse(_refused(function, f"parameter `{name}`", NOT_PROVIDED))
        if needed is not None:
            needs[name] = needed
    if inspect.iscoroutinefunction(plain) and sys.platform == "wasi":
        import wasmcp.guest.component.event_loop  # noqa: F401 - a component cannot import it at run time
    PROVIDERS[made] = _Provider(function, executions, needs)  # also after an error, to avoid errors of its users
    return function


def provided_type(annotation: Any) -> Any:
    """Return the provided type of an annotation; None if it has no provider."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    try:
        return annotation if annotation in PROVIDERS else None
    except TypeError:  # unhashable
        return None


def provide(kind: Any) -> Any:
    """Return the shared object of a type, and make it at first use."""
    made = _made[-1]
    if kind not in made:
        known = PROVIDERS[kind]
        value = known.function(**{name: provide(needed) for name, needed in known.needs.items()})
        if type(value) is CoroutineType:
            from wasmcp.guest.component.event_loop import run

            value = run(value)
        made[kind] = value
    return made[kind]


@contextmanager
def fresh_instance(provided: Mapping[Any, Any] | None = None) -> Iterator[None]:
    """Use new shared objects inside a ``with`` block, as a new instance of the component would.

    .. code-block:: python

        def test_define():
            with fresh_instance({Dictionary: Dictionary({"cat": "an animal"})}):
                assert tool_of(define).call('{"word": "cat"}', LocalContext()).structured == '{"result":"an animal"}'

    Args:
        provided: Objects by their types, to use instead of those of the providers.
    """
    made = dict(provided or {})
    _made.append(made)
    try:
        yield
    finally:
        _made.pop()


@contextmanager
def fresh_providers() -> Iterator[None]:
    """Use empty registries of providers inside a ``with`` block, and restore the previous ones at its end."""
    held: tuple[dict[Any, Any], ...] = (PROVIDERS, ARGUMENTS)
    before = [dict(one) for one in held]
    for one in held:
        one.clear()
    try:
        yield
    finally:
        for one, known in zip(held, before, strict=True):
            one.clear()
            one.update(known)


def remember_argument(annotation: Any, function: Callable[..., Any], kind: str, parameter: str) -> None:
    """Record that clients send values of a type, to detect a provider that is declared too late."""
    if _is_own(annotation):
        ARGUMENTS.setdefault(annotation, (function, kind, parameter))


def _is_own(annotation: Any) -> bool:
    if isinstance(annotation, typing.NewType):
        return True
    return isinstance(annotation, type) and annotation.__module__ not in {"builtins", "typing", "collections.abc"}


def _refused(function: Callable[..., Any], place: str | None, reason: str) -> DeclarationError:
    return DeclarationError(function, place, reason, kind=_KIND)


class Signature:
    """The parameters of a function, and its call with JSON values.

    Args:
        function: The author's function.
        kind: The kind of declaration, for messages.
        names: Names that annotations can use in addition to those of the module.
        open_ended: True if the function can take further arguments as ``**arguments``.

    Attributes:
        documentation: The parsed docstring.
        returned: The return annotation; ``Any`` without one.
        members: The parameters that clients send.
        resolver: The resolver of the annotations.
        takes_members_only: True if a call passes the members by name, and nothing else.
        uses_context: True if a call uses its context: for a parameter, a shared object, or while a coroutine waits.

    Raises:
        DeclarationError: A parameter has no JSON type.
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        kind: str,
        names: Mapping[str, Any] | None = None,
        *,
        open_ended: bool = False,
    ) -> None:
        self.function = function
        self.kind = kind
        plain = inspect.unwrap(function)
        if not inspect.isfunction(plain) or inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
            raise self.refused(None, NOT_PLAIN.format("its result", kind))
        self.documentation = parse_docstring(function.__doc__, tuple(inspect.signature(function).parameters))
        self.resolver = Resolver(names)
        try:
            hints = self.resolver.hints(function)
        except UnsupportedTypeError as error:
            raise self.refused(None, str(error)) from error
        self.returned = hints.get("return", Any)
        self._context: list[str] = []
        self._provided: list[tuple[str, Any]] = []
        self._positional: list[tuple[str, Any]] = []
        self._renamed: list[tuple[str, str]] = []
        self._defaults: list[tuple[str, Callable[[], Any]]] = []
        self._rest = False
        self.members = self._parameters(hints, open_ended=open_ended)
        self._json_types = {member.name: member.json_type for member in self.members}
        self._required = tuple(member.name for member in self.members if member.required)
        self.uses_context = bool(self._context or self._provided) or inspect.iscoroutinefunction(plain)
        self.takes_members_only = not (
            self._context or self._provided or self._positional or self._renamed or self._defaults or self._rest
        )
        for line in self.documentation.unread:
            self.unread(f"its docstring has `{line}`")
        if inspect.iscoroutinefunction(plain) and sys.platform == "wasi":
            import wasmcp.guest.component.event_loop  # noqa: F401 - at run time there is nothing to import from

    def unread(self, problem: str) -> None:
        """Warn of text that could not be parsed and stays in a description."""
        reason = f"{problem}, which is about none of its parameters; the text stays in the description"
        warn(self.function, f"{self.kind} `{self.function.__qualname__.rpartition('<locals>.')[2]}`: {reason}")

    def with_result(self, description: str | None) -> str | None:
        """Return a description with the text about the result, for lists that have no other place for it."""
        returns = self.documentation.returns
        return "\n\n".join(filter(None, (description, returns and f"Returns: {returns}"))) or None

    def words(self) -> dict[str, str]:
        """Return the whole text of each parameter, for lists that have no place for the documentation within a type."""
        definitions = Definitions([member.json_type for member in self.members], output=True)
        found = {}
        for member in self.members:
            texts = dict.fromkeys(_texts(documented(member.json_type.schema(definitions), member.documentation)))
            if texts:
                found[member.name] = "\n\n".join(texts)
        return found

    def refused(self, place: str | None, reason: str) -> DeclarationError:
        """Return the error for a function that cannot be declared."""
        return DeclarationError(self.function, place, reason, kind=self.kind)

    def _parameters(self, hints: dict[str, Any], *, open_ended: bool) -> list[Member]:
        members = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            place = f"parameter `{name}`"
            if parameter.kind is parameter.VAR_KEYWORD and open_ended:
                self._rest = True
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
                raise self.refused(place, STARRED.format(f"{stars}{name}"))
            if parameter.kind is parameter.POSITIONAL_ONLY:
                self._positional.append((name, parameter.default))
            if name not in hints:
                raise self.refused(place, UNTYPED.format(self.kind))
            if _is_context(hints[name]):
                self._context.append(name)
                continue
            hint, default = hints[name], parameter.default
            if annotated.is_field(default):
                hint, default = Annotated[hint, default], inspect.Parameter.empty
            provided = provided_type(hint)
            if provided is not None:
                self._provided.append((name, provided))
                continue
            remember_argument(hint, self.function, self.kind, name)
            members.append(self._member(name, default, hint, place))
        return members

    def _member(self, name: str, default: Any, hint: Any, place: str) -> Member:
        if isinstance(default, Field):
            raise self.refused(place, f"write `Annotated[{written(hint)}, Field(...)]`, not a default")
        field = annotated.field_of(hint)
        if field is not None and default is inspect.Parameter.empty and not field.is_required():
            self._defaults.append((name, partial(field.get_default, call_default_factory=True)))
            default = field.get_default(call_default_factory=True)
        alias = None if field is None else field.validation_alias
        if alias is not None and alias != name:
            if not isinstance(alias, str):
                raise self.refused(place, f"`Field(validation_alias={alias!r})`: a parameter has one name, a string")
            self._renamed.append((alias, name))
        required = default is inspect.Parameter.empty
        try:
            json_type = self.resolver.json_type(hint)
            shown = {} if required else default_of(json_type, default)
        except UnsupportedTypeError as error:
            raise self.refused(place_of_member(place, error), str(error)) from error
        documentation = documentation_of(hint)
        if name in self.documentation.parameters:
            documentation.setdefault("description", self.documentation.parameters[name])
        documentation.update(shown)
        return Member(alias or name, json_type, required=required, returned=True, documentation=documentation)

    def schema(self, *, references: bool = False) -> dict[str, Any]:
        """Return the JSON Schema of the arguments.

        Args:
            references: True to use ``$ref`` for types that occur twice.
        """
        definitions = Definitions([member.json_type for member in self.members])
        schema: dict[str, Any] = {"type": "object"}
        if self.members:
            schema["properties"] = {member.name: self._schema_of(member, definitions) for member in self.members}
        if self._required:
            schema["required"] = list(self._required)
        schema["additionalProperties"] = False
        whole = definitions.finish(schema)
        return whole if references else inlined(whole)

    def _schema_of(self, member: Member, definitions: Definitions) -> dict[str, Any]:
        try:
            return member.schema(definitions)
        except UnsupportedTypeError as error:
            raise self.refused(f"parameter `{member.name}`", str(error)) from error

    def load(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments, converted to the types of the parameters.

        Raises:
            MismatchError: Arguments do not fit, are missing or unknown.
        """
        if self._rest:
            known = {name: value for name, value in given.items() if name in self._json_types}
            return {**given, **load_members(self._json_types, self._required, known)}
        return load_members(self._json_types, self._required, given)

    def coerced(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return arguments with JSON inside strings decoded where the type requires it; see `json_types.texts`."""
        json_types = self._json_types
        return {
            name: coerced(json_types[name], value) if name in json_types else value for name, value in given.items()
        }

    def call(self, loaded: dict[str, Any], context: Context) -> Any:
        """Call the function with converted arguments, and run a coroutine to its end.

        Returns:
            The function's result; an `InputRequiredResult` if requests to the client are pending.
        """
        positional = () if self.takes_members_only else self._complete(loaded, context)
        try:
            return self.completed(self.function(*positional, **loaded), context)
        except InputRequiredSignal:
            return context._get_client_requests().input_required()  # noqa: SLF001 - of this package

    def completed(self, value: Any, context: Context) -> Any:
        """Run a coroutine that the function returned to its end; return what `call` returns.

        Raises:
            InputRequiredSignal: Requests to the client are pending.
        """
        if type(value) is CoroutineType:
            from wasmcp.guest.component.event_loop import run

            value = run(value, context._idle)  # noqa: SLF001 - of this package
        client_requests = context._client_requests  # noqa: SLF001
        if client_requests is not None and client_requests.waiting:
            return client_requests.input_required()  # the function caught the `InputRequiredSignal`
        if isinstance(value, InputRequired):
            return input_required_of(value)
        return value

    def _complete(self, loaded: dict[str, Any], context: Context) -> list[Any]:
        """Add what clients do not send to the arguments, and return those that are passed by position."""
        for sent, name in self._renamed:
            if sent in loaded:
                loaded[name] = loaded.pop(sent)
        for name, make in self._defaults:
            if name not in loaded:
                loaded[name] = make()
        for name in self._context:
            loaded[name] = context
        for name, kind in self._provided:
            loaded[name] = provide(kind)
        return [loaded.pop(name, default) for name, default in self._positional]


def _texts(schema: Any) -> Iterator[str]:
    """Yield the descriptions in a schema, that of the schema itself first."""
    if isinstance(schema, list):
        for item in schema:
            yield from _texts(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            yield schema["description"]
        for key, value in schema.items():
            if key == "properties":
                for member in value.values():
                    yield from _texts(member)
            elif key in ("anyOf", "items", "prefixItems", "additionalProperties", "propertyNames"):
                yield from _texts(value)


def place_of_member(place: str, error: UnsupportedTypeError) -> str:
    """Return the place of an annotation without a JSON type, below a parameter."""
    members = ".".join(reversed(error.path))
    return f"{place}, member `{members}`" if members else place


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Context)
    return any(map(_is_context, typing.get_args(annotation)))
