"""Dependency injection: objects that handlers share, made once in each instance, when first needed.

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
from types import CoroutineType
from typing import Any, TypeVar

from wasmcp.guest.declarations.rules import Execution, check_open, executions_of, is_again, is_interactive, refuse
from wasmcp.guest.errors import DeclarationError, UnsupportedTypeError, place_of
from wasmcp.guest.json_types.annotations import Resolver, written

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
        refuse(_refused(function, None, "only a plain function that returns the object can be a provider"))
        return function
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions can use its local names
    try:
        hints = Resolver(frame.f_locals).hints(function)
    except (UnsupportedTypeError, NameError) as error:
        refuse(_refused(function, None, f"its annotations cannot be read: {error}"))
        return function
    made = hints.get("return")
    if not _is_own(made):
        reason = f"its return annotation must be a class of your own or a `NewType`, not `{made}`"
        refuse(_refused(function, None, reason))
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
            reason = "it has no provider: a provider gets only objects of other providers, declared before it"
            refuse(_refused(function, f"parameter `{name}`", reason))
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
