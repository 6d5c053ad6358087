"""The official conformance suite and the official inspector against the everything server, over HTTP and stdio.

`python -m conformance` in `tests/` (or `make conformance`) runs all of it. `expected.toml` lists the expected
failures.
"""
