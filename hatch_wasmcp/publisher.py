"""Publisher ``oci``: maps ``hatch publish -p oci`` to `wasmcp.distribution.publishing`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import ConfigError, WasmcpError
from wasmcp.storage import file_failures
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.distribution.publishing import Publication

    class Publisher:
        """Base class in hatch, which has no types."""

        app: Any
        root: Any
        project_config: dict[str, Any]

else:
    from hatch.publish.plugin.interface import PublisherInterface as Publisher

COMMAND = "hatch publish -p oci"
_PLACE = "tool.hatch.publish.oci"
_HATCHS = frozenset({"disable", "no_prompt", "initialize_auth"})
_KINDS: Mapping[str, type] = {
    "reference": str,
    "servers": dict,
    "sign": str,
    "sign-keyless": bool,
    "force": bool,
}
_NAMES = {str: "a string", bool: "a boolean", dict: "a table of references by server"}


def read_options(table: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the project's table, replaced by those of the command line.

    Args:
        table: The table `[tool.hatch.publish.oci]`.
        given: The options `-o NAME=VALUE`, and hatch's own.

    Raises:
        ConfigError: An option is unknown, has another type, or no server has a reference. Mistakes of the command line
            are named first, and alone.
    """
    problems = []
    wrong = []
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in _HATCHS:
            continue
        if key not in _KINDS:
            problems.append(f"`{_PLACE}.{key}` is unknown; known: {', '.join(f'`{kind}`' for kind in _KINDS)}")
        elif type(value) is not _KINDS[key] or (
            isinstance(value, dict) and not all(isinstance(one, str) for one in value.values())
        ):
            problems.append(f"`{_PLACE}.{key}` must be {_NAMES[_KINDS[key]]}, not {value!r}")
        else:
            found[key] = value
    for key, text in given.items():
        if key in _HATCHS:
            continue
        if key not in _KINDS or key == "servers":
            wrong.append(f"`-o {key}` is unknown; known: `reference`, `sign`, `sign-keyless`, `force`")
        elif _KINDS[key] is bool and text not in {"true", "false"}:
            wrong.append(f"`-o {key}` must be `true` or `false`, not `{text}`")
        else:
            found[key] = text == "true" if _KINDS[key] is bool else text
    if wrong:
        raise ConfigError(wrong, path=COMMAND)
    if not problems and not found.get("reference") and not found.get("servers"):
        problems.append(
            f'`{_PLACE}.reference` is needed: `reference = "NAMESPACE:NAME"` or `"oci://HOST/REPOSITORY"`, or '
            "`-o reference=...`"
        )
    if problems:
        raise ConfigError(problems)
    return found


class OciPublisher(Publisher):
    """Publisher of the built servers in an OCI registry."""

    PLUGIN_NAME = "oci"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        """Publish the servers in the tree, which `hatch build` leaves there."""
        try:
            with file_failures():
                self._publish(artifacts, options)
        except WasmcpError as error:
            self.app.abort(f"wasmcp: {error}")

    def _publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        from wasmcp.distribution.publishing import publish_built
        from wasmcp.environment import check_ours
        from wasmcp.project import load
        from wasmcp.project.model import version_of

        check_ours(os.environ)
        if artifacts:
            named = ", ".join(f"`{printable(name)}`" for name in artifacts)
            self.app.abort(
                f"wasmcp: {named}: the publisher `oci` pushes the servers in the tree. Leave the argument out"
            )
        found = read_options(self.project_config, options)
        default = {"default": found["reference"]} if found.get("reference") else {}
        project = load(Path(str(self.root)))
        published = publish_built(
            project,
            version_of(project),
            {**default, **found.get("servers", {})},
            self._publication(project.root, found),
            lambda line: self.app.display_warning(f"wasmcp: {line}"),
        )
        for key, one in published.items():
            self.app.display_success(f"wasmcp: {key}: {one.place}")

    def _publication(self, root: Path, found: Mapping[str, Any]) -> Publication:
        from hatchling.metadata.core import ProjectMetadata
        from hatchling.plugin.manager import PluginManager

        from wasmcp.distribution.publishing import Publication
        from wasmcp.registry.signing.signers import password

        core = ProjectMetadata(str(root), PluginManager()).core
        facts = {"description": core.description, "licenses": core.license_expression or core.license}
        key = found.get("sign")
        return Publication(
            facts=facts,
            key=None if key is None else root / Path(key).expanduser(),
            password=password(),
            keyless=found.get("sign-keyless", False),
            force=found.get("force", False),
        )
