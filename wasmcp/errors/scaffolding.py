"""Errors of creating projects and adding components."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError


class ScaffoldError(WasmcpError):
    """A project, or a component of one, that cannot be created; no file was changed.

    Attributes:
        name: The requested name.
        problems: One sentence per reason.
        files: Existing files that conflict, relative to the project's directory.
    """

    def __init__(self, name: str, problems: Sequence[str], *, files: Sequence[str] = ()) -> None:
        self.name = name
        self.problems = tuple(problems)
        self.files = tuple(files)
        listed = [f"  * `{file}`" for file in self.files]
        super().__init__("\n".join([*self.problems, *listed]))
