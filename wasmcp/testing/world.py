"""World around the servers of one test process: outgoing HTTP, clock and random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.testing.clock import Clock
from wasmcp.testing.outgoing_http import OutgoingHttp

if TYPE_CHECKING:
    from wasmcp.host.bindings.substitutes import Substitutes


class World:
    """World around servers.

    Attributes:
        http: Their outgoing HTTP.
        clock: Their clocks and random numbers.
    """

    def __init__(self, *, network: bool = False) -> None:
        """Begin without rules.

        Args:
            network: True to send requests without a rule to where they go.
        """
        self.http = OutgoingHttp(network=network)
        self.clock = Clock()

    def substitutes(self, *, clock: bool = True) -> Substitutes:
        """Return the implementations for `wasmcp.host.open_server`.

        Args:
            clock: False to leave clocks and random numbers to WASI, which answers a little faster.
        """
        from wasmcp.host.bindings.substitutes import Substitutes
        from wasmcp.package_data import framework_component

        component = framework_component("test-imports")
        if not clock:
            return Substitutes(component, decide=self.http.decide)
        given = self.clock
        return Substitutes(
            component,
            decide=self.http.decide,
            wall=given.wall,
            monotonic=given.monotonic,
            wait=given.wait,
            random=given.random,
        )

    def close(self) -> None:
        """Stop what was started."""
        self.http.close()
