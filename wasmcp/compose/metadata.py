"""Metadata of a server.

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
    """Server's description of itself.

    Attributes:
        name: Name for programs; not empty.
        version: Version of the server; not empty.
        title: Name for people.
        description: Description of the server.
        website_url: Address of its website.
        instructions: Instructions for the model on using the server.
        extensions: The extensions of MCP that it declares: identifier -> settings. Those of its components are declared
            as well. Specification: basic/versioning, "Extension Negotiation".
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
    """Return the results of the functions of `server-metadata`."""
    return {
        "implementation": to_json_text(metadata.implementation()),
        "instructions": metadata.instructions,
        "capabilities": to_json_text(capabilities),
    }
