"""Peers: the official SDK's servers, FastMCP and an ASGI application without MCP, with the same tools.

Each file runs as ``python FILE stdio`` or ``python FILE http PORT``. Over HTTP all of them use uvicorn with httptools
and uvloop, without sessions and with JSON responses: their fastest settings.
"""
