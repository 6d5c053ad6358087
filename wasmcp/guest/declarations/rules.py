"""Rules of declaring: how long it is possible, what may replace what, and where refusals go.

Declarations are made while modules are imported. In a component that is while it is built: what a component offers is
in its lists by then, so that a later declaration could not reach a client.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, NamedTuple

from wasmcp.guest.errors import DeclarationError, place_of

_closed = False
_refused: list[list[DeclarationError]] = []
_warnings: list[dict[str, Any]] = []


class Execution(NamedTuple):
    """One execution of a module's code.

    Attributes:
        module: The module's name.
        spec: The module's spec: importing it again makes a new one.
        namespace: The module's namespace: `importlib.reload` keeps it, running a script again makes a new one.
    """

    module: str
    spec: object
    namespace: dict[str, Any]


def executions_of(function: Callable[..., Any], frame: FrameType) -> tuple[Execution, ...]:
    """Return the executions that a declaration comes from: of the function's module and of the declaring one.

    Args:
        function: The author's function.
        frame: The frame that declares it.
    """
    namespaces = (getattr(inspect.unwrap(function), "__globals__", frame.f_globals), frame.f_globals)
    return tuple(Execution(str(names.get("__name__")), names.get("__spec__"), names) for names in namespaces)


def is_again(new: Iterable[Execution], known: Iterable[Execution]) -> bool:
    """Return whether a declaration repeats a known one because a module was executed again, as by a reload."""
    return any(
        one.module == other.module and (one.spec is not other.spec or one.namespace is not other.namespace)
        for one in new
        for other in known
    )


def is_interactive(*functions: Callable[..., Any]) -> bool:
    """Return whether functions are of an interactive session, where one is defined again as often as it is changed."""
    return hasattr(sys, "ps1") and all(function.__module__ == "__main__" for function in functions)


def check_open(function: Callable[..., Any], kind: str) -> None:
    """Make sure that something can still be declared.

    Raises:
        DeclarationError: The component is built.
    """
    if _closed:
        reason = (
            "it is declared during a call, and what a component offers is fixed when it is built: declare it when its "
            "module is imported"
        )
        raise DeclarationError(function, None, reason, kind=kind)


def is_closed() -> bool:
    """Return whether the component is built, so that nothing can be declared any more."""
    return _closed


def close() -> None:
    """End declaring: the lists of the component are made."""
    global _closed  # noqa: PLW0603 - of the interpreter in a component
    _closed = True


@contextlib.contextmanager
def collected() -> Iterator[list[DeclarationError]]:
    """Collect the declarations that are refused meanwhile, so that all of a component are reported at once."""
    found: list[DeclarationError] = []
    _refused.append(found)
    try:
        yield found
    finally:
        _refused.pop()


def refuse(error: DeclarationError) -> None:
    """Raise an error, or collect it while somebody does.

    Raises:
        DeclarationError: The error.
    """
    if not _refused:
        raise error
    _refused[-1].append(error)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Hand errors of declarations to `refuse`."""
    try:
        yield
    except DeclarationError as error:
        refuse(error)


def is_refused(target: Callable[..., Any] | str) -> bool:
    """Return whether what a completion is for may be one of the prompts and resources that were refused."""
    refused = [error for error in (_refused[-1] if _refused else ()) if error.kind in ("prompt", "resource")]
    return bool(refused) and (isinstance(target, str) or place_of(target) in [error.place for error in refused])


def warn(function: Callable[..., Any], message: str) -> None:
    """Warn of something that is declared: on the report of a build, natively as Python does."""
    file, line = place_of(function) or ("", 0)
    if _refused:
        _warnings.append({"file": file, "line": line, "message": message})
    else:
        warnings.warn_explicit(message, UserWarning, file, line)


def warned() -> list[dict[str, Any]]:
    """Return the warnings since the last time: file, line and message of each."""
    found = list(_warnings)
    _warnings.clear()
    return found
