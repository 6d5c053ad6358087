"""Parts of the surface, compared with values in this file by inline-snapshot.

`pytest --inline-snapshot=fix` accepts a change.
"""

from __future__ import annotations

from inline_snapshot import snapshot

from wasmcp.host import Server


def test_the_tools(wasmcp_server: Server) -> None:
    assert list(wasmcp_server.surface()["tools"]) == snapshot(["average", "convert"])


def test_the_arguments_of_the_prompt(wasmcp_server: Server) -> None:
    assert wasmcp_server.surface()["prompts"]["explain"]["arguments"] == snapshot(
        [
            {"name": "scale", "description": "The scale.", "required": True},
            {"name": "words", "description": "How many words at most."},
        ]
    )
