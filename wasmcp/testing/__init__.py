"""Servers under test: the world around them, clients of all transports, and what tests inspect.

Independent of pytest; `pytest_wasmcp` makes fixtures of it.
"""
