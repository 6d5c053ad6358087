"""Detection of a server that is older than its sources, in a checkout or an editable install."""

from __future__ import annotations

import json
from pathlib import Path

from wasmcp.host.engine import logs
from wasmcp.terminal import printable

_LEVELS = 6
"""Maximum number of directories between a server and the `pyproject.toml` of its project."""
_SHOWN = 3


def changed_sources(server: Path) -> list[str]:
    """Return the sources of a server that changed after it was built, relative to its project.

    Only files that are newer than the server are read. The list is empty for a server without a manifest or project.
    """
    server = server.absolute()
    root = next((parent for parent in server.parents[1:_LEVELS] if (parent / "pyproject.toml").is_file()), None)
    if root is None:
        return []
    try:
        built = server.stat().st_mtime_ns
        entry = json.loads(server.with_name("manifest.json").read_text("utf-8"))["servers"][server.stem]
        recorded = {
            label: digest for component in entry["components"] for label, digest in component.get("sources", {}).items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    return sorted(label for label, digest in recorded.items() if _is_changed(root / label, built, digest))


def _is_changed(path: Path, built: int, digest: object) -> bool:
    from hashlib import sha256

    try:
        return path.stat().st_mtime_ns > built and f"sha256:{sha256(path.read_bytes()).hexdigest()}" != digest
    except FileNotFoundError:
        return True
    except OSError:
        return False


def warn_if_stale(server: Path) -> None:
    """Log a warning if sources of the server changed after it was built."""
    changed = changed_sources(server)
    if not changed:
        return
    listed = ", ".join(f"`{printable(label)}`" for label in changed[:_SHOWN])
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    message = f"{listed}{more} changed after the server was built: run `wasmcp build`"
    logs.log(logs.CONFIGURATION, logs.WARNING, message, path=server, sources=tuple(changed))
