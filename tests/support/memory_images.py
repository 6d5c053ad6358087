"""Initial memory of a component of Python, as an engine sees it."""

from __future__ import annotations

from collections.abc import Iterator

from wasmcp.component.binary_format import Reader

_DATA, _MODULE, _COMPONENT = 11, 1, 4


def memory_image(component: bytes) -> tuple[int, int]:
    """Return the extent of the largest initial memory in a component, and the bytes of data in it."""
    return max(_images(Reader(memoryview(component), 8, len(component))), key=lambda image: image[1])


def _images(reader: Reader) -> Iterator[tuple[int, int]]:
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code in (_MODULE, _COMPONENT):
            section.position += 8
            yield from _images(section) if code == _COMPONENT else _of_module(section)


def _of_module(module: Reader) -> Iterator[tuple[int, int]]:
    while module.position < module.end:
        code = module.byte()
        section = module.part(module.u32(), f"section {code}")
        if code == _DATA:
            segments = [segment for _ in range(section.u32()) if (segment := _segment(section)) is not None]
            if segments:
                first = min(offset for offset, _ in segments)
                yield max(offset + size for offset, size in segments) - first, sum(size for _, size in segments)


def _segment(section: Reader) -> tuple[int, int] | None:
    """Return the constant offset and the size of a segment; None for a passive one, or one with another offset."""
    kind = section.u32()
    offset = None
    if kind != 1:
        is_constant = section.byte() == 0x41
        offset = section.u32() if is_constant else None
        if offset is None:
            section.u32()
        section.byte()
    size = section.u32()
    section.position += size
    return None if offset is None else (offset, size)
