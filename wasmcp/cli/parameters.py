"""Types of parameters that several commands have."""

from __future__ import annotations

from typing import Any

import click


class FilePath(click.Path):
    """Path of a file or directory, which must not be empty: an empty one would be the current directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text to a path."""
        if not value:
            kind = "file" if self.file_okay else "directory"
            self.fail(f"it must be the path of a {kind}, not empty", param, ctx)
        return super().convert(value, param, ctx)
