"""Metadata of a server, and settings that its author bakes in, in place of the framework's environment.

The framework defines the meaning of settings (framework/transport, `Settings.zig`); docs/reference/environment.md
lists them.
Source: Model Context Protocol 2026-07-28, schemas `Implementation` and `ServerCapabilities`; server/discover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from wasmcp.environment import AUTH_MODE, AUTHORIZATION, INTROSPECTION_SECRET
from wasmcp.errors import CompositionError
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
        # Imported here, because reading a configuration must not import the reader of components.
        from wasmcp.declaration_section import extension_problem

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


Authorization = Literal["operator", "required", "none"]
"""Authorization of a server: its operator decides; every request is denied until it is configured; or it has none."""

AUTHORIZATIONS: tuple[Authorization, ...] = get_args(Authorization)

BAKED = (
    "WASMCP_ALLOWED_HOSTS",
    "WASMCP_ALLOWED_ORIGINS",
    "WASMCP_DISABLE_SSE",
    "WASMCP_REQUIRE_ORIGIN",
    "WASMCP_SESSION_TTL",
    "WASMCP_STATE_TTL",
    *(name for name in AUTHORIZATION if name != INTROSPECTION_SECRET),
)
"""Settings that can be baked in."""

_ELSEWHERE = {
    "WASMCP_STATE_KEYS": "is a secret, and servers are distributed: the operator sets it",
    INTROSPECTION_SECRET: "is a secret, and servers are distributed: the operator sets it",
    "WASMCP_MAX_BODY": "depends on the memory of the host: the operator sets it",
    "WASMCP_SESSION_ENABLED": "depends on where sessions are kept: the operator sets it",
}


def setting_problem(name: str, value: object) -> str | None:
    """Return what is wrong with a setting, as the end of a sentence that begins with its name, or None."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name not in BAKED:
        return f"is not a setting that can be baked in; known: {', '.join(f'`{known}`' for known in BAKED)}"
    if not isinstance(value, str) or not value.strip():
        return f"must be a string that is not empty, not {value!r}"
    return None


def fetches_keys(settings: Mapping[str, str]) -> bool:
    """Return true if the keys of an issuer are fetched with these settings."""
    if settings.get(AUTH_MODE, "").strip().lower() != "oauth" or {"JWT_JWKS", "JWT_PUBLIC_KEY"} & settings.keys():
        return False
    return "JWT_JWKS_URI" in settings or ("JWT_ISSUER" in settings and "JWT_INTROSPECTION_URI" not in settings)


def check_settings(settings: Mapping[str, str], *, environment: bool, auth: Authorization = "operator") -> None:
    """Check the settings to bake in.

    Args:
        settings: The settings by name.
        environment: True if the environment is to be read as well.
        auth: The server's authorization.

    Raises:
        CompositionError: A setting cannot be baked in, or the environment is to be read as well.
    """
    problems = [f"`{name}` {problem}" for name, value in settings.items() if (problem := setting_problem(name, value))]
    if settings and environment:
        problems.append("settings are either baked in or read from the environment, not both")
    if auth == "none":
        problems += [
            f"`{name}` has no effect in a server without authorization" for name in settings if name in AUTHORIZATION
        ]
    if problems:
        raise CompositionError("; ".join(problems))
