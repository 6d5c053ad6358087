"""Projects and components that are not made."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError


class ScaffoldError(WasmcpError):
    """A project, or a component of one, that is not made; nothing was changed.

    Attributes:
        name: The name that was asked for.
        problems: A sentence for each reason.
        files: Those that are in the way, relative to the project's folder.
    """

    def __init__(self, name: str, problems: Sequence[str], *, files: Sequence[str] = ()) -> None:
        self.name = name
        self.problems = tuple(problems)
        self.files = tuple(files)
        listed = [f"  * `{file}`" for file in self.files]
        super().__init__("\n".join([*self.problems, *listed]))
