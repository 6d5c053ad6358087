"""Errors of stores."""

from __future__ import annotations


class StoreRequestError(Exception):
    """An error returned to the component, as the case `other` of the interface's error."""
