"""Parser for untrusted JSON."""

from __future__ import annotations

import json
from typing import Any


def loads(data: bytes | str) -> Any:
    """Parse JSON, and reject documents nested too deeply for Python.

    Raises:
        ValueError: The text is not valid JSON, or nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
