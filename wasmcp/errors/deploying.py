"""Errors of writing the manifests of a deployment."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError


class DeploymentError(WasmcpError):
    """A server that cannot be deployed as requested; no file was written.

    Attributes:
        target: The kind of deployment: `kubernetes`, `compose`, `spin` or `wasmcloud`.
        problems: One sentence per reason.
    """

    def __init__(self, target: str, problems: Sequence[str]) -> None:
        self.target = target
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"  * {problem}" for problem in self.problems]
        super().__init__("\n".join([f"the deployment for {target} cannot be written, {count}:", *lines]))
