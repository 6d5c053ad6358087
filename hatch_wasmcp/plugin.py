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
from wasmcp.project.manifest import read
from wasmcp.storage import digest
from wasmcp.storage.failures import file_failures
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import relative_label
from wasmcp.toolchains.shared_sources import carried_name

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


def unfit(project: Project, version: str) -> list[str]:
    """Return a sentence for each server that cannot go into a wheel of a version as it is in the tree."""
    entries = read(project.manifest)
    problems = []
    for key in project.servers:
        path = project.output(key)
        label, entry = path.relative_to(project.root).as_posix(), entries.get(key)
        if not path.is_file():
            problems.append(f"`{label}` does not exist")
        elif entry is None or entry.get("digest") != digest.of_file(path):
            problems.append(f"`{label}` is not the server that `manifest.json` in the same folder describes")
        elif (built := entry.get("metadata", {}).get("version")) != version:
            problems.append(f"`{label}` was built as version {built}, and the wheel has version {version}")
    return problems


def changed(project: Project, version: str) -> list[str]:
    """Return a sentence for the servers whose sources are others than when they were built, as far as that is known.

    Nothing is fetched and nothing is compiled to find it out.
    """
    from wasmcp.registry.fetch_options import FetchOptions

    try:
        left = stale(plan(project, version=version, fetching=FetchOptions(project.root, offline=True)))
    except WasmcpError as error:
        return [f"it is not known whether the servers are up to date: {error}"]
    return [f"the sources of {', '.join(f'`{key}`' for key in left)} changed since it was built"] if left else []


class WasmcpBuildHook(Hook):
    """Builds the project's servers for a wheel, collects their sources for a source distribution."""

    PLUGIN_NAME = "wasmcp"

    def dependencies(self) -> list[str]:
        """Return the requirements of those extras of wasmcp that the configured components need.

        Not as `wasmcp[...]`: wasmcp itself is installed when this is asked, and pip takes it for installed with extras.
        """
        with self._mistakes_abort():
            check_ours(os.environ)
            if self.target_name != "wheel":
                return []
            if skipped():  # nothing is compiled; the bill of materials is written all the same
                return requirements_of(["build"])
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
        if version == "standard" and "sbom_files" not in build_data:
            self._refuse_hatchling()
        if skipped():
            self._take(project, version)
        else:
            planned = plan(project, version=self.metadata.version)
            with self._printed_shown():
                build(planned, progress=lambda event: self.app.display_waiting(f"wasmcp: {event}"))
            self._check(planned)
        outputs = [path for path in project.outputs if path.is_file()]
        # Anchored: a pattern without the leading slash would match in every folder.
        build_data["artifacts"].extend(f"/{path.relative_to(project.root).as_posix()}" for path in outputs)
        if version == "standard":
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

    def _refuse_hatchling(self) -> None:
        """Abort under a hatchling that would leave the bill of materials out of the wheel without a message."""
        from hatchling.__about__ import __version__ as found

        self.app.abort(
            f"wasmcp: hatchling {found} does not put a bill of materials of a build hook into a wheel, hatchling 1.29 "
            'and newer do: write `requires = ["hatchling>=1.29", ...]` in `[build-system]` of `pyproject.toml`'
        )

    def _take(self, project: Project, version: str) -> None:
        """Check the servers that are taken as they are: a wheel must hold all of them, of its own version.

        An editable install may lack them, and is warned: the next build with the switch off makes them.
        """
        self.app.display_warning(f"wasmcp: `{SKIP}` is set: servers are taken as they are")
        problems = unfit(project, self.metadata.version)
        if not problems:
            for line in changed(project, self.metadata.version):
                self.app.display_warning(f"wasmcp: {line}")
            return
        listed = "\n".join(f"  * {problem}" for problem in problems)
        message = f"wasmcp: `{SKIP}` is set, and the servers that are there cannot be taken:\n{listed}"
        if version == "standard":
            self.app.abort(f"{message}\nBuild without `{SKIP}`.")
        self.app.display_warning(message)

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
                build_data["force_include"][str(path)] = carried_name(relative_label(path, project.root))

    @contextlib.contextmanager
    def _mistakes_abort(self) -> Iterator[None]:
        """Show a user's mistake as its message alone: pip would print an exception with its traceback."""
        try:
            with file_failures():
                yield
        except WasmcpError as error:
            self.app.abort(f"wasmcp: {error}")
