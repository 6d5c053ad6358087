"""Options of runs of pytest within a test."""

from __future__ import annotations

IN_PROCESS = ("-p", "no:faulthandler")
"""Options of `runpytest_inprocess`: pytest's faulthandler plugin resets the handlers of signals when an inner run ends,
also that of wasmtime, so that the next trap of a component would end this process."""
