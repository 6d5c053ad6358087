"""Features of FastMCP and the official SDK that a component does not have, refused by name."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from wasmcp.guest.declarations.rules import refuse, warn_at
from wasmcp.guest.errors import DeclarationError

_HERE = __name__.rpartition(".")[0]


class UnsupportedFeatureError(DeclarationError):
    """A feature of FastMCP or the official SDK that a component does not have.

    Attributes:
        feature: The name of the method or argument.
        advice: The way to get the same with wasmcp.
        place: The file and the line of its use.
    """

    def __init__(self, feature: str, advice: str, place: tuple[str, int] | None) -> None:
        TypeError.__init__(self, f"`{feature}` is not available in a component: {advice}")
        self.kind = "server"
        self.tool = feature
        self.parameter = None
        self.feature = feature
        self.advice = advice
        self.place = place


def author_frame() -> FrameType:
    """Return the innermost frame outside this package: the author's line."""
    frame = sys._getframe(1)  # noqa: SLF001 - the line to name in messages
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_HERE):
        frame = frame.f_back
    return frame


def refuse_feature(feature: str, advice: str) -> None:
    """Refuse a feature; while a component is built, the error is collected with the others.

    Raises:
        UnsupportedFeatureError: The error, outside of a build.
    """
    frame = author_frame()
    refuse(UnsupportedFeatureError(feature, advice, (frame.f_code.co_filename, frame.f_lineno)))


def warn_of(message: str) -> None:
    """Warn of an argument that has no effect in a component."""
    frame = author_frame()
    warn_at(frame.f_code.co_filename, frame.f_lineno, message)


class RefusedMethod:
    """A method that is refused when it is used, on the class and on its objects.

    Args:
        advice: The way to get the same with wasmcp.
    """

    def __init__(self, advice: str) -> None:
        self.advice = advice
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type) -> Any:
        def refused(*given: Any, **_: Any) -> Any:
            refuse_feature(self.name, self.advice)
            # Reached in a build only, where further errors are to be found: also by a decorator.
            return given[0] if given and callable(given[0]) else (lambda function: function)

        return refused
