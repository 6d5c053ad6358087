"""Time zones of `zoneinfo` in a component: those of the package ``tzdata``, among the component's files.

`zoneinfo` reads them with `importlib.resources`, which is megabytes of modules; here they are looked up by name.
"""

from __future__ import annotations

import io
from typing import Any

from wasmcp.guest.files.archive import Archive


def keep_zones(archive: Archive, folder: str) -> None:
    """Make `zoneinfo` use the time zones of an archive; call it before other modules import `zoneinfo`.

    Args:
        archive: The component's files.
        folder: The folder ``zoneinfo`` of the package ``tzdata``, with a slash at its end.
    """
    import zoneinfo
    from zoneinfo import _common, _tzpath

    def load_tzdata(key: str) -> io.BytesIO:
        try:
            data = archive.read(folder + key)
        except KeyError:
            data = b""
        if not data.startswith(b"TZif"):
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None
        return io.BytesIO(data)

    def available_timezones() -> set[str]:
        """Return the names of the time zones."""
        found = (path for path in archive if path.startswith(folder) and archive.begins_with(path, b"TZif"))
        return {path.removeprefix(folder) for path in found}

    common: Any = _common
    common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = _tzpath.available_timezones = available_timezones
