"""Build hook ``wasmcp``: maps hatchling's build steps to those of `wasmcp.project`.

A wheel and an editable install contain the composed servers, their manifest and a bill of materials. A source
distribution builds nothing and contains all sources. ``[tool.hatch.build.hooks.wasmcp]`` only enables the hook; the
servers are configured in ``[tool.wasmcp]``, which pytest and the command line read as well.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.environment import check_ours
from wasmcp.errors import ConfigError, WasmcpError
from wasmcp.project import (
    SKIP,
    Cache,
    Plan,
    Project,
    build,
    clean,
    load,
    plan,
    plan_components,
    resolve,
    resolve_components,
    skipped,
    stale,
)
from wasmcp.project.build_plan import skill_files
from wasmcp.project.build_steps import changed, has_boms, missing, unfit
from wasmcp.project.manifest import read
from wasmcp.project.model import check_dynamic
from wasmcp.storage import file_failures
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import carried_name, relative_label

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[BuilderConfig]
else:  # not subscripted at run time: one release of hatchling took two parameters
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook

# Hatchling's own keys in a hook's table.
RESERVED = frozenset({"dependencies", "require-runtime-dependencies", "require-runtime-features", "enable-by-default"})

_TERMINAL = "rich"


def requirements_of(extras: Iterable[str]) -> list[str]:
    """Return the requirements of extras of the installed wasmcp that apply to this machine, without the terminal's."""
    import importlib.metadata

    from packaging.requirements import Requirement  # hatchling needs it

    found = set()
    for text in importlib.metadata.requires("wasmcp") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            continue  # does not belong to an extra
        if requirement.name != _TERMINAL and any(marker.evaluate({"extra": extra}) for extra in extras):
            requirement.marker = None
            found.add(str(requirement))
    return sorted(found)


class WasmcpBuildHook(Hook):
    """Hook that builds the project's servers for a wheel, and collects their sources for a source distribution."""

    PLUGIN_NAME = "wasmcp"

    def dependencies(self) -> list[str]:
        """Return the requirements of those extras of wasmcp that the build needs: none if all results are in the cache.

        Not as `wasmcp[...]`: wasmcp itself is already installed at this point, and pip would consider its extras
        installed too.
        """
        with self._abort_on_errors():
            check_ours(os.environ)
            if self.target_name not in {"wheel", "mcpb"}:  # a bundle has the wheel
                return []
            project = self._project()
            if skipped():  # nothing is compiled, but bills of materials that are not in the cache are written
                return requirements_of([] if has_boms(project) else ["build"])
            # Installations take most of the time of an isolated build in which nothing has changed: of compilers, and
            # of the library for bills of materials, which is a second run of pip.
            absent = missing(project, self._version())
            remote = ["registry"] if any(component.package for component in project.components.values()) else []
            folders = [one.skills for one in project.components.values()] + [
                one.skills for one in project.servers.values()
            ]
            checks = ["skills"] if any(one.paths for one in folders) else []
            boms = ["build"] if absent.boms else []
            extras = [*boms, *remote, *checks, *sorted(toolchain(language).extra for language in absent.languages)]
        return requirements_of(extras)

    def _version(self) -> str | None:
        """Return the distribution's version, None if it cannot be determined before the requirements are installed."""
        try:
            return str(self.metadata.version)
        except Exception:  # noqa: BLE001 - any, of the plugin or the module of the project that determines it
            return None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the servers in the tree and add them to the wheel, or the sources to the source distribution.

        Args:
            version: ``standard``, or ``editable``, which imports the files in the tree.
            build_data: Hatchling's build data; ``artifacts``, ``force_include`` and ``sbom_files`` are extended.
        """
        with self._abort_on_errors():
            check_ours(os.environ)
            project = self._project()
            check_dynamic(tomllib.loads((project.root / "pyproject.toml").read_text("utf-8")))
            if self.target_name == "sdist":
                self._include_sources(project, build_data)
            elif self.target_name == "wheel":
                self._build(project, version, build_data)

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the built servers and their manifest; called once for every target, so they can be missing."""
        with self._abort_on_errors():
            clean(self._project(check_files=False))

    def _project(self, *, check_files: bool = True) -> Project:
        unknown = sorted(self.config.keys() - RESERVED)
        if unknown:
            raise ConfigError(
                [
                    f"`tool.hatch.build.hooks.wasmcp.{key}` is unknown: this table only enables the hook; "
                    "configure the servers in `tool.wasmcp`"
                    for key in unknown
                ]
            )
        return load(Path(self.root), check_files=check_files)

    def _build(self, project: Project, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard" and "sbom_files" not in build_data:
            self._reject_hatchling()
        if skipped():
            self._check_existing(project, version)
        else:
            planned = plan(resolve(project, version=self.metadata.version))
            with self._show_output():
                build(planned, progress=lambda event: self.app.display_waiting(f"wasmcp: {event}"))
            self._check(planned)
        outputs = [path for path in project.outputs if path.is_file()]
        # Anchored: a pattern without the leading slash would match in every folder.
        build_data["artifacts"].extend(f"/{path.relative_to(project.root).as_posix()}" for path in outputs)
        if version == "standard":
            build_data["sbom_files"].extend(self._sboms(project))

    @contextlib.contextmanager
    def _show_output(self) -> Iterator[None]:
        """Show the output of modules during the build if hatchling is verbose."""
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

    def _reject_hatchling(self) -> None:
        """Abort with a version of hatchling that would silently omit the bill of materials from the wheel."""
        from hatchling.__about__ import __version__ as found

        self.app.abort(
            f"wasmcp: hatchling {found} does not put a bill of materials of a build hook into a wheel, hatchling 1.29 "
            'and newer do: write `requires = ["hatchling>=1.29", ...]` in `[build-system]` of `pyproject.toml`'
        )

    def _check_existing(self, project: Project, version: str) -> None:
        """Check the servers in the tree, which are used without a build: a wheel needs all of them, of its own version.

        An editable install only gets a warning: the next build without the variable builds them.
        """
        self.app.display_warning(f"wasmcp: `{SKIP}` is set: servers are not rebuilt")
        problems = unfit(project, self.metadata.version)
        if not problems:
            for line in changed(project, self.metadata.version):
                self.app.display_warning(f"wasmcp: {line}")
            return
        listed = "\n".join(f"  * {problem}" for problem in problems)
        message = f"wasmcp: `{SKIP}` is set, but the existing servers cannot be used:\n{listed}"
        if version == "standard":
            self.app.abort(f"{message}\nBuild without `{SKIP}`.")
        self.app.display_warning(message)

    def _check(self, planned: Plan) -> None:
        """Abort if sources changed during the build: the same check as before the build."""
        left = stale(planned)
        if left:
            listed = ", ".join(f"`{key}`" for key in left)
            self.app.abort(f"wasmcp: the sources of {listed} changed during the build; build again")
        for step in planned.servers.values():
            size = step.output.stat().st_size / 1024
            label = step.output.relative_to(planned.project.root).as_posix()
            self.app.display_success(f"wasmcp: {label} ({size:,.0f} KB)")
            for line in step.protected_run():
                self.app.display_info(f"wasmcp: {line}")

    def _sboms(self, project: Project) -> list[str]:
        from wasmcp.project.manifest import sbom_file

        entries = read(project.manifest)
        try:
            return [str(sbom_file(project, key, entries[key], Cache())) for key in project.servers if key in entries]
        except ModuleNotFoundError as error:
            self.app.abort(f'wasmcp: `{error.name}` is not installed: `pip install "wasmcp[build]"`')
            raise

    def _include_sources(self, project: Project, build_data: dict[str, Any]) -> None:
        """Add the sources that the project's own patterns leave out, and exclude built files."""
        directory = project.directory.relative_to(project.root)
        # Needed if version control does not ignore them; hatchling skips reserved paths while it walks the tree.
        self.build_config.build_reserved_paths.add(str(directory))
        included = {file.path for file in self.build_config.builder.recurse_included_files()}
        sources = [
            path for step in plan_components(project, resolve_components(project)).values() for path in step.files
        ]
        servers = project.servers.values()
        sources += [path for server in servers for path in skill_files(project, server.skills)]
        replaced = {project.root / file for server in servers for file in server.framework.values()}
        for path in (*dict.fromkeys(sources), *sorted(replaced)):
            if str(path) not in included:
                build_data["force_include"][str(path)] = carried_name(relative_label(path, project.root))

    @contextlib.contextmanager
    def _abort_on_errors(self) -> Iterator[None]:
        """Abort with the message of a user's error: pip would print an exception with its traceback."""
        try:
            with file_failures():
                yield
        except WasmcpError as error:
            self.app.abort(f"wasmcp: {error}")
