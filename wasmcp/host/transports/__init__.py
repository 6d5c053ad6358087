"""Transports: stdio, ASGI and the HTTP server."""
