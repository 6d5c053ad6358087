"""Fuzzing of a composed server: a target for each entry point, inputs from raw bytes to nearly valid MCP messages.

`python -m fuzz --inputs 1000000` in `tests/` is the recorded run of docs/reference/fuzzing.md; the tests are short.
"""
