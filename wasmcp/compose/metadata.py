"""What a server says about itself.

Source: Model Context Protocol 2026-07-28, schemas `Implementation` and `ServerCapabilities`; server/discover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmcp.declaration_section import extension_problem
from wasmcp.revision_views import to_json_text


@dataclass(frozen=True)
class ServerMetadata:
    """What a server says about itself.

    Attributes:
        name: for programs; not empty.
        version: of the server; not empty.
        title: for people.
        description: what the server is.
        website_url: where to read more.
        instructions: how the server is to be used, for the model.
        extensions: the extensions of MCP that it announces: identifier -> settings. Those of its components are
            announced as well. Specification: basic/versioning, "Extension Negotiation".
    """

    name: str
    version: str
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    instructions: str | None = None
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for identifier, settings in self.extensions.items():
            problem = extension_problem(identifier, settings)
            if problem:
                raise ValueError(f"`{identifier}` {problem}")
        for member in ("name", "version"):
            if not getattr(self, member):
                raise ValueError(f"a server needs a `{member}`")

    def implementation(self) -> dict[str, str]:
        """Return the `Implementation` object."""
        members = {
            "name": self.name,
            "title": self.title,
            "version": self.version,
            "description": self.description,
            "websiteUrl": self.website_url,
        }
        return {member: value for member, value in members.items() if value is not None}


def metadata_values(metadata: ServerMetadata, capabilities: dict[str, Any]) -> dict[str, Any]:
    """Return what the functions of `server-metadata` answer."""
    return {
        "implementation": to_json_text(metadata.implementation()),
        "instructions": metadata.instructions,
        "capabilities": to_json_text(capabilities),
    }
