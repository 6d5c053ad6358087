"""Component-model binaries: decode, merge, compose, encode.

Pure Python, standard library only; knows nothing of MCP.

* `decode`: what a component imports and exports, with types (`model`), from bytes that nobody vouches for
* `graph`: instances, what satisfies their imports, what the whole exports; `encode` makes one component of it
* `merge`: compatible versions of an import become one; `compare` says in words where two types differ
* `builder`, `writer`, `typewriter`: components written definition by definition
"""

from __future__ import annotations
