"""Source of a project's component, and the toolchain that compiles it."""

from __future__ import annotations

from wasmcp.project.model import ComponentConfig, Project
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import ComponentSource, Toolchain


def source_of(project: Project, config: ComponentConfig) -> tuple[ComponentSource, Toolchain]:
    """Return the source of a component without its dependencies, and the toolchain of its language."""
    path = project.root / config.file
    source = ComponentSource(config.name, path, project.root, options=config.options, grants=config.grants)
    return source, toolchain(config.language or "")
