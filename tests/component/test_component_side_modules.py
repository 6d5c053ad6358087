"""Side modules without exception handling: the table of opcodes, the conversion, and programs in an engine."""

from __future__ import annotations

import random

import pytest
import wasmtime
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wasmcp.component import side_module
from wasmcp.component.binary_format import name, uleb128
from wasmcp.component.instructions import _PLAIN, _PREFIXED
from wasmcp.component.side_module import ImportKind, ModuleImport
from wasmcp.errors import ComponentError, UnknownInstructionError

HEAD = b"\0asm\1\0\0\0"
DYNAMIC = b"\0\x0f\x08dylink.0\x01\x04\0\0\0\0"
TYPES = b"\1\4\1\x60\0\0"


def with_body(*instructions: int) -> bytes:
    """Return a side module with one function `[] -> []` of these bytes; `end` is added."""
    body = b"\0" + bytes(instructions) + b"\x0b"
    code = b"\1" + uleb128(len(body)) + body
    return HEAD + DYNAMIC + TYPES + b"\3\2\1\0" + b"\x0a" + uleb128(len(code)) + code


def body_of(module: bytes) -> bytes:
    """Return the instructions of the function of `with_body`, without the last `end`."""
    start = module.index(b"\3\2\1\0\x0a") + 4
    assert module[start + 4] == 0, "locals"
    return module[start + 5 : -1]


def engine(*, exceptions: bool = False) -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_exceptions = exceptions
    return wasmtime.Engine(config)


def valid(module: bytes) -> None:
    wasmtime.Module.validate(engine(), module)


def test_the_interface_of_a_side_module_is_read():
    text = """(module
      (@dylink.0 (mem-info (memory 8 4)) (needed "libx.so" "liby.so"))
      (import "env" "f" (func (param i32 i64 f32 f64) (result i32)))
      (import "env" "__stack_pointer" (global (mut i32)))
      (import "env" "__memory_base" (global i32))
      (import "env" "memory" (memory 1 2 shared))
      (import "env" "big" (memory i64 1))
      (import "env" "__indirect_function_table" (table 3 funcref))
      (func (export "g")) (global (export "h") i32 (i32.const 0)))"""
    module = side_module.read(bytes(wasmtime.wat2wasm(text)))
    assert module.needed == ("libx.so", "liby.so")
    assert module.exports == {"g", "h"}
    assert module.imports == (
        ModuleImport("env", "f", ImportKind.FUNCTION, "i32 i64 f32 f64 -> i32"),
        ModuleImport("env", "__stack_pointer", ImportKind.GLOBAL, "mut i32"),
        ModuleImport("env", "__memory_base", ImportKind.GLOBAL, "i32"),
        ModuleImport("env", "memory", ImportKind.MEMORY, "shared"),
        ModuleImport("env", "big", ImportKind.MEMORY, "64-bit"),
        ModuleImport("env", "__indirect_function_table", ImportKind.TABLE, "funcref"),
    )


def test_functions_are_renamed_in_imports_and_in_their_attributes():
    text = """(module
      (@dylink.0 (mem-info) (import-info "env" "old" binding-weak) (import-info "GOT.mem" "old" undefined))
      (import "env" "old" (func (param i32)))
      (import "GOT.func" "old" (global (mut i32)))
      (import "GOT.mem" "old" (global (mut i32)))
      (func (export "old") (param i32) (call 0 (local.get 0))))"""
    module = side_module.lower(bytes(wasmtime.wat2wasm(text)), {"old": "new"}).module
    valid(module)
    imports = [(one.module, one.name) for one in side_module.read(module).imports]
    assert imports == [("env", "new"), ("GOT.func", "new"), ("GOT.mem", "old")], "data of that name is another thing"
    assert name("env") + name("new") + b"\1" in module
    assert side_module.read(module).exports == {"old"}


def test_modules_of_another_kind_are_rejected():
    plain = bytes(wasmtime.wat2wasm("(module)"))
    for data in (b"", b"\x7fELF", plain, bytes(wasmtime.wat2wasm("(component)")), plain + b"\0\4\3abc"):
        with pytest.raises(ComponentError, match=r"not a (core WebAssembly|side) module"):
            side_module.read(data)


def test_types_of_garbage_collection_are_rejected():
    text = '(module (@dylink.0 (mem-info)) (type (struct (field i32))) (func (export "f")))'
    with pytest.raises(ComponentError, match="a type that is not the type of a function is not supported"):
        side_module.read(bytes(wasmtime.wat2wasm(text)))


IMMEDIATES = {
    "": "",
    "index": "a07f",
    "two indices": "a07f00",
    "memory": "00",
    "two memories": "0000",
    "index and memory": "a00100",
    "memory argument": "03a07f",
    "memory argument and lane": "03a07f01",
    "lane": "07",
    "i32": "ffffffff0f",
    "i64": "80808080808080808001",
    "4 bytes": "06070809",
    "8 bytes": "0607080906070809",
    "16 bytes": "06070809" * 4,
    "value type": "017f",
    "heap type": "70",
}
"""Kind of immediates -> an encoding whose bytes are opcodes of exceptions where that is possible."""


def test_every_row_of_the_table_is_read_with_its_immediates():
    rows = [(bytes([code]), kind) for first, last, kind in _PLAIN for code in range(first, last + 1)]
    for prefix, more in _PREFIXED.items():
        rows += [
            (bytes([prefix]) + uleb128(code), kind) for first, last, kind in more for code in range(first, last + 1)
        ]
    assert len(rows) > 400
    for code, kind in rows:
        instruction = code + bytes.fromhex(IMMEDIATES[kind])
        # A `throw` after it is found where it is, and nothing before.
        lowered = side_module.lower(with_body(*instruction, 0x08, 0x00), {})
        assert body_of(lowered.module) == instruction + b"\0", code.hex()
        assert len(lowered.throws) == 1


@pytest.mark.parametrize(
    ("instructions", "opcode", "subject"),
    [
        ((0xFE, 0x10, 0x02, 0x00), "0xfe 0x10", "an atomic instruction (threads)"),
        ((0xFB, 0x00, 0x00), "0xfb 0x00", "garbage collection"),
        ((0x14, 0x00), "0x14 0x00", "a typed function reference"),
        ((0xFD, 0x9A, 0x01), "0xfd 0x9a 0x01", ""),
        ((0xFD, 0x94, 0x02), "0xfd 0x94 0x02", ""),
        ((0xFC, 0x12), "0xfc 0x12", ""),
        ((0xFC, 0x80, 0x00), "0xfc 0x80 0x00", ""),  # a longer encoding than needed
        ((0xF0,), "0xf0", ""),
        ((0xC5,), "0xc5", ""),
        ((0x28, 0x42, 0x01, 0x00), "0x28", ""),  # a load from another memory than the first
    ],
)
def test_an_unknown_opcode_is_an_error_with_its_place(instructions, opcode, subject):
    module = with_body(0x01, 0x41, 0x08, 0x1A, *instructions)
    with pytest.raises(UnknownInstructionError) as caught:
        side_module.lower(module, {})
    assert (caught.value.opcode, caught.value.subject) == (opcode, subject)
    assert caught.value.offset == module.index(bytes(instructions))
    assert f"the opcode {opcode} is {subject or 'unknown'}, which is not supported (at byte " in str(caught.value)


LEGACY = {
    # before -> after; a handler has a nested try, a br_table, and constants that look like opcodes
    "06 40 01 19 0b": "02 40 01 0b",
    "06 7f 41 08 07 00 41 0b 0c 00 19 41 06 0b 1a": "02 7f 41 08 0b 1a",
    "06 40 06 40 01 18 00 01 0b": "02 40 02 40 01 0b 01 0b",
    "06 40 01 07 00 06 40 02 40 0b 18 01 06 40 07 00 09 01 0b 0e 01 00 00 19 09 00 0b 01": "02 40 01 0b 01",
    "02 40 03 40 06 40 0c 02 19 04 40 0b 0b 0b 0b": "02 40 03 40 02 40 0c 02 0b 0b 0b",
    "06 69 01 19 d0 69 0b 1a": "02 6f 01 0b 1a",
    "06 c0 00 01 0b": "02 c0 00 01 0b",
    "41 00 08 00 01": "41 00 00 01",
    "0e 03 06 07 08 06 08 00": "0e 03 06 07 08 06 00",
}


@pytest.mark.parametrize(("before", "after"), LEGACY.items())
def test_legacy_exceptions_become_traps(before, after):
    lowered = side_module.lower(with_body(*bytes.fromhex(before)), {})
    assert body_of(lowered.module).hex(" ") == after


def test_a_handler_without_end_is_damaged():
    module = with_body(0x06, 0x40, 0x19)
    with pytest.raises(ComponentError, match="a handler of an exception does not end"):
        side_module.lower(module[:-1] + b"\x01", {})


EXCEPTIONS = """(module
  (@dylink.0 (mem-info))
  (import "env" "memory" (memory 1))
  (tag $e (export "tag") (param i32))
  (func $safe (param $x i32) (result i32) (local $caught exnref)
    (block $out (result i32)
      (block $handler (result i32 exnref)
        (block $all (result exnref)
          (try_table (result i32) (catch_ref $e $handler) (catch_all_ref $all)
            (if (i32.eq (local.get $x) (i32.const 7)) (then (throw $e (local.get $x))))
            (i32.mul (local.get $x) (i32.const 3)))
          (br $out))
        (local.set $caught)
        (br $out (i32.const -2)))
      (local.set $caught)
      (drop)
      (local.get $caught)
      (throw_ref)))
  (func (export "run") (param i32) (result i32) (call $safe (local.get 0))))"""


def test_try_table_and_references_to_exceptions_become_blocks():
    original = bytes(wasmtime.wat2wasm(EXCEPTIONS))
    lowered = side_module.lower(original, {})
    assert len(lowered.throws) == 1
    assert side_module.read(lowered.module).exports == {"run"}, "tags were removed"
    store = wasmtime.Store(engine())
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(1, None)))
    run = wasmtime.Instance(store, wasmtime.Module(store.engine, lowered.module), [memory]).exports(store)["run"]
    assert [run(store, number) for number in (1, 2, -5)] == [3, 6, -15]
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        run(store, 7)


def program(seed: int, *, lowered: bool) -> str:
    """Return a random side module whose function throws for some arguments; `lowered` is the expected result."""
    rng = random.Random(seed)  # noqa: S311

    def expression(depth: int) -> str:
        kind = rng.randrange(9 if depth else 3)
        inner = [expression(depth - 1) for _ in range(2)] if kind > 2 else []
        if kind == 0:
            return f"(i32.const {rng.choice([6, 7, 8, 11, 24, 25, 31, -1, 0x06080B19, 100000])})"
        if kind == 1:
            return "(local.get $x)"
        if kind == 2:
            return f"(i32.load offset={rng.choice([6, 8, 1032])} (i32.const {rng.randrange(64)}))"
        if kind == 3:
            return f"(i32.{rng.choice(['add', 'sub', 'mul', 'xor', 'and'])} {inner[0]} {inner[1]})"
        if kind == 4:
            return f"(if (result i32) {inner[0]} (then {inner[1]}) (else (i32.const 8)))"
        if kind == 5:
            return f"(block (result i32) (br_table 0 0 0 {inner[0]} {inner[1]}))"
        if kind == 6:
            lanes = f"(i32x4.splat {inner[0]})"
            return f"(i32x4.extract_lane {rng.randrange(4)} (i32x4.add {lanes} (v128.const i32x4 6 7 8 25)))"
        if kind == 7:
            return f"(i32.trunc_sat_f64_s (f64.add (f64.const 8.5) (f64.convert_i32_s {inner[0]})))"
        thrown = f"(if (i32.eq {inner[0]} (i32.const {rng.randrange(4)})) (then THROW))"
        return (
            f"(block $out (result i32) (block $handler (result i32)"
            f" (br $out (TRY {thrown} {inner[1]})))"
            f" (drop) (br $out {inner[0]}))"
        )

    text = expression(5)
    if lowered:
        text = text.replace("(TRY", "(block (result i32)").replace("THROW", "(unreachable)")
    else:
        text = text.replace("(TRY", "(try_table (result i32) (catch $e $handler)")
        text = text.replace("THROW", "(throw $e (i32.const 1))")
    tag = "" if lowered else "(tag $e (param i32))"
    return (
        '(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1))'
        f'{tag} (func (export "run") (param $x i32) (result i32) {text}))'
    )


def outcomes(module: bytes, *, exceptions: bool) -> list[int | None]:
    """Return the result of a program for some arguments; None for a trap."""
    store = wasmtime.Store(engine(exceptions=exceptions))
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(1, None)))
    run = wasmtime.Instance(store, wasmtime.Module(store.engine, module), [memory]).exports(store)["run"]
    found: list[int | None] = []
    for number in (0, 1, 2, 3, 99, -8):
        try:
            found.append(run(store, number))
        except wasmtime.Trap:
            found.append(None)
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_random_programs_behave_the_same_until_one_throws(seed):
    original = bytes(wasmtime.wat2wasm(program(seed, lowered=False)))
    lowered = side_module.lower(original, {}).module
    valid(lowered)
    expected = bytes(wasmtime.wat2wasm(program(seed, lowered=True)))
    assert outcomes(lowered, exceptions=False) == outcomes(expected, exceptions=False)
    for before, after in zip(outcomes(original, exceptions=True), outcomes(lowered, exceptions=False), strict=True):
        assert after in (before, None), "a program that throws nothing gives the same result"


def is_lowered(data: bytes) -> bool:
    """Return False if a module is refused; any other exception than `ComponentError` fails."""
    try:
        side_module.read(data)
        side_module.lower(data, {"a": "b"})
    except ComponentError:
        return False
    return True


def test_random_bytes_raise_no_other_error():
    outcomes = set()

    @given(st.binary(max_size=60))
    @example(b"")
    @example(b"\xff")
    @settings(max_examples=300, deadline=None)
    def lower(garbage):
        for form, data in enumerate((HEAD + DYNAMIC + garbage, with_body(*garbage))):
            outcomes.add((form, is_lowered(data)))

    lower()
    assert outcomes == {(form, lowered) for form in (0, 1) for lowered in (True, False)}


def test_damaged_copies_of_a_module_raise_no_other_error():
    original = bytes(wasmtime.wat2wasm(EXCEPTIONS))
    rng = random.Random(11)  # noqa: S311
    outcomes = set()
    for _ in range(400):
        data = bytearray(original)
        data[rng.randrange(8, len(data))] = rng.randrange(256)
        outcomes.add(is_lowered(bytes(data[: rng.choice([len(data), rng.randrange(8, len(data))])])))
    assert outcomes == {True, False}
