"""MCP servers out of components: which component is what, who is wrapped by whom, wired to which service."""

from __future__ import annotations
