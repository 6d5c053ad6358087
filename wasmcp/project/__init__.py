"""Projects: ``[tool.wasmcp]`` -> configuration -> resolution -> plan -> build -> manifest and bill of materials.

The hatch hook, pytest and the command line read the same configuration and run the same build. Expensive modules are
imported only when something is built, so that an unchanged build stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.project.build_plan import (
        ComponentStep,
        Plan,
        Resolution,
        ServerStep,
        plan,
        plan_components,
        resolve,
        resolve_components,
    )
    from wasmcp.project.build_steps import SKIP, build, clean, ensure_built, skipped
    from wasmcp.project.config import load
    from wasmcp.project.manifest import stale
    from wasmcp.project.model import ComponentConfig, Project, ServerConfig
    from wasmcp.storage import Cache, cache_directory

__all__ = [
    "SKIP",
    "Cache",
    "ComponentConfig",
    "ComponentStep",
    "Plan",
    "Project",
    "Resolution",
    "ServerConfig",
    "ServerStep",
    "build",
    "cache_directory",
    "clean",
    "ensure_built",
    "load",
    "plan",
    "plan_components",
    "resolve",
    "resolve_components",
    "skipped",
    "stale",
]

_HOMES = {
    "SKIP": "wasmcp.project.build_steps",
    "Cache": "wasmcp.storage",
    "ComponentConfig": "wasmcp.project.model",
    "ComponentStep": "wasmcp.project.build_plan",
    "Plan": "wasmcp.project.build_plan",
    "Project": "wasmcp.project.model",
    "Resolution": "wasmcp.project.build_plan",
    "ServerConfig": "wasmcp.project.model",
    "ServerStep": "wasmcp.project.build_plan",
    "build": "wasmcp.project.build_steps",
    "cache_directory": "wasmcp.storage",
    "clean": "wasmcp.project.build_steps",
    "ensure_built": "wasmcp.project.build_steps",
    "load": "wasmcp.project.config",
    "plan": "wasmcp.project.build_plan",
    "plan_components": "wasmcp.project.build_plan",
    "resolve": "wasmcp.project.build_plan",
    "resolve_components": "wasmcp.project.build_plan",
    "skipped": "wasmcp.project.build_steps",
    "stale": "wasmcp.project.manifest",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it, imported on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `wasmcp.project` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
