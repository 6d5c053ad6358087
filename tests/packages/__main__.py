"""Command that tries the packages and writes the table: all of them, or those that are named."""

from __future__ import annotations

import sys

from packages import page
from packages.trial import outcomes
from packages.uses import PACKAGES


def main() -> None:
    """Try, print and write."""
    chosen = sys.argv[1:] or [package.name for package in PACKAGES]
    if unknown := sorted(set(chosen) - {package.name for package in PACKAGES}):
        raise SystemExit(f"not in the table: {', '.join(unknown)}")
    for outcome in outcomes([package for package in PACKAGES if package.name in chosen]):
        print(page.line(outcome), end="", flush=True)
        page.PAGE.write_text(page.updated(page.PAGE.read_text("utf-8"), [outcome]), "utf-8")


if __name__ == "__main__":
    main()
