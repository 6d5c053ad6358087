"""JSON that somebody else has written."""

from __future__ import annotations

import json
from typing import Any


def loads(data: bytes | str) -> Any:
    """Read JSON; what is nested too deeply for Python is no JSON either.

    Raises:
        ValueError: It is none.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
