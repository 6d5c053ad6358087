"""Rules of declarations: their time, replacement by reloads, the reporting of errors, and default options of tools.

Declarations are made while modules are imported, for a component while it is built. Then its lists are recorded, so
that a later declaration could not reach a client.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple

from wasmcp.guest.errors import DeclarationError, place_of

NOT_PLAIN = "only a plain function that returns {} can be a {}"
NOT_OWN = "its return annotation must be a class of your own or a `NewType`, not `{}`"
NOT_PROVIDED = "it has no provider: a provider gets only objects of other providers, declared before it"
STARRED = "`{}` has no JSON Schema: name each argument, or take a list"
UNTYPED = "it has no annotation: a {}'s parameters need types"

_closed = False
_refused: list[list[DeclarationError]] = []
_warnings: list[dict[str, Any]] = []


class Execution(NamedTuple):
    """One execution of a module's code.

    Attributes:
        module: The name of the module.
        spec: The spec of the module: a new import makes a new one.
        namespace: The namespace of the module: `importlib.reload` keeps it, a new run of a script makes a new one.
    """

    module: str
    spec: object
    namespace: dict[str, Any]


def executions_of(function: Callable[..., Any], frame: FrameType) -> tuple[Execution, ...]:
    """Return the executions that a declaration belongs to: of the function's module and of the declaring module.

    Args:
        function: The author's function.
        frame: The frame of the declaration.
    """
    namespaces = (getattr(inspect.unwrap(function), "__globals__", frame.f_globals), frame.f_globals)
    return tuple(Execution(str(names.get("__name__")), names.get("__spec__"), names) for names in namespaces)


def is_again(new: Iterable[Execution], known: Iterable[Execution]) -> bool:
    """Return True if a declaration repeats a known one because its module was executed again, as by a reload."""
    return any(
        one.module == other.module and (one.spec is not other.spec or one.namespace is not other.namespace)
        for one in new
        for other in known
    )


def is_interactive(*functions: Callable[..., Any]) -> bool:
    """Return True for functions of an interactive session, where an author can define one again at any time."""
    return hasattr(sys, "ps1") and all(function.__module__ == "__main__" for function in functions)


def check_open(function: Callable[..., Any], kind: str) -> None:
    """Check that declarations are still possible.

    Raises:
        DeclarationError: The component is already built.
    """
    if _closed:
        reason = (
            "it is declared during a call, but lists are recorded when the component is built: declare it when its "
            "module is imported, with `enabled` if it exists for some requests only; or make it for each request in a "
            "function with `@dynamic_tools`, `@dynamic_resources` or `@dynamic_prompts`"
        )
        raise DeclarationError(function, None, reason, kind=kind)


def is_closed() -> bool:
    """Return True if the component is built, so that declarations are not possible any more."""
    return _closed


def close() -> None:
    """End declarations: the lists of the component are being recorded."""
    global _closed  # noqa: PLW0603 - of the interpreter in a component
    _closed = True


def reopen() -> None:
    """Allow declarations again, after a test of calls of a finished component."""
    global _closed  # noqa: PLW0603
    _closed = False


@contextlib.contextmanager
def collected() -> Iterator[list[DeclarationError]]:
    """Collect errors of declarations inside a ``with`` block, to report all errors of a component at once."""
    found: list[DeclarationError] = []
    _refused.append(found)
    try:
        yield found
    finally:
        _refused.pop()


def refuse(error: DeclarationError) -> None:
    """Raise an error, or collect it inside `collected`.

    Raises:
        DeclarationError: The error.
    """
    if not _refused:
        raise error
    _refused[-1].append(error)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Pass errors of declarations inside a ``with`` block to `refuse`."""
    try:
        yield
    except DeclarationError as error:
        refuse(error)


def is_refused(target: Callable[..., Any] | str) -> bool:
    """Return True if the target of a completion can be one of the prompts and resources with errors."""
    refused = [error for error in (_refused[-1] if _refused else ()) if error.kind in ("prompt", "resource")]
    return bool(refused) and (isinstance(target, str) or place_of(target) in [error.place for error in refused])


def warn(function: Callable[..., Any], message: str) -> None:
    """Warn of a declaration: in the report of a build, natively by `warnings`."""
    warn_at(*(place_of(function) or ("", 0)), message)


def warn_at(file: str, line: int, message: str) -> None:
    """Warn of a line of the author's; see `warn`."""
    if _refused:
        _warnings.append({"file": file, "line": line, "message": message})
    else:
        warnings.warn_explicit(message, UserWarning, file, line)


def warned() -> list[dict[str, Any]]:
    """Return the warnings since the last call: file, line and message of each."""
    found = list(_warnings)
    _warnings.clear()
    return found


class ToolOptions:
    """Options of all tools that do not set them.

    Attributes:
        coerce: True to accept JSON inside strings as arguments; see `wasmcp.guest.json_types.conversions`.
        dynamic: True if the component's lists are made for each request.
        references: True to use ``$ref`` in input schemas for types that occur twice.
    """

    coerce = False
    references = False
    dynamic = False

    @classmethod
    def update(cls, options: Mapping[str, bool]) -> None:
        """Set some of the options."""
        for name in ("coerce", "references", "dynamic"):
            if name in options:
                setattr(cls, name, options[name])
