"""Command that measures figures of the guides and writes them: all, or those that are named."""

from __future__ import annotations

import sys

from figures import components, ports

UPDATES = {
    "sizes": components.update_sizes,
    "edits": components.update_edits,
    "ports": ports.update,
    "public": ports.update_public,
}


def main() -> None:
    """Measure and write."""
    chosen = sys.argv[1:] or list(UPDATES)
    if unknown := sorted(set(chosen) - UPDATES.keys()):
        raise SystemExit(f"no such figures: {', '.join(unknown)}; there are {', '.join(UPDATES)}")
    for name in chosen:
        UPDATES[name]()


if __name__ == "__main__":
    main()
