"""Time zones of `zoneinfo` in a component, which has no files to read them from.

The data comes from the package ``tzdata``. Runs while a component is built, before other modules import `zoneinfo`.
"""

from __future__ import annotations

import io
import os
import zlib
from typing import Any

_zones: dict[str, bytes] = {}


def keep_zones(folder: str) -> None:
    """Store all time zones in memory, and make `zoneinfo` use them.

    Args:
        folder: The folder ``zoneinfo`` of the package ``tzdata``.
    """
    import zoneinfo
    from zoneinfo import _common, _tzpath

    for place, _, files in os.walk(folder):
        for file in files:
            path = f"{place}/{file}"
            with open(path, "rb") as opened:  # noqa: PTH123 - pathlib would stay in the component
                data = opened.read()
            if data.startswith(b"TZif"):
                _zones[path.removeprefix(f"{folder}/")] = zlib.compress(data, 9)

    def load_tzdata(key: str) -> io.BytesIO:
        try:
            return io.BytesIO(zlib.decompress(_zones[key]))
        except KeyError:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None

    def available_timezones() -> set[str]:
        """Return the names of the time zones."""
        return set(_zones)

    common: Any = _common
    common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = _tzpath.available_timezones = available_timezones
