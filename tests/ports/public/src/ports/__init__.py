"""Servers with the behaviour of public ones."""
