"""Normal form of the names of packages, by which they are compared. Source: PEP 503."""

from __future__ import annotations

import re


def normalised(name: str) -> str:
    """Return the normal form of a package's name: in lower case, with one hyphen for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()
