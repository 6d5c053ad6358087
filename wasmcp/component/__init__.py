"""Component-model binaries: decode, merge, compose, encode.

Pure Python, standard library only; knows nothing of MCP.
"""

from __future__ import annotations
