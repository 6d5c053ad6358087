"""Substitute for the package `truststore` in a component: the host has the certificates of the operating system."""

from __future__ import annotations

from ssl import SSLContext

__all__ = ["SSLContext", "extract_from_ssl", "inject_into_ssl"]


def inject_into_ssl() -> None:
    """Do nothing: every context has the certificates of the host."""


def extract_from_ssl() -> None:
    """Do nothing; see `inject_into_ssl`."""
