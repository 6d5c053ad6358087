"""Wheels made by hand, for indexes that are folders."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def wheel(
    index: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes] | None = None,
    *,
    needs: str = "",
    tag: str = "py3-none-any",
) -> Path:
    """Make a wheel, for every platform unless another tag is given."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    contents = {
        **({f"{name}/__init__.py": f"VERSION = {version!r}\n"} if files is None else files),
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_hash(text)},{len(text)}\n" for path, text in contents.items())
    path = index / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**contents, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(inner, text)
    return path


def _hash(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
