"""Atomic writing of files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wasmcp.file_writing import write_atomically, write_if_changed


def test_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, [b"fi", memoryview(b"rst")])
    with pytest.raises(TypeError):
        write_atomically(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_full_disk_leaves_the_old_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")

    def broken(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o644, 0o644), (None, 0o640)])
def test_file_has_its_permissions(tmp_path: Path, mode: int | None, expected: int) -> None:
    path = tmp_path / "file"
    code = f"""
import os
from pathlib import Path
from wasmcp.file_writing import write_atomically
os.umask(0o027)
write_atomically(Path({str(path)!r}), b"", {mode})
assert os.umask(0) == 0o027
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.stat().st_mode & 0o777 == expected


def test_same_text_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_if_changed(path, "é")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write_if_changed(path, "é")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    write_if_changed(path, "e")
    assert path.read_text("utf-8") == "e"
