"""Objects that handlers share: made once in each instance, when the first of them is called that takes one.

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

A parameter whose annotation is a provider's return type gets the object; clients do not see the parameter. A plain call
of the function is given it like any other argument.
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
    """A function that makes a shared object, where it was declared, and what it takes itself."""

    def __init__(
        self, function: Callable[..., Any], executions: tuple[Execution, ...], needs: Mapping[str, Any]
    ) -> None:
        self.function = function
        self.executions = executions
        self.needs = dict(needs)


PROVIDERS: dict[Any, _Provider] = {}
"""By the type of what they make."""

ARGUMENTS: dict[Any, tuple[Callable[..., Any], str, str]] = {}
"""Types that clients give: a function with such a parameter, what the function became, the parameter's name."""

_made: list[dict[Any, Any]] = [{}]


def provider(function: F) -> F:
    """Declare a function that makes an object which handlers share.

    It is called when the first handler is called that takes such an object, once in each instance of the component; it
    may take objects of other providers. It may be ``async def``. An instance answers one call at a time, but calls of
    different clients: what belongs to one of them has no place in it. Declare it above what takes its object.

    Args:
        function: Its return annotation is the type that parameters are matched with: a class of your own, or a
            `typing.NewType` to tell several of one class apart.

    Raises:
        DeclarationError: It does not say what it makes, somebody else makes it, it takes what nobody provides, or the
            component is built already.
    """
    check_open(function, _KIND)
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain) or inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        refuse(_refused(function, None, "only a plain function that returns the object can be a provider"))
        return function
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions name what is around them
    try:
        hints = Resolver(frame.f_locals).hints(function)
    except (UnsupportedTypeError, NameError) as error:
        refuse(_refused(function, None, f"its annotations cannot be read: {error}"))
        return function
    made = hints.get("return")
    if not _is_own(made):
        reason = f"it must say what it makes: a class of your own or a `NewType` as return annotation, not `{made}`"
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
            reason = "nobody provides it: a provider gets nothing but what other providers, declared before, make"
            refuse(_refused(function, f"parameter `{name}`", reason))
        if needed is not None:
            needs[name] = needed
    if inspect.iscoroutinefunction(plain) and sys.platform == "wasi":
        import wasmcp.guest.component.event_loop  # noqa: F401 - at run time there is nothing to import from
    PROVIDERS[made] = _Provider(function, executions, needs)  # also a refused one, so that its users are not refused
    return function


def provided_type(annotation: Any) -> Any:
    """Return the type that is provided for an annotation; None: it is not provided."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    try:
        return annotation if annotation in PROVIDERS else None
    except TypeError:  # unhashable
        return None


def provide(kind: Any) -> Any:
    """Return the shared object of a type, made now if it is not there yet."""
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
    """Behave as a new instance of the component for a while: shared objects are made anew, and forgotten at the end.

    .. code-block:: python

        def test_define():
            with fresh_instance({Dictionary: Dictionary({"cat": "an animal"})}):
                assert tool_of(define).call('{"word": "cat"}', LocalContext()).structured == '{"result":"an animal"}'

    Args:
        provided: Objects by their types, instead of what the providers make.
    """
    made = dict(provided or {})
    _made.append(made)
    try:
        yield
    finally:
        _made.pop()


@contextmanager
def fresh_providers() -> Iterator[None]:
    """Forget the declared providers for a while, and those that are declared meanwhile at the end."""
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
    """Note that clients give a value of a type, so that a provider of it comes too late."""
    if _is_own(annotation):
        ARGUMENTS.setdefault(annotation, (function, kind, parameter))


def _is_own(annotation: Any) -> bool:
    if isinstance(annotation, typing.NewType):
        return True
    return isinstance(annotation, type) and annotation.__module__ not in {"builtins", "typing", "collections.abc"}


def _refused(function: Callable[..., Any], place: str | None, reason: str) -> DeclarationError:
    return DeclarationError(function, place, reason, kind=_KIND)
