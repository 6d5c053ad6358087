"""Projects: ``[tool.wasmcp]`` -> typed config -> plan -> build -> manifest and bill of materials.

The hatch hook, pytest and the command line read the same configuration and run the same build. Nothing heavy is
imported before something is built: an unchanged build must cost nothing.
"""

from __future__ import annotations

from wasmcp.project.build_plan import ComponentStep, Plan, ServerStep, plan, plan_components
from wasmcp.project.build_steps import SKIP, build, clean, ensure_built, skipped
from wasmcp.project.config import ComponentConfig, Project, ServerConfig, load
from wasmcp.project.manifest import stale
from wasmcp.storage.cache import Cache, cache_directory

__all__ = [
    "SKIP",
    "Cache",
    "ComponentConfig",
    "ComponentStep",
    "Plan",
    "Project",
    "ServerConfig",
    "ServerStep",
    "build",
    "cache_directory",
    "clean",
    "ensure_built",
    "load",
    "plan",
    "plan_components",
    "skipped",
    "stale",
]
