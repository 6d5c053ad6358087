"""The official SDK's `MCPServer` with one tool, `add`: ``python sdk_server.py stdio | http PORT``."""

from __future__ import annotations

import sys

from mcp.server import MCPServer

server = MCPServer("peer")


@server.tool()
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        import uvicorn

        app = server.streamable_http_app(json_response=True, stateless_http=True)
        uvicorn.run(app, port=int(sys.argv[2]), http="httptools", loop="uvloop", log_level="warning", access_log=False)
