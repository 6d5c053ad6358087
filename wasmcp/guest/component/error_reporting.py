"""Reports of exceptions: on stderr for the operator, without a text for the client, and as data for a build."""

from __future__ import annotations

import contextlib
import linecache
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from wasmcp.guest.errors import DeclarationError, McpError, ToolError

INTERNAL_ERROR = -32603

_labels: dict[str, str] = {}


def remember(files: dict[str, str], others: dict[str, str]) -> None:
    """Store the source of the author's modules for tracebacks: the files do not exist at run time.

    Args:
        files: Path of each module while the component is built -> the author's name for it.
        others: The same for modules of packages, whose source is not stored, to save space.
    """
    _labels.update(files)
    _labels.update(others)
    for path, label in files.items():
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:  # noqa: PTH123
            _remember_text(label, file.read())


def remember_source(path: str, label: str, source: bytes) -> None:
    """Store the source of one module of the author's for tracebacks; see `remember`."""
    _labels[path] = label
    _remember_text(label, source.decode("utf-8", "replace"))


def _remember_text(label: str, text: str) -> None:
    # An entry without a modification time is never compared with the file.
    linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)


def label_of(path: str) -> str:
    """Return the author's name for a module's path; the path itself if it is unknown."""
    return _labels.get(path, path)


def report(kind: str, name: str, error: BaseException) -> None:
    """Write a traceback to stderr, as far as that is possible.

    Args:
        kind: The kind of declaration that failed, for example ``tool``.
        name: Its name.
        error: The exception that it raised.
    """
    # Reporting can fail, without memory or without a stderr: the client must still get its response.
    with contextlib.suppress(BaseException):
        shown = traceback.TracebackException.from_exception(error, lookup_lines=False)
        for part in _chain(shown):
            # Frames of this library do not help the author.
            outside = [frame for frame in part.stack if "wasmcp/guest/" not in frame.filename.replace("\\", "/")]
            for frame in outside:
                frame.filename = _labels.get(frame.filename, frame.filename)
            part.stack[:] = outside or part.stack
        text = "".join(shown.format())
        if isinstance(error, ModuleNotFoundError) and sys.platform == "wasi":
            advice = "name its package in `dependencies`, or a module of yours in `imports`"
            text += f"The module is not in the component: {advice}.\n"
        sys.stderr.write(f"{kind} `{name}` failed:\n{text}")
        sys.stderr.flush()


def _chain(first: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an exception with its causes, contexts and the members of groups."""
    waiting = [first]
    while waiting:
        part = waiting.pop()
        yield part
        inner = [part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())]
        waiting.extend(item for item in inner if item is not None)


@contextlib.contextmanager
def masked(kind: str, name: str, message: str) -> Iterator[None]:
    """Pass `McpError` on, and turn every other exception into one whose text does not reveal anything to the client.

    The text of a `ToolError` is meant for the client, and is passed on, too.

    Args:
        kind: The kind of declaration, for example ``prompt``.
        name: Its name.
        message: The message of the error response.

    Raises:
        McpError: The body of the ``with`` statement raised an exception.
    """
    try:
        yield
    except McpError:
        raise
    except ToolError as error:
        raise McpError(INTERNAL_ERROR, str(error)) from None
    except BaseException as error:  # noqa: BLE001 - nothing may leave a component: it would trap
        report(kind, name, error)
        raise McpError(INTERNAL_ERROR, message) from None


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
