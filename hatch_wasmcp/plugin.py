"""The build hook ``wasmcp``: hatchling's steps onto those of `wasmcp.project`.

A wheel and an editable install hold the composed servers, their manifest and a bill of materials. A source distribution
builds nothing and carries all sources. ``[tool.hatch.build.hooks.wasmcp]`` only switches the hook on; what is built is
said in ``[tool.wasmcp]``, because pytest and the command line read it as well.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.environment import check_ours
from wasmcp.errors import ConfigError, WasmcpError
from wasmcp.project import SKIP, Cache, Plan, Project, build, clean, load, plan, plan_components, skipped, stale
from wasmcp.toolchains import toolchain

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[BuilderConfig]
else:  # not subscripted at run time: one release of hatchling took two parameters
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook

# Hatchling's own keys in a hook's table.
RESERVED = frozenset({"dependencies", "require-runtime-dependencies", "require-runtime-features", "enable-by-default"})


def requirements_of(extras: Iterable[str]) -> list[str]:
    """Return the requirements that some extras of the installed wasmcp have on this machine."""
    import importlib.metadata

    from packaging.requirements import Requirement  # hatchling needs it

    found = set()
    for text in importlib.metadata.requires("wasmcp") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            continue  # no extra's
        if any(marker.evaluate({"extra": extra}) for extra in extras):
            requirement.marker = None
            found.add(str(requirement))
    return sorted(found)


class WasmcpBuildHook(Hook):
    """Builds the project's servers for a wheel, collects their sources for a source distribution."""

    PLUGIN_NAME = "wasmcp"

    def dependencies(self) -> list[str]:
        """Return the requirements of those extras of wasmcp that the configured components need.

        Not as `wasmcp[...]`: wasmcp itself is installed when this is asked, and pip takes it for installed with extras.
        """
        with self._mistakes_abort():
            check_ours(os.environ)
            if self.target_name != "wheel" or skipped():
                return []
            project = self._project()
            languages = {component.language for component in project.components.values() if component.language}
            remote = ["registry"] if any(component.package for component in project.components.values()) else []
            extras = ["build", *remote, *sorted(toolchain(language).extra for language in languages)]
        return requirements_of(extras)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the servers in the tree and add them to the wheel, or the sources to the source distribution.

        Args:
            version: ``standard``, or ``editable``: then the files in the tree are those that are imported.
            build_data: Hatchling's; ``artifacts``, ``force_include`` and ``sbom_files`` are added to.
        """
        with self._mistakes_abort():
            check_ours(os.environ)
            project = self._project()
            if self.target_name == "sdist":
                self._carry_sources(project, build_data)
            elif self.target_name == "wheel":
                self._build(project, version, build_data)

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the built servers and their manifest; called for every target, so it may find nothing."""
        with self._mistakes_abort():
            clean(self._project(check_files=False))

    def _project(self, *, check_files: bool = True) -> Project:
        unknown = sorted(self.config.keys() - RESERVED)
        if unknown:
            raise ConfigError(
                [
                    f"`tool.hatch.build.hooks.wasmcp.{key}` is unknown: this table only switches the hook on; "
                    "what is built is said in `tool.wasmcp`"
                    for key in unknown
                ]
            )
        return load(Path(self.root), check_files=check_files)

    def _build(self, project: Project, version: str, build_data: dict[str, Any]) -> None:
        if skipped():
            self.app.display_warning(f"wasmcp: `{SKIP}` is set: servers are taken as they are")
        else:
            planned = plan(project, version=self.metadata.version)
            with self._printed_shown():
                build(planned, progress=lambda event: self.app.display_waiting(f"wasmcp: {event}"))
            self._check(planned)
        outputs = [path for path in project.outputs if path.is_file()]
        # Anchored: a pattern without the leading slash would match in every folder.
        build_data["artifacts"].extend(f"/{path.relative_to(project.root).as_posix()}" for path in outputs)
        if version == "standard" and "sbom_files" in build_data and project.manifest.is_file():
            build_data["sbom_files"].extend(self._sboms(project))

    @contextlib.contextmanager
    def _printed_shown(self) -> Iterator[None]:
        """Show what modules print while components are built, where hatchling was made verbose."""
        app = self.app

        class Shown(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                app.display_debug(f"wasmcp: {record.getMessage()}")

        logger, handler = logging.getLogger("wasmcp.build"), Shown()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def _check(self, planned: Plan) -> None:
        """Make sure that what was built is what was planned: the same question as before the build."""
        left = stale(planned)
        if left:
            listed = ", ".join(f"`{key}`" for key in left)
            self.app.abort(f"wasmcp: the sources of {listed} changed during the build; build again")
        for step in planned.servers.values():
            size = step.output.stat().st_size / 1024
            label = step.output.relative_to(planned.project.root).as_posix()
            self.app.display_success(f"wasmcp: {label} ({size:,.0f} KB)")

    def _sboms(self, project: Project) -> list[str]:
        from wasmcp.project.manifest import read
        from wasmcp.project.sbom import sbom_file

        entries = read(project.manifest)
        try:
            return [str(sbom_file(project, key, entries[key], Cache())) for key in project.servers if key in entries]
        except ModuleNotFoundError as error:
            self.app.abort(f'wasmcp: `{error.name}` is not installed: `pip install "wasmcp[build]"`')
            raise

    def _carry_sources(self, project: Project, build_data: dict[str, Any]) -> None:
        """Add the sources that the project's own patterns leave out, and keep built files from going along."""
        directory = project.directory.relative_to(project.root)
        # Where version control does not ignore them; hatchling skips a reserved path while it walks the tree.
        self.build_config.build_reserved_paths.add(str(directory))
        carried = {file.path for file in self.build_config.builder.recurse_included_files()}
        sources = [path for step in plan_components(project).values() for path in step.files]
        replaced = {project.root / file for server in project.servers.values() for file in server.framework.values()}
        for path in (*sources, *sorted(replaced)):
            if str(path) not in carried:
                build_data["force_include"][str(path)] = os.path.relpath(path, project.root)

    @contextlib.contextmanager
    def _mistakes_abort(self) -> Iterator[None]:
        """Show a user's mistake as its message alone: pip would print an exception with its traceback."""
        try:
            yield
        except WasmcpError as error:
            self.app.abort(f"wasmcp: {error}")
