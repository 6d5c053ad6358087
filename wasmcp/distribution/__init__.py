"""Forms in which projects distribute their servers: bundles, entries of the MCP Registry, clients' configuration."""
