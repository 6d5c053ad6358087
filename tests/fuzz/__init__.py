"""Fuzzing of a composed server: a target for each door, inputs from raw bytes to almost right MCP messages.

`python -m fuzz --inputs 1000000` in `tests/` is the recorded run of docs/reference/fuzzing.md; the tests are short.
"""
