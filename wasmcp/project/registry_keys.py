"""What ``[tool.wasmcp]`` says about registries, checked. Nothing of it is imported for projects that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError, InvalidReferenceError
from wasmcp.project.toml_table import Table


def package_reference(table: Table) -> str | None:
    """Return what a component is in a registry, None when it is in none; a reference that is none is noted."""
    value = table.string("package")
    if value is not None:
        from wasmcp.registry.oci.references import parse as parse_reference

        try:
            parse_reference(value)
        except InvalidReferenceError as error:
            table.problem("package", f"is none: {error}")
    return value


def check_registry(table: Table, data: Mapping[str, Any], root: Path) -> None:
    """Note the mistakes in namespaces and policy, which `wasmcp.registry.names.namespace_policy` reads later."""
    keys = [key for key in ("namespaces", "policy") if table.table(key) is not None]
    if not keys:
        return
    from wasmcp.registry.names.namespace_policy import parse_settings

    try:
        parse_settings({key: data[key] for key in keys}, "pyproject.toml", root, "tool.wasmcp.")
    except ConfigError as error:
        table.problems.extend(error.problems)
