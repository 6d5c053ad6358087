"""Outcome of importing the author's modules: errors as data, for the report of a build and for responses."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from wasmcp.guest.errors import DeclarationError


def check_declared(refused: list[DeclarationError]) -> None:
    """Describe all declarations; see `wasmcp.guest.declarations.registry.check`.

    Args:
        refused: The errors so far.

    Raises:
        DeclarationError: The declarations have further errors that cannot be collected.
        LookupError: Nothing is declared.
    """
    from wasmcp.guest.declarations.registry import check  # after the guards of files and networks are installed

    if not check() and not refused:
        raise LookupError("nothing is declared: decorate a function with `wasmcp.guest.tool`")


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as the toolchain shows it: type, message and the frames of the author's modules."""
    frames = [
        {"file": frame.filename, "line": frame.lineno, "name": frame.name, "text": frame.line}
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", "/python/")) and "/wasmcp/guest/" not in frame.filename
    ]
    if isinstance(error, DeclarationError) and not frames and error.place is not None:
        frames.append({"file": error.place[0], "line": error.place[1], "name": "", "text": ""})
    if isinstance(error, SyntaxError) and error.filename is not None:
        frames.append({"file": error.filename, "line": error.lineno, "name": "", "text": (error.text or "").strip()})
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"kind": type(error).__name__, "message": message, "frames": frames, "python": sys.version.split()[0]}
