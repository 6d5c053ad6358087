"""Oracles: the types of the official SDK, and the members of each revision of the specification."""
