"""Settings that are baked into a server: their record in its file, for commands that read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from wasmcp.component import interface_names
from wasmcp.component.custom_sections import custom_section
from wasmcp.component.types import Instance
from wasmcp.compose.framework import FrameworkComponent
from wasmcp.compose.generated_components import baked_environment
from wasmcp.compose.interfaces import ENVIRONMENT
from wasmcp.revision_views import to_json_text

SECTION = "wasmcp-settings"
"""Custom section with the settings that are baked into a server, as a JSON object."""


def settings_section(settings: Mapping[str, str]) -> bytes:
    """Return the custom section with baked settings."""
    return custom_section(SECTION, to_json_text(dict(sorted(settings.items()))).encode())


def read_settings(sections: Sequence[bytes]) -> dict[str, str] | None:
    """Return the settings in the sections of a server; None if it has none, more than one record, or an invalid one."""
    try:
        found = json.loads(sections[0]) if len(sections) == 1 else None
    except (ValueError, RecursionError):
        return None
    valid = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if valid else None


def settings_component(settings: Mapping[str, str], transport: FrameworkComponent) -> bytes | None:
    """Return the component of constants that gives the transport these settings; None if it reads none.

    Args:
        settings: The settings by name.
        transport: The framework component.
    """
    imported = interface_names.find(ENVIRONMENT, transport.info.imports)
    type_ = transport.info.imports[imported] if imported else None
    return baked_environment(imported, type_, settings) if imported and isinstance(type_, Instance) else None
