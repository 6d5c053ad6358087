"""Surfaces of servers in files: what clients see of a server, kept to be compared with later versions.

A file has the JSON text of `wasmcp.host.Server.surface`, in sorted order, so that the same surface is the same text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.errors import SurfaceFileError
from wasmcp.insight.listing import Offers
from wasmcp.insight.server_diff import Difference, Side, differences
from wasmcp.protocol import IDENTITIES

Surface = Mapping[str, Any]


def surface_text(surface: Surface) -> str:
    """Return the text of a surface: JSON, sorted, with a line feed at its end."""
    return json.dumps(surface, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def surface_differences(old: Surface, new: Surface) -> list[Difference]:
    """Return the differences of `new` from `old`, and which of them can break clients."""
    return differences(_side(old), _side(new))


def read_surface(path: Path) -> dict[str, Any] | None:
    """Read a surface from a file; None if the file does not exist.

    Raises:
        SurfaceFileError: The file cannot be read, or has no surface.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SurfaceFileError(str(path), f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise SurfaceFileError(str(path), f"is not JSON: {error}") from None
    parts = (*IDENTITIES, "grants")
    wrong = [part for part in parts if not isinstance(found, dict) or not _is_table(found.get(part))]
    if wrong:
        names = ", ".join(f"`{part}`" for part in wrong)
        raise SurfaceFileError(str(path), f"is not the surface of a server: {names} must be objects of objects")
    return {part: found[part] for part in parts}


def write_surface(path: Path, surface: Surface) -> None:
    """Write a surface to a file, whole or not at all.

    Raises:
        SurfaceFileError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(surface_text(surface), "utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SurfaceFileError(str(path), f"cannot be written: {error.strerror or error}") from None


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _side(surface: Surface) -> Side:
    lists = {
        kind: [{**item, identity: name} for name, item in surface[kind].items()]
        for kind, identity in IDENTITIES.items()
    }
    grants = tuple((name, tuple(families)) for name, families in surface["grants"].items())
    rules = {
        name: {family: rule for family, rule in families.items() if rule is not True}
        for name, families in surface["grants"].items()
    }
    return Side(Offers(lists, "surface"), (), (), grants, rules=rules)
