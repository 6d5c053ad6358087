"""Fake of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wasmcp.guest.config import _SOURCES, Source


@contextmanager
def fake_config(
    values: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Replace the component's configuration inside a ``with`` block.

    .. code-block:: python

        def test_greeting():
            with fake_config({"greeting": "Good morning"}):
                assert greet("Ada") == "Good morning, Ada"

    Args:
        values: The table ``config`` of the component.
        environment: The environment variables; by default no variables.

    Yields:
        The table, which the test can change.
    """
    given = dict(values or {})
    variables = dict(environment or {})
    source = Source(lambda: given, lambda: variables)
    _SOURCES.append(source)
    try:
        yield given
    finally:
        _SOURCES.remove(source)
