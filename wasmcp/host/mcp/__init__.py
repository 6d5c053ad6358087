"""MCP semantics of the host: sessions, subscriptions, cancellation, error responses."""
