"""Composed servers: bytes, and a description of their parts, grants and lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wasmcp.apps_section import AppSummary
from wasmcp.component.builder import Chunk
from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.tasks import TaskTools
from wasmcp.revision_views import Item
from wasmcp.skills_section import SkillSummary


@dataclass(frozen=True)
class ComposedServer:
    """Composed server.

    Attributes:
        chunks: Its bytes in pieces.
        capabilities: The `ServerCapabilities` object it declares.
        tools: The recorded tools, in the order of `tools/list`.
        imports: The imports that the host must provide: interfaces of WASI, sorted.
        exports: Its entry points.
        framework: The digests of the framework components, by name.
        instances: The labels of its instances, in the order of instantiation.
        catalogue: The recorded catalogue, in the order of the lists.
        denied: The imports that each component was not granted, by its name; see `wasmcp.compose.grants.denied_to`.
        unlimited: The families that each component was granted as a whole although hosts can be named, by its name; see
            `wasmcp.compose.grants.unlimited_grants`.
        access: Its access rules as JSON values, compiled; None without rules.
        skills: Its skills, sorted by path.
        has_fixed_lists: True if every request for a list gets the recorded one: nothing in the server decides on lists.
        apps: Its apps, in the order of its components.
        tasks: The tools that can run as tasks, and how; see `wasmcp.compose.tasks.task_tools`.
        task_values: The values of `task-tools` before the tools are listed, if its host implements the interface.
    """

    chunks: tuple[Chunk, ...]
    capabilities: Mapping[str, Any]
    tools: tuple[Item, ...]
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    framework: Mapping[str, str]
    instances: tuple[str, ...]
    catalogue: Catalogue = field(default_factory=Catalogue)
    denied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlimited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    access: Mapping[str, Any] | None = None
    skills: tuple[SkillSummary, ...] = ()
    has_fixed_lists: bool = False
    apps: tuple[AppSummary, ...] = ()
    tasks: TaskTools = field(default_factory=dict)
    task_values: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(len(chunk) for chunk in self.chunks)

    @cached_property
    def data(self) -> bytes:
        """Bytes of the server."""
        return b"".join(self.chunks)

    def write(self, path: Path) -> None:
        """Write the server to a file, atomically.

        Raises:
            OSError: The file cannot be written.
        """
        from wasmcp.file_writing import write_atomically

        write_atomically(path, self.chunks, mode=None, parents=False)
