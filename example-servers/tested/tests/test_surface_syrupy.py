"""The surface, compared with the file in `__snapshots__` by syrupy.

`pytest --snapshot-update` accepts a change.
"""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion

from wasmcp.host import Server


def test_the_surface(wasmcp_server: Server, snapshot: SnapshotAssertion) -> None:
    assert wasmcp_server.surface() == snapshot
