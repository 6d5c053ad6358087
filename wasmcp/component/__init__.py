"""Decoder, encoder and composition of component-model binaries.

Pure Python, standard library only; independent of MCP.

* `decode`: the imports and exports of a component with their types (`types`), from untrusted bytes
* `graph`: instances, their arguments, and the exports of the composition; `encode` writes it as one component
* `merge`: compatible versions of an import become one; `type_mismatch` describes the first difference of two types
* `builder`, `binary_writer`, `type_encoder`: write components definition by definition
"""

from __future__ import annotations
