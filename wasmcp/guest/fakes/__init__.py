"""What stands in for the host in unit tests: no part of a component. `wasmcp.guest.testing` offers it."""
