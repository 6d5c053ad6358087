"""Limits of engines on the structure of a component, and the counts that they apply to.

Source: wasmparser 0.261 (`limits.rs`), the validator of wasmtime 50; checked against that engine in
tests/component/test_component_limits.py. wasmtime 49 and older accept 1,000 instances.
"""

from __future__ import annotations

from dataclasses import dataclass

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE
from wasmcp.component.builder import Chunk
from wasmcp.component.topology import skip_extern
from wasmcp.component.type_decoder import read_extern_name

MAX_DEFINITIONS = 1_000
"""Most core modules and components in a file, including the file itself and everything nested in it."""

MAX_INSTANCES = 4_096
"""Most instances, core and other, in the index spaces of one component."""

_MAX_NESTING = 100
_INSTANCE = 5


@dataclass(frozen=True)
class Counts:
    """Counts of one file.

    Attributes:
        definitions: The core modules and components, including the file itself and everything nested in it.
        instances: The instances, core and other, of the nested component that has the most.
    """

    definitions: int
    instances: int


def count(data: Chunk) -> Counts:
    """Return the counts of a component.

    Args:
        data: The file.

    Raises:
        ComponentError: The component is damaged.
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    return _count(Reader(view, len(COMPONENT_PREAMBLE), len(view)), 0)


def _count(reader: Reader, nesting: int) -> Counts:
    if nesting > _MAX_NESTING:
        raise reader.fail(f"components are nested more than {_MAX_NESTING} deep")
    definitions, own, largest = 1, 0, 0
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == 1:
            definitions += 1
        elif code == 4:
            section.part(len(COMPONENT_PREAMBLE), "a component's preamble")
            inner = _count(section, nesting + 1)
            definitions += inner.definitions
            largest = max(largest, inner.instances)
        elif code in (2, 5):  # core instances, instances
            own += section.count()
        elif code in (6, 10, 11):
            own += sum(_adds_instance(code, section) for _ in range(section.count()))
    return Counts(definitions, max(own, largest))


def _adds_instance(code: int, section: Reader) -> bool:
    """Return true if an alias, an import or an export adds to the index space of instances."""
    if code == 6:
        sort = section.byte()
        if sort == 0:
            section.byte()
        target = section.byte()
        section.u32()
        if target in (0x00, 0x01):
            section.skip_name()
        else:
            section.u32()
        return sort == _INSTANCE
    read_extern_name(section)
    if code == 10:
        return skip_extern(section) == _INSTANCE
    sort = section.byte()
    if sort == 0:
        section.byte()
    section.u32()
    if section.byte():
        skip_extern(section)
    return sort == _INSTANCE
