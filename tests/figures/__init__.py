"""Figures of the guides that a command measures."""
