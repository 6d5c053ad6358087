"""Implementation of session values by the interface ``sessions``. Only for components that import it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wit_world.imports import sessions  # type: ignore[import-not-found]

from wasmcp.guest.kv.bindings import called, tagged_of, value_of
from wasmcp.guest.kv.buckets import Session
from wasmcp.guest.kv.values import Tagged


class _Values:
    """The session values of one request."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return called("sessions", function, self._request, *arguments)

    def get(self, key: str) -> Tagged | None:
        found = self._call(sessions.get, key)
        return None if found is None else tagged_of(found)

    def set(self, key: str, value: Tagged) -> None:
        self._call(sessions.set, key, value_of(value))

    def delete(self, key: str) -> None:
        self._call(sessions.delete, key)

    def exists(self, key: str) -> bool:
        return self._call(sessions.get, key) is not None

    def increment(self, key: str, delta: int) -> int:
        found: int = self._call(sessions.increment, key, delta)
        return found

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        before = None if expected is None else value_of(expected)
        found: bool = self._call(sessions.compare_and_swap, key, before, value_of(replacement))
        return found

    def keys(self) -> list[str]:
        found: list[str] = self._call(sessions.keys)
        return found


def open_session(request: Callable[[], Any]) -> Session | None:
    """Return the session of the request that a function returns; None without a session."""
    current = request()
    return Session(request, _Values(current)) if sessions.has_session(current) else None
