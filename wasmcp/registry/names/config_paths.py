"""Paths of the user's configuration. Source: XDG Base Directory Specification; elsewhere platformdirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def config_directory() -> Path:
    """Return the user's configuration directory: ``$XDG_CONFIG_HOME/wasmcp``, or the platform's default."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # noqa: PTH117 - str, can be empty
        return Path(base) / "wasmcp"
    if sys.platform.startswith("linux"):
        return Path.home() / ".config" / "wasmcp"
    from platformdirs import user_config_path

    return user_config_path("wasmcp", appauthor=False)


def config_path() -> Path:
    """Return the file of aliases and profiles, whose format is shared with the Rust tool."""
    return config_directory() / "config.toml"


def own_path() -> Path:
    """Return the file of the keys of this tool only: the Rust tool drops unknown keys from `config.toml`."""
    return config_directory() / "wasmcp-python.toml"


def composed_directory() -> Path:
    """Return the default directory for servers of profiles."""
    return config_directory() / "composed"
