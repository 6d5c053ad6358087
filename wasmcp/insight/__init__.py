"""Inspection of components and servers: lists, wiring, differences, and the state of the machine."""
