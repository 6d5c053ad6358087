"""Toolchain for Python components, based on componentize-py."""
