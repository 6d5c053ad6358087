"""What was pulled, kept by digest and shared by all projects of a user.

::

    <cache>/registry/blobs/sha256/<hex>     components and manifests, as they came
    <cache>/registry/tags/<digest>.json     what a repository's tags were when it was last asked, for work offline

A file under its digest was checked when it was written, and is checked again whenever it is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from wasmcp.errors import IntegrityError, InvalidArtifactError, RegistryError
from wasmcp.registry import jsontext
from wasmcp.storage.cache import cache_directory, write_atomically
from wasmcp.storage.digest import of_bytes

_PIECE = 1 << 20


class Store:
    """The store of one user.

    Attributes:
        root: Its folder; made when it is first written to.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = cache_directory() / "registry" if root is None else root

    def path(self, digest: str) -> Path:
        """Return where the blob of a digest is, or goes."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def get(self, digest: str) -> Path | None:
        """Return the file of a digest if it is there and whole; one that is not whole is removed."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                found = hashlib.sha256()
                while piece := file.read(_PIECE):
                    found.update(piece)
        except OSError:
            return None
        if f"sha256:{found.hexdigest()}" != digest:
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):  # the time of its last use, for `prune`; a store may be read-only
            os.utime(path)
        return path

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold the lock of a digest: of two processes that want a blob, one fetches it.

        Raises:
            RegistryError: The store cannot be written.
        """
        from filelock import FileLock

        folder = self.root / "locks"
        with writing(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{digest.removeprefix('sha256:')}.lock"):
            yield

    def put(self, digest: str, pieces: Iterable[bytes], *, size: int | None = None, reference: str = "") -> Path:
        """Take a blob in, whole and with the right digest or not at all.

        Args:
            digest: What it must have.
            pieces: Its bytes.
            size: How many there must be, where that is known; no more are read.
            reference: Where it comes from, for the message.

        Raises:
            IntegrityError: It has another digest or size.
            RegistryError: It cannot be written: a full disk.
        """
        path = self.path(digest)
        found, length = hashlib.sha256(), 0
        with writing(path), _temporary(path) as (temporary, file):
            for piece in pieces:
                length += len(piece)
                if size is not None and length > size:
                    break
                found.update(piece)
                file.write(piece)
            file.close()
            got = f"sha256:{found.hexdigest()}"
            if size is not None and length != size:
                state = "cut short" if length < size else "too long"
                problem = f"what came is {state}: `{digest}` has {size} bytes"
                raise IntegrityError(problem, reference=reference, expected=digest, found=got)
            if got != digest:
                problem = (
                    f"what came is not what was asked for: its digest is `{got}`, not `{digest}`; it was thrown away"
                )
                raise IntegrityError(problem, reference=reference, expected=digest, found=got)
            temporary.replace(path)
        return path

    def add(self, pieces: Iterable[bytes], *, limit: int, reference: str, check: Callable[[bytes], None]) -> str:
        """Take a blob in whose digest is not known before, and return its digest.

        Args:
            pieces: Its bytes.
            limit: The most bytes that it may have.
            reference: Where it comes from, for the message.
            check: Called with its first bytes, eight or more where it has so many; what it raises refuses the blob.

        Raises:
            InvalidArtifactError: It is larger than the limit.
            RegistryError: It cannot be written.
        """
        found, length, head = hashlib.sha256(), 0, b""
        folder = self.path("sha256:0").parent
        with writing(folder), _temporary(folder / "0") as (temporary, file):
            for piece in pieces:
                length += len(piece)
                if length > limit:
                    raise InvalidArtifactError(f"larger than {limit} bytes, the limit", reference=reference)
                if len(head) < 8:
                    head += piece[: 8 - len(head)]
                    if len(head) == 8:
                        check(head)
                found.update(piece)
                file.write(piece)
            if len(head) < 8:
                check(head)
            file.close()
            digest = f"sha256:{found.hexdigest()}"
            temporary.replace(self.path(digest))
        return digest

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags of a repository, as far as known, with the digests of their manifests ("" if not known)."""
        try:
            document = jsontext.loads(self._tags(repository).read_text("utf-8"))
            tags = document["tags"]
            return {str(tag): str(digest) for tag, digest in tags.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def remember(self, repository: str, tags: Mapping[str, str]) -> None:
        """Keep what the tags of a repository are; a digest that is not known now leaves the one known before."""
        before = self.tags(repository)
        known = {tag: digest or before.get(tag, "") for tag, digest in tags.items()}
        document = {"repository": repository, "tags": dict(sorted(known.items()))}
        with writing(self.root):
            write_atomically(self._tags(repository), (json.dumps(document, indent=1) + "\n").encode())

    def _tags(self, repository: str) -> Path:
        return self.root / "tags" / f"{of_bytes(repository.encode()).removeprefix('sha256:')}.json"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file into a message: a full disk, no permission.

    Raises:
        RegistryError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        # What the network's libraries raise is an OSError too, but has no file.
        if error.errno is None:
            raise
        raise RegistryError(f"`{path}` cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)
