"""Events of a build, passed to a progress callback. The text of each is one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BuildEvent:
    """Event during a build: see the subclasses."""


@dataclass(frozen=True)
class CompilationStarted(BuildEvent):
    """Start of the compilation of a source.

    Attributes:
        component: The component's name.
        source: The source, as named in the project.
    """

    component: str
    source: str

    def __str__(self) -> str:
        return f"compiling component `{self.component}` ({self.source})"


@dataclass(frozen=True)
class CompilationFinished(BuildEvent):
    """Successful end of a compilation.

    Attributes:
        component: The component's name.
        size: Size of the component in bytes.
        seconds: Duration in seconds.
    """

    component: str
    size: int
    seconds: float

    def __str__(self) -> str:
        return f"compiled component `{self.component}`: {_kilobytes(self.size)}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class CompilationFailed(BuildEvent):
    """Failed compilation; the error itself is raised when the other compilations have ended.

    Attributes:
        component: The component's name.
        seconds: Duration in seconds.
    """

    component: str
    seconds: float

    def __str__(self) -> str:
        return f"component `{self.component}` does not compile ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class CatalogueRecorded(BuildEvent):
    """End of the recording of a component's catalogue: the component was started once in the sandbox.

    Attributes:
        component: The component's name.
        entries: The number of its tools, resources, resource templates and prompts.
        seconds: Duration in seconds.
    """

    component: str
    entries: int
    seconds: float

    def __str__(self) -> str:
        entries = "1 entry" if self.entries == 1 else f"{self.entries} entries"
        return f"recorded the catalogue of component `{self.component}`: {entries}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class ServerComposed(BuildEvent):
    """Successful composition of a server.

    Attributes:
        server: The server's key.
        file: Its file, relative to the project.
        size: Size of the file in bytes.
        seconds: Duration in seconds.
    """

    server: str
    file: str
    size: int
    seconds: float

    def __str__(self) -> str:
        return f"composed server `{self.server}`: {self.file}, {_kilobytes(self.size)}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Note(BuildEvent):
    """Message of a compiler, a package manager or a registry, or a warning.

    Attributes:
        text: One line.
    """

    text: str

    def __str__(self) -> str:
        return self.text


Progress = Callable[[BuildEvent], None]
"""Callback for each event of a build, called from several threads."""


def notes(progress: Progress) -> Callable[[str], None]:
    """Return a function that passes lines on as notes."""
    return lambda line: progress(Note(line))


def lines(write: Callable[[str], None]) -> Progress:
    """Return a function that passes events on as lines."""
    return lambda event: write(str(event))


def _kilobytes(size: int) -> str:
    return f"{size / 1024:,.0f} KB"
