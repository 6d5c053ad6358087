"""Resolution of component specs: files, aliases, profiles, components of the project, and registries.

`FetchOptions` and `Fetched` are the interface between the resolution of specs and the client of registries.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def environment_says(name: str) -> bool:
    """Return if an environment variable is set and neither ``0`` nor ``false``."""
    return os.environ.get(name, "").lower() not in {"", "0", "false"}


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class FetchOptions:
    """Options for fetching remote components.

    Attributes:
        root: The project whose `wasmcp.lock` applies; None outside of projects.
        offline: Use the cache and contact no registry.
        locked: Use exactly the versions in the lock file, and fail if it does not match.
        deps_dir: A directory for copies of the components, in addition to the cache.
        progress: Called with one line when a slow operation begins.
        bar: Called with a title, the bytes received and the bytes in total, for progress bars.
    """

    root: Path | None = None
    offline: bool = False
    locked: bool = False
    deps_dir: Path | None = None
    progress: Callable[[str], None] = field(default=_silent)
    bar: Callable[[str, int, int], None] | None = None

    def watched(self, what: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks of a download and report its progress."""
        done = 0
        for piece in pieces:
            done += len(piece)
            if self.bar is not None:
                self.bar(what, done, size)
            yield piece


@dataclass(frozen=True)
class Fetched:
    """Fetched component.

    Attributes:
        path: The file in the cache, or in `deps_dir` if given.
        digest: The digest of the file, as `sha256:HEX`.
        reference: The exact reference, with version and digest.
        catalogue: The catalogue as JSON, if the publisher attached one.
        origin: `package`, `version` and `source`, for manifests.
    """

    path: Path
    digest: str
    reference: str
    catalogue: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
