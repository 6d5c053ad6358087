"""Where a user's registry is kept. Source: XDG Base Directory Specification; elsewhere what platformdirs says."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def config_directory() -> Path:
    """Return the folder of the user's configuration: ``$XDG_CONFIG_HOME/wasmcp``, or the platform's place for it."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # noqa: PTH117 - str, may be empty
        return Path(base) / "wasmcp"
    if sys.platform.startswith("linux"):
        return Path.home() / ".config" / "wasmcp"
    from platformdirs import user_config_path

    return user_config_path("wasmcp", appauthor=False)


def config_path() -> Path:
    """Return the file of aliases and profiles, whose format is shared with the Rust tool."""
    return config_directory() / "config.toml"


def own_path() -> Path:
    """Return the file of what is ours alone: the Rust tool drops from `config.toml` what it does not know."""
    return config_directory() / "wasmcp-python.toml"


def composed_directory() -> Path:
    """Return the folder where servers of profiles go that name no other."""
    return config_directory() / "composed"
