"""Servers with the behaviour of public ones, and the originals."""
