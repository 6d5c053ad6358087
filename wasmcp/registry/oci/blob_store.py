"""Store of pulled blobs by digest, shared by all projects of a user.

::

    <cache>/registry/blobs/sha256/<hex>     components and manifests, unchanged
    <cache>/registry/tags/<digest>.json     the last known tags of a repository, for offline use

A blob is verified against its digest when it is written, and again on each use.
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
from wasmcp.file_writing import write_atomically
from wasmcp.revision_views import from_json_text
from wasmcp.storage import cache_directory, digest_of_bytes

_PIECE = 1 << 20


class Store:
    """Blob store of one user.

    Attributes:
        root: The directory, created on the first write.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = cache_directory() / "registry" if root is None else root

    def path(self, digest: str) -> Path:
        """Return the path of the blob with a digest."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def get(self, digest: str) -> Path | None:
        """Return the path of a blob if it is stored and intact; a damaged one is removed."""
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
        with contextlib.suppress(OSError):  # time of last use, for `prune`; a store can be read-only
            os.utime(path)
        return path

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold the lock of a digest, so that only one process fetches a blob.

        Raises:
            RegistryError: The store is not writable.
        """
        from filelock import FileLock

        folder = self.root / "locks"
        with writing(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{digest.removeprefix('sha256:')}.lock"):
            yield

    def put(self, digest: str, pieces: Iterable[bytes], *, size: int | None = None, reference: str = "") -> Path:
        """Store a blob atomically, and verify its digest.

        Args:
            digest: The expected digest.
            pieces: The blob's bytes, in chunks.
            size: The expected size, if known; no more bytes are read.
            reference: The blob's origin, for messages.

        Raises:
            IntegrityError: The digest or the size does not match.
            RegistryError: The blob cannot be written, for instance because the disk is full.
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
                state = "too short" if length < size else "too long"
                problem = f"the content received is {state}: `{digest}` has {size} bytes"
                raise IntegrityError(problem, reference=reference, expected=digest, found=got)
            if got != digest:
                problem = (
                    f"the content received does not match its digest: it has `{got}`, not `{digest}`; it was discarded"
                )
                raise IntegrityError(problem, reference=reference, expected=digest, found=got)
            temporary.replace(path)
        return path

    def add(self, pieces: Iterable[bytes], *, limit: int, reference: str, check: Callable[[bytes], None]) -> str:
        """Store a blob of unknown digest, and return its digest.

        Args:
            pieces: The blob's bytes, in chunks.
            limit: The size limit in bytes.
            reference: The blob's origin, for messages.
            check: Called with the first bytes, at least eight if available; can raise to reject the blob.

        Raises:
            InvalidArtifactError: The blob is larger than the limit.
            RegistryError: The blob cannot be written.
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
        """Return the last known tags of a repository, with the digests of their manifests ("" if unknown)."""
        try:
            document = from_json_text(self._tags(repository).read_text("utf-8"))
            tags = document["tags"]
            return {str(tag): str(digest) for tag, digest in tags.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def remember(self, repository: str, tags: Mapping[str, str]) -> None:
        """Store the tags of a repository; a tag without a digest keeps the digest stored before."""
        before = self.tags(repository)
        known = {tag: digest or before.get(tag, "") for tag, digest in tags.items()}
        document = {"repository": repository, "tags": dict(sorted(known.items()))}
        with writing(self.root):
            write_atomically(self._tags(repository), (json.dumps(document, indent=1) + "\n").encode())

    def _tags(self, repository: str) -> Path:
        return self.root / "tags" / f"{digest_of_bytes(repository.encode()).removeprefix('sha256:')}.json"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert file system errors, such as a full disk, to registry errors.

    Raises:
        RegistryError: A file cannot be written.
    """
    try:
        yield
    except OSError as error:
        # Errors of the network libraries are OSErrors too, but have no file.
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
