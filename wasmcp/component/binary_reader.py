"""Bounds-checked reader of untrusted bytes.

Source: core WebAssembly, binary format, "Values"; component-model, design/mvp/Binary.md.
"""

from __future__ import annotations

from wasmcp.errors import ComponentError

MAX_NAME = 100_000  # bytes; as in the JavaScript API's implementation limits


class Reader:
    """A range of a file, read from left to right. Offsets in errors count from the start of the file."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def fail(self, problem: str, offset: int | None = None) -> ComponentError:
        """Return an error at this position, or at `offset`."""
        return ComponentError(problem, offset=self.position if offset is None else offset)

    def byte(self) -> int:
        """Read the next byte."""
        position = self.position
        if position >= self.end:
            raise self.fail("unexpected end: a byte is missing")
        self.position = position + 1
        return self.data[position]

    def u32(self) -> int:
        """Read an unsigned number of at most 32 bits in at most five bytes."""
        data, position, end = self.data, self.position, self.end
        if position < end and data[position] < 0x80:
            self.position = position + 1
            return data[position]
        value = 0
        for shift in range(0, 35, 7):
            if position >= end:
                raise self.fail("unexpected end: a number is cut off")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 32:
                    raise self.fail("a number is above 32 bits")
                self.position = position
                return value
        raise self.fail("a number is longer than five bytes")

    def s33(self) -> int:
        """Read a signed number of at most 33 bits in at most five bytes."""
        start = self.position
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte & 0x40:
                    value -= 1 << (shift + 7)
                if not -(1 << 32) <= value < 1 << 32:
                    raise self.fail("a number is above 33 bits", start)
                return value
        raise self.fail("a number is longer than five bytes", start)

    def count(self) -> int:
        """Read the length of a vector; each item takes at least one byte, so it cannot exceed the bytes left."""
        start = self.position
        count = self.u32()
        if count > self.end - self.position:
            raise self.fail(f"{count} items are announced, with {self.end - self.position} bytes left", start)
        return count

    def name(self) -> str:
        """Read a name in UTF-8."""
        start = self.position
        size = self.u32()
        position = self.position
        if size > self.end - position:
            raise self.fail(f"a name of {size} bytes is announced, with {self.end - position} left", start)
        if size > MAX_NAME:
            raise self.fail(f"a name of {size} bytes is too long (at most {MAX_NAME})", start)
        self.position = position + size
        try:
            return str(self.data[position : self.position], "utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("a name is not UTF-8", position + error.start) from None

    def skip_name(self) -> None:
        """Skip a name."""
        size = self.u32()
        if size > self.end - self.position:
            raise self.fail(f"a name of {size} bytes is announced, with {self.end - self.position} left")
        self.position += size

    def part(self, size: int, what: str) -> Reader:
        """Return a reader of the next `size` bytes, and skip them here."""
        start = self.position
        if size > self.end - start:
            raise self.fail(f"{what} needs {size} bytes, but only {self.end - start} are left: the file is truncated")
        self.position = start + size
        return Reader(self.data, start, self.position)

    def finish(self, what: str) -> None:
        """Check that all bytes were read."""
        if self.position != self.end:
            raise self.fail(f"{what} has {self.end - self.position} bytes too many")
