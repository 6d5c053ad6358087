"""The events of a build, told to those who watch it. Printed, each is one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BuildEvent:
    """Something that happened during a build: see its subclasses."""


@dataclass(frozen=True)
class CompilationStarted(BuildEvent):
    """A source is being compiled.

    Attributes:
        component: The component's name.
        source: The source as the project names it.
    """

    component: str
    source: str

    def __str__(self) -> str:
        return f"compiling component `{self.component}` ({self.source})"


@dataclass(frozen=True)
class CompilationFinished(BuildEvent):
    """A source has become a component.

    Attributes:
        component: The component's name.
        size: Of the component, in bytes.
        seconds: The time that it took.
    """

    component: str
    size: int
    seconds: float

    def __str__(self) -> str:
        return f"compiled component `{self.component}`: {_kilobytes(self.size)}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class CompilationFailed(BuildEvent):
    """A source does not compile; the error itself is raised when the others have ended.

    Attributes:
        component: The component's name.
        seconds: The time that it took.
    """

    component: str
    seconds: float

    def __str__(self) -> str:
        return f"component `{self.component}` does not compile ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class ServerComposed(BuildEvent):
    """A server has been composed.

    Attributes:
        server: The server's key.
        file: Its file, relative to the project.
        size: Of the file, in bytes.
    """

    server: str
    file: str
    size: int

    def __str__(self) -> str:
        return f"composed server `{self.server}`: {self.file}, {_kilobytes(self.size)}"


@dataclass(frozen=True)
class Note(BuildEvent):
    """Words of a compiler, a package manager or a registry, or a warning.

    Attributes:
        text: One line.
    """

    text: str

    def __str__(self) -> str:
        return self.text


Progress = Callable[[BuildEvent], None]
"""Called with each event of a build, from several threads."""


def notes(progress: Progress) -> Callable[[str], None]:
    """Return a function that passes lines on as notes."""
    return lambda line: progress(Note(line))


def lines(told: Callable[[str], None]) -> Progress:
    """Return a function that passes events on as lines."""
    return lambda event: told(str(event))


def _kilobytes(size: int) -> str:
    return f"{size / 1024:,.0f} KB"
