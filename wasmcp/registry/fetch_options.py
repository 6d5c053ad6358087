"""What is asked of a registry, and what it answers with: the border between specs and the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def environment_says(name: str) -> bool:
    """Tell whether an environment variable switches something on: ``0`` and ``false`` do not."""
    return os.environ.get(name, "").lower() not in {"", "0", "false"}


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class FetchOptions:
    """How a remote component is to be fetched.

    Attributes:
        root: The project whose `wasmcp.lock` counts; None outside of projects.
        offline: Take what is cached and ask no registry.
        locked: Take exactly what the lock names, and fail where it names nothing or something else.
        deps_dir: A folder that gets a copy of each component, beside the cache.
        progress: Told in one line when something slow begins.
        bar: Told what is coming, how many bytes of it came and how many there are; for people who watch.
    """

    root: Path | None = None
    offline: bool = False
    locked: bool = False
    deps_dir: Path | None = None
    progress: Callable[[str], None] = field(default=_silent)
    bar: Callable[[str, int, int], None] | None = None

    def watched(self, what: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the pieces of a download on, and tell the bar."""
        done = 0
        for piece in pieces:
            done += len(piece)
            if self.bar is not None:
                self.bar(what, done, size)
            yield piece


@dataclass(frozen=True)
class Fetched:
    """A component that was fetched.

    Attributes:
        path: Its file in the cache, or in `deps_dir` where one was given.
        digest: Of the file, as `sha256:HEX`.
        reference: What it is exactly: with the version and the digest that the reference turned out to be.
        catalogue: What it offers, as JSON, if its publisher recorded it.
        origin: `package`, `version` and `source`, for manifests.
    """

    path: Path
    digest: str
    reference: str
    catalogue: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
