"""Files of a deployment: all are written or none, and files that were changed by others are not replaced."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from wasmcp.errors import DeploymentError
from wasmcp.file_writing import write_atomically
from wasmcp.terminal import printable

RECORD = ".wasmcp-deploy.json"
"""The file with the digest of each written file, by which changes of others are detected."""


@dataclass(frozen=True)
class Bundle:
    """Files of a deployment.

    Attributes:
        target: The kind of deployment.
        files: Path relative to the output folder -> content.
        commands: Commands that deploy them, run in the output folder.
        notes: Remarks for the operator, one sentence each.
    """

    target: str
    files: Mapping[str, bytes]
    commands: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    def write(self, folder: Path, *, force: bool = False) -> list[Path]:
        """Write the files into a folder; if one cannot be written, all are restored.

        Args:
            folder: The folder; it is created.
            force: Replace files that were changed, or that this command did not write.

        Returns:
            The files that are new or have new content.

        Raises:
            DeploymentError: Files would be replaced that were changed since they were written.
            OSError: A file cannot be written.
        """
        written = _read_record(folder / RECORD)
        current = {name: _read(folder / name) for name in self.files}
        changed = [
            name
            for name, data in current.items()
            if data is not None and data != self.files[name] and written.get(name) != _digest(data)
        ]
        if changed and not force:
            raise DeploymentError(
                self.target,
                [
                    f"`{folder / name}` was changed, or was not written by this command: keep a copy, and use `--force`"
                    for name in changed
                ],
            )
        record = {**written, **{name: _digest(data) for name, data in self.files.items()}}
        text = json.dumps({"format": 1, "files": dict(sorted(record.items()))}, indent=1) + "\n"
        replaced = {name: data for name, data in self.files.items() if current[name] != data}
        with contextlib.ExitStack() as undo:
            for parent in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
                parent.mkdir()
                undo.callback(_remove_folder, parent)
            for name, data in {**replaced, RECORD: text.encode()}.items():
                path = folder / name
                undo.callback(_restore, path, _read(path))
                write_atomically(path, data)
            undo.pop_all()
        return [folder / name for name in replaced]


def yaml_documents(target: str, documents: list[dict[str, Any]], comment: str) -> bytes:
    """Return YAML documents after a comment of one or more lines.

    Raises:
        DeploymentError: PyYAML is not installed.
    """
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        problem = 'YAML needs PyYAML, which is not installed: `pip install "wasmcp[deploy]"`'
        raise DeploymentError(target, [problem]) from None
    head = "".join(f"# {printable(line)}\n" for line in comment.splitlines())

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, unused-ignore]
        """Dumper without anchors and aliases."""

        def ignore_aliases(self, data: object) -> bool:
            """Return true: equal values are written out."""
            del data
            return True

    text = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return f"{head}{text}".encode()


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _read_record(path: Path) -> dict[str, str]:
    try:
        files = json.loads(path.read_text("utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _restore(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, data)


def _remove_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process has put a file into it
        folder.rmdir()
