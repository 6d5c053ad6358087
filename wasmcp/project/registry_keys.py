"""Validation of the registry keys of ``[tool.wasmcp]``. Registry modules are imported only if these keys are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError, InvalidReferenceError
from wasmcp.project.toml_table import Table


def package_reference(table: Table) -> str | None:
    """Return the registry reference of a component, or None; an invalid reference is a mistake of the table."""
    value = table.string("package")
    if value is not None:
        from wasmcp.registry.oci.references import parse as parse_reference

        try:
            parse_reference(value)
        except InvalidReferenceError as error:
            table.problem("package", f"is invalid: {error}")
    return value


def check_registry(table: Table, data: Mapping[str, Any], root: Path) -> None:
    """Collect the mistakes in namespaces and policy, which `wasmcp.registry.names.namespace_policy` reads later."""
    keys = [key for key in ("namespaces", "policy") if table.table(key) is not None]
    if not keys:
        return
    from wasmcp.registry.names.namespace_policy import parse_settings

    try:
        parse_settings({key: data[key] for key in keys}, "pyproject.toml", root, "tool.wasmcp.")
    except ConfigError as error:
        table.problems.extend(error.problems)
