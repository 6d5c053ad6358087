"""Sphinx configuration."""

from importlib.metadata import version as installed

project = "wasmcp"
author = "the wasmcp developers"
release = installed("wasmcp")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "wasmcp"
