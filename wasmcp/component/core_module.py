"""Writer of small core WebAssembly modules.

Supports the part of the binary format that the generated glue needs: constants, stubs and dispatch. `CoreModule` builds
a module; each function in lower case returns the bytes of one instruction.

Source: WebAssembly Core Specification 2.0, chapter 5 (Binary Format).
"""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.component.binary_format import MODULE_PREAMBLE, name, sleb128, uleb128, vector

I32 = 0x7F
I64 = 0x7E
F32 = 0x7D
F64 = 0x7C

PAGE = 65536
"""Size of one page of linear memory, in bytes."""

_VOID_BLOCK = b"\x40"
_MAX_PAGES = 65536


# Instructions. Core specification, 5.4.


def unreachable() -> bytes:
    """Trap."""
    return b"\x00"


def block(body: bytes) -> bytes:
    """Run `body`; a `br` to this block leaves it."""
    return b"\x02" + _VOID_BLOCK + body + b"\x0b"


def loop(body: bytes) -> bytes:
    """Run `body`; a `br` to this loop starts it again."""
    return b"\x03" + _VOID_BLOCK + body + b"\x0b"


def if_(body: bytes) -> bytes:
    """Run `body` if the i32 on the stack is not zero."""
    return b"\x04" + _VOID_BLOCK + body + b"\x0b"


def br(depth: int) -> bytes:
    """Branch to the enclosing block number `depth`."""
    return b"\x0c" + uleb128(depth)


def br_if(depth: int) -> bytes:
    """Branch if the i32 on the stack is not zero."""
    return b"\x0d" + uleb128(depth)


def br_table(depths: Sequence[int], default: int) -> bytes:
    """Branch to the block that the i32 on the stack selects, or to `default`."""
    return b"\x0e" + vector([uleb128(depth) for depth in depths]) + uleb128(default)


def call(function: int) -> bytes:
    """Call a function by index."""
    return b"\x10" + uleb128(function)


def local_get(index: int) -> bytes:
    """Push a local."""
    return b"\x20" + uleb128(index)


def local_set(index: int) -> bytes:
    """Pop into a local."""
    return b"\x21" + uleb128(index)


def global_get(index: int) -> bytes:
    """Push a global."""
    return b"\x23" + uleb128(index)


def global_set(index: int) -> bytes:
    """Pop into a global."""
    return b"\x24" + uleb128(index)


def i32_const(value: int) -> bytes:
    """Push an i32; 2**31 and above wrap to the negative number of the same bits."""
    return b"\x41" + sleb128(value - (1 << 32) if value >= 1 << 31 else value)


def i32_load(offset: int = 0) -> bytes:
    """Load four bytes from the address on the stack plus `offset`."""
    return b"\x28\x02" + uleb128(offset)


def i32_load8_u(offset: int = 0) -> bytes:
    """Load one byte, zero-extended."""
    return b"\x2d\x00" + uleb128(offset)


def i32_load16_u(offset: int = 0) -> bytes:
    """Load two bytes, zero-extended."""
    return b"\x2f\x01" + uleb128(offset)


def load(kind: int, size: int, offset: int = 0) -> bytes:
    """Load a value of a kind from `size` bytes, zero-extended, at the address on the stack plus `offset`."""
    if kind == I32:
        return {1: i32_load8_u, 2: i32_load16_u, 4: i32_load}[size](offset)
    return {I64: b"\x29\x03", F32: b"\x2a\x02", F64: b"\x2b\x03"}[kind] + uleb128(offset)


def i32_store(offset: int = 0) -> bytes:
    """Store four bytes at the address below the value on the stack plus `offset`."""
    return b"\x36\x02" + uleb128(offset)


def memory_size() -> bytes:
    """Push the size of the memory in pages."""
    return b"\x3f\x00"


def memory_grow() -> bytes:
    """Grow the memory; push the old size or -1."""
    return b"\x40\x00"


def i32_eqz() -> bytes:
    """Test for zero."""
    return b"\x45"


def i32_eq() -> bytes:
    """Compare two i32."""
    return b"\x46"


def i32_lt_u() -> bytes:
    """Compare two i32, unsigned."""
    return b"\x49"


def i32_gt_s() -> bytes:
    """Compare two i32, signed."""
    return b"\x4a"


def i32_add() -> bytes:
    """Add."""
    return b"\x6a"


def i32_sub() -> bytes:
    """Subtract."""
    return b"\x6b"


def i32_and() -> bytes:
    """Combine bits."""
    return b"\x71"


def i32_shr_u() -> bytes:
    """Shift right, unsigned."""
    return b"\x76"


def i32_wrap_i64() -> bytes:
    """Keep the low 32 bits of an i64."""
    return b"\xa7"


def drop() -> bytes:
    """Drop a value from the stack."""
    return b"\x1a"


class CoreModule:
    """Core module. Imported functions precede defined ones in the index space: import first.

    Attributes:
        imported: Number of functions imported so far.
    """

    def __init__(self) -> None:
        self.imported = 0
        self._types: dict[bytes, int] = {}
        self._imports: list[bytes] = []
        self._functions: list[int] = []
        self._bodies: list[bytes] = []
        self._memory: bytes | None = None
        self._globals: list[bytes] = []
        self._exports: list[bytes] = []
        self._data: list[bytes] = []

    def type(self, params: Sequence[int], results: Sequence[int]) -> int:
        """Return the index of a function type, adding it at its first use."""
        encoded = b"\x60" + uleb128(len(params)) + bytes(params) + uleb128(len(results)) + bytes(results)
        return self._types.setdefault(encoded, len(self._types))

    def import_function(self, module: str, field: str, params: Sequence[int], results: Sequence[int]) -> int:
        """Import a function and return its index."""
        if self._functions:
            raise ValueError("functions are imported before the first one is defined")
        self._imports.append(name(module) + name(field) + b"\x00" + uleb128(self.type(params, results)))
        self.imported += 1
        return self.imported - 1

    def import_memory(self, module: str, field: str, pages: int = 0) -> None:
        """Import a memory of at least `pages` pages."""
        self._imports.append(name(module) + name(field) + b"\x02\x00" + uleb128(pages))

    def function(
        self, params: Sequence[int], results: Sequence[int], body: bytes, variables: Sequence[int] = ()
    ) -> int:
        """Define a function and return its index.

        Args:
            params: Value types of the parameters, locals 0 and up.
            results: Value types of the results.
            body: Instructions, without the closing `end`.
            variables: Value types of the other locals, numbered after the parameters.
        """
        self._functions.append(self.type(params, results))
        code = vector([b"\x01" + bytes([variable]) for variable in variables]) + body + b"\x0b"
        self._bodies.append(uleb128(len(code)) + code)
        return self.imported + len(self._functions) - 1

    def memory(self, pages: int) -> None:
        """Define the memory of the module.

        Raises:
            ValueError: The memory would be larger than 4 GiB.
        """
        if pages > _MAX_PAGES:
            raise ValueError(f"a memory of {pages} pages is larger than 4 GiB")
        self._memory = b"\x00" + uleb128(pages)

    def variable(self, kind: int, initial: bytes) -> int:
        """Define a mutable global with a constant expression and return its index."""
        self._globals.append(bytes([kind, 1]) + initial + b"\x0b")
        return len(self._globals) - 1

    def data(self, offset: int, content: bytes) -> None:
        """Fill the memory at `offset`, in bytes, when the module is instantiated."""
        if content:
            self._data.append(b"\x00" + i32_const(offset) + b"\x0b" + uleb128(len(content)) + content)

    def export_function(self, field: str, function: int) -> None:
        """Export a function."""
        self._exports.append(name(field) + b"\x00" + uleb128(function))

    def export_memory(self, field: str) -> None:
        """Export the memory."""
        self._exports.append(name(field) + b"\x02\x00")

    def encode(self) -> bytes:
        """Return the module's bytes."""
        sections = (
            (1, list(self._types)),
            (2, self._imports),
            (3, [uleb128(index) for index in self._functions]),
            (5, [] if self._memory is None else [self._memory]),
            (6, self._globals),
            (7, self._exports),
            (10, self._bodies),
            (11, self._data),
        )
        out = [MODULE_PREAMBLE]
        for number, items in sections:
            if items:
                content = vector(items)
                out.append(bytes([number]) + uleb128(len(content)) + content)
        return b"".join(out)
