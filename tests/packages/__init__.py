"""Packages that public MCP servers depend on, each tried in a component: the table of docs/guides/what-runs.md."""
