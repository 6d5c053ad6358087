"""Builders ``mcpb`` and ``server-json``: map hatchling's build targets to `wasmcp.distribution`."""

from __future__ import annotations

import contextlib
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.distribution.descriptions import PackageMetadata
from wasmcp.errors import ConfigError, WasmcpError
from wasmcp.storage import file_failures

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.plugin.interface import BuilderInterface
    from hatchling.plugin.manager import PluginManager

    from wasmcp.project import Project

    Builder = BuilderInterface[BuilderConfig, PluginManager]
else:
    from hatchling.builders.plugin.interface import BuilderInterface as Builder

_HATCHLINGS = frozenset(
    {"dependencies", "directory", "hooks", "require-runtime-dependencies", "require-runtime-features", "versions"}
)
"""Hatchling's own keys in the table of a target that selects no files."""


def package_metadata(metadata: Any) -> PackageMetadata:
    """Return the metadata of a distribution from that of hatchling, its dynamic fields included."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    core = metadata.core
    return PackageMetadata(
        name=core.name,
        version=metadata.version,
        description=core.description,
        readme=core.readme,
        authors=(*core.authors, *core.maintainers),
        urls=dict(core.urls),
        license=core.license_expression or core.license,
        keywords=tuple(core.keywords),
        requires_python=core.requires_python,
        scripts=tuple(core.scripts),
        dependencies=tuple(canonicalize_name(Requirement(text).name) for text in core.dependencies),
    )


class _ServerBuilder(Builder):
    """Builder of one file about one server of the project."""

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """Return the only version of the target."""
        return {"standard": self.build_standard}

    def get_default_versions(self) -> list[str]:
        """Return the only version of the target."""
        return ["standard"]

    def build_standard(self, directory: str, **_build_data: Any) -> str:
        """Write the file, and return its path."""
        try:
            with file_failures():
                return str(self.write(Path(directory)))
        except WasmcpError as error:
            self.app.abort(f"wasmcp: {error}")
            raise

    @abstractmethod
    def write(self, directory: Path) -> Path:
        """Write the file into a folder."""

    def options(self, *, strings: tuple[str, ...], lists: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the options in the table of the target that are given.

        Args:
            strings: Keys of strings.
            lists: Keys of lists of strings.

        Raises:
            ConfigError: An option is unknown or has another type.
        """
        place, problems, found = f"tool.hatch.build.targets.{self.PLUGIN_NAME}", [], {}
        for key, value in self.target_config.items():
            if key in _HATCHLINGS:
                continue
            if key not in (*strings, *lists):
                known = ", ".join(f"`{one}`" for one in (*strings, *lists))
                problems.append(f"`{place}.{key}` is unknown; known: {known}")
            elif key in strings and not isinstance(value, str):
                problems.append(f"`{place}.{key}` must be a string, not {value!r}")
            elif key in lists and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                problems.append(f"`{place}.{key}` must be a list of strings, not {value!r}")
            else:
                found[key] = value
        if problems:
            raise ConfigError(problems)
        return found

    def project(self, server: str) -> Project:
        """Return the project.

        Raises:
            ConfigError: It is invalid, or has no server of this name.
        """
        from wasmcp.project import load

        found = load(Path(self.root))
        if server not in found.servers:
            known = ", ".join(f"`{key}`" for key in found.servers)
            place = f"tool.hatch.build.targets.{self.PLUGIN_NAME}.server"
            raise ConfigError([f"`{place}` must name a server of the project ({known}), not `{server}`"])
        return found


class McpbBuilder(_ServerBuilder):
    """Builder of an MCP bundle with the project's wheel."""

    PLUGIN_NAME = "mcpb"

    def write(self, directory: Path) -> Path:
        """Build the wheel, and write the bundle."""
        from wasmcp.distribution.mcp_bundle import bundle_manifest, write_bundle
        from wasmcp.project.manifest import read

        options = self.options(strings=("server", "icon"))
        server, icon = options.get("server", "default"), options.get("icon")
        project, metadata = self.project(server), package_metadata(self.metadata)
        bundle_manifest(project, server, metadata, {})  # missing metadata is reported before anything is built
        with self._wheel() as wheel:
            entry = read(project.manifest)[server]
            return write_bundle(project, server, metadata, entry, wheel=wheel, output=directory, icon=icon)

    @contextlib.contextmanager
    def _wheel(self) -> Iterator[Path]:
        from hatchling.builders.wheel import WheelBuilder

        with tempfile.TemporaryDirectory() as folder:
            builder: Any = WheelBuilder(
                self.root, plugin_manager=self.plugin_manager, metadata=self.metadata, app=self.app
            )
            (wheel,) = builder.build(directory=folder, versions=["standard"])
            yield Path(wheel)

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the bundles of the project."""
        for path in Path(directory).glob(f"{self.metadata.core.name}-*.mcpb"):
            path.unlink()


class ServerJsonBuilder(_ServerBuilder):
    """Builder of the document for the MCP Registry."""

    PLUGIN_NAME = "server-json"

    def write(self, directory: Path) -> Path:
        """Write ``server.json``."""
        from wasmcp.distribution.publishing import registry_document, write_document

        options = self.options(strings=("server", "name"), lists=("remotes",))
        server = options.get("server", "default")
        project, metadata = self.project(server), package_metadata(self.metadata)
        document = registry_document(
            project, server, metadata, name=options.get("name"), remotes=options.get("remotes", ())
        )
        return write_document(document, directory)

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove ``server.json``."""
        (Path(directory) / "server.json").unlink(missing_ok=True)
