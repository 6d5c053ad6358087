"""Bounded list of all problems of a value, so that a model can correct several mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable

from wasmcp.guest.errors import MismatchError

_MOST = 20
"""The maximum number of reported problems of one value."""


class Mismatches:
    """A collection of problems, raised as one `MismatchError`."""

    def __init__(self) -> None:
        self._found: MismatchError | None = None

    @property
    def full(self) -> bool:
        """True if further problems would not be reported."""
        return self._found is not None and self._found.more

    def add(self, mismatch: MismatchError, segment: str | int | None = None) -> None:
        """Add the problems of a part of the value.

        Args:
            mismatch: The problems.
            segment: The member or item that they were found in; None for the value itself.
        """
        if segment is not None:
            mismatch.under(segment)
        if self._found is None:
            self._found = mismatch
            return
        room = max(_MOST - len(self._found.problems), 0)
        self._found.problems += mismatch.problems[:room]
        self._found.more = self._found.more or mismatch.more or len(mismatch.problems) > room

    def unexpected(self, name: str, known: Iterable[str]) -> None:
        """Add an unknown member; the first one lists the known members."""
        if self.full:
            return
        reason = "unexpected"
        if self._found is None or not any(other.startswith(reason) for _, other in self._found.problems):
            names = ", ".join(known)
            reason += f"; expected only {names}" if names else "; expected nothing"
        self.add(MismatchError(reason), name)

    def missing(self, name: str) -> None:
        """Add a missing member."""
        if not self.full:
            self.add(MismatchError("required, but missing"), name)

    def check(self) -> None:
        """Raise the collected problems, if there are any.

        Raises:
            MismatchError: The problems.
        """
        if self._found is not None:
            raise self._found
