"""What went wrong in a tool, told on stderr: the client does not hear of it."""

from __future__ import annotations

import contextlib
import linecache
import sys
import traceback
from collections.abc import Iterator

from wasmcp.guest.errors import McpError, ToolError

INTERNAL_ERROR = -32603

_labels: dict[str, str] = {}


def remember(files: dict[str, str], others: dict[str, str]) -> None:
    """Keep the text of the author's modules, so that tracebacks can show it: the files are gone at run time.

    Args:
        files: Where a module is while the component is built -> what its author calls it.
        others: The same for modules of packages, whose text would only take space.
    """
    _labels.update(files)
    _labels.update(others)
    for path, label in files.items():
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:  # noqa: PTH123
            text = file.read()
            # Without a time of change the entry is never compared with a file.
            linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)


def report(kind: str, name: str, error: BaseException) -> None:
    """Write a traceback to stderr, as far as that is possible.

    Args:
        kind: What failed: a tool, a resource...
        name: Which.
        error: What it raised.
    """
    # Out of memory, or without a stderr: the client still gets its answer.
    with contextlib.suppress(BaseException):
        told = traceback.TracebackException.from_exception(error, lookup_lines=False)
        for part in _chain(told):
            # What runs the function is not what the author looks for.
            outside = [frame for frame in part.stack if "wasmcp/guest/" not in frame.filename.replace("\\", "/")]
            for frame in outside:
                frame.filename = _labels.get(frame.filename, frame.filename)
            part.stack[:] = outside or part.stack
        text = "".join(told.format())
        if isinstance(error, ModuleNotFoundError) and sys.platform == "wasi":
            text += "A component holds only modules imported when it was built: import it at the top of a module.\n"
        sys.stderr.write(f"{kind} `{name}` failed:\n{text}")
        sys.stderr.flush()


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an exception with its causes, contexts and the members of groups."""
    waiting = [told]
    while waiting:
        part = waiting.pop()
        yield part
        inner = [part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())]
        waiting.extend(item for item in inner if item is not None)


@contextlib.contextmanager
def masked(kind: str, name: str, message: str) -> Iterator[None]:
    """Let `McpError` through, and turn everything else into one that tells the client nothing.

    The text of a `ToolError` is meant for the client, here too.

    Args:
        kind: What may fail: a prompt, a resource...
        name: Which.
        message: What the client is told.

    Raises:
        McpError: Something failed.
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
