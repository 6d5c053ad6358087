"""Boot the built server in this process, list its tools and call some."""

from __future__ import annotations

import json
from pathlib import Path

from wasmcp.host import open_server

SERVER = Path(__file__).parent / "src" / "example" / "_wasmcp" / "default.wasm"

CALLS = [
    ("reverse", {"text": "WebAssembly"}),
    ("statistics", {"text": "To be, or not to be.", "top": 2}),
    ("add", {"a": 1, "b": 2}),
    ("divide", {"a": 1, "b": 0}),
    ("truncate", {"text": "too short", "length": "three"}),
]


def main() -> None:
    """Print the catalogue and the outcome of each call."""
    with open_server(SERVER) as server:
        print(f"{SERVER.name}: {SERVER.stat().st_size / 1e6:.1f} MB")
        for tool in server.list_tools():
            print(f"  {tool.name:<12} {tool.description}")
        for name, arguments in CALLS:
            result = server.call_tool(name, arguments)
            answer = result.text if result.is_error else json.dumps(result.structured_content, ensure_ascii=False)
            print(f"{name}({json.dumps(arguments)}) -> {'error: ' if result.is_error else ''}{answer}")


if __name__ == "__main__":
    main()
