"""Findings of an import: lines that were changed, that were not carried, or that need the author's attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["changed", "not carried", "check"]


@dataclass(frozen=True, order=True)
class Finding:
    """A finding in a source file.

    Attributes:
        file: The file, relative to the imported file's folder or to the package's parent.
        line: The first line of the statement.
        last: Its last line.
        kind: ``changed``, ``not carried``, or ``check`` for a line that is carried and may behave differently.
        message: The finding, and what to do.
    """

    file: str
    line: int
    last: int
    kind: Kind
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {
            "file": self.file,
            "line": self.line,
            "lastLine": self.last,
            "kind": self.kind,
            "message": self.message,
        }
