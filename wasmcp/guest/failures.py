"""What went wrong in a tool, told on stderr: the client does not hear of it."""

from __future__ import annotations

import sys
import traceback


def report(name: str, error: BaseException) -> None:
    """Write a traceback to stderr, as far as that is possible."""
    try:
        frames = traceback.extract_tb(error.__traceback__)
        # What runs the tool is not what the author looks for.
        inner = [frame for frame in frames if "wasmcp/guest/" not in frame.filename.replace("\\", "/")] or frames
        lines = [
            "Traceback (most recent call last):\n",
            *traceback.format_list(traceback.StackSummary.from_list(inner)),
        ]
        lines += traceback.format_exception_only(type(error), error)
        if isinstance(error, ImportError) and sys.platform == "wasi":
            lines.append(
                "A component holds only modules imported when it was built: import it at the top of a module.\n"
            )
        sys.stderr.write(f"tool `{name}` failed:\n{''.join(lines)}")
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001, S110 - out of memory or stack: the client still gets its answer
        pass
