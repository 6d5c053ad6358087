"""Projects made from servers that were written for FastMCP or the official SDK, without executing them."""

from __future__ import annotations

from wasmcp.migration.fastmcp import Imported, import_fastmcp
from wasmcp.migration.needs import Finding

__all__ = ["Finding", "Imported", "import_fastmcp"]
