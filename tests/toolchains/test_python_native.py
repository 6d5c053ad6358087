"""Packages with native modules: wheels for WASI and for Emscripten, conversion, cache, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from support.python_packages import wheel

from wasmcp.component import side_module
from wasmcp.errors import ConfigError, NativeCodeError, ToolchainError
from wasmcp.registry import lock
from wasmcp.toolchains.base import PINS, ComponentSource
from wasmcp.toolchains.python import dependencies, native_modules
from wasmcp.toolchains.python.native_modules import (
    ABI,
    ADVICE,
    RENAMED,
    SHARED_FUNCTIONS,
    SHIM,
    NativeModuleProblems,
    convert,
    normalised,
)

EMSCRIPTEN = f"{ABI.interpreter}-{ABI.interpreter}-{ABI.emscripten}"
WASI = f"{ABI.interpreter}-{ABI.interpreter}-wasi_wasm32"
STANDARD = """
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "env" "__memory_base" (global i32))
  (import "env" "__table_base" (global i32))
"""


def native(imports: str = "", rest: str = "", *, name: str = "fast") -> bytes:
    """Return an extension module with these imports, as its initialisation function alone."""
    start = f'(func (export "PyInit_{name}") (result i32) (i32.const 0))'
    return bytes(wasmtime.wat2wasm(f"(module (@dylink.0 (mem-info)) {imports} {STANDARD} {rest} {start})"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def resolve(tmp_path: Path, *requirements: str) -> tuple[ComponentSource, list[str]]:
    """Resolve requirements; return the component with its packages, and the lines of progress."""
    (tmp_path / "tools.py").write_text("import fast\n", encoding="utf-8")
    source = ComponentSource("tools", tmp_path / "tools.py", tmp_path, options={"dependencies": list(requirements)})
    lines: list[str] = []
    found = dependencies.resolve(source, tmp_path / "cache", lines.append)
    return replace(source, dependencies=found), lines


def installed(tmp_path: Path, *requirements: str) -> Path:
    source, _ = resolve(tmp_path, *requirements)
    folder = dependencies.install(source, tmp_path / "cache", lambda _: None)
    assert folder is not None
    return folder


def contents(folder: Path, name: str) -> Mapping[str, str]:
    record = next(folder.glob(f"{name}-*.dist-info")) / "RECORD"
    return dict(line.split(",", 1) for line in record.read_text().splitlines())


def test_the_table_of_versions_has_a_row_for_the_compiler():
    assert PINS["componentize-py"] in native_modules.ABIS
    assert ABI.suffix == ".cpython-314-wasm32-wasi.so"
    assert ABI.emscripten_suffix == ".cpython-314-wasm32-emscripten.so"


def test_a_wheel_for_emscripten_is_converted(tmp_path, index):
    imports = """
      (import "env" "malloc" (func (param i32) (result i32)))
      (import "env" "clock_gettime" (func $clock (param i32 i32) (result i32)))
      (import "env" "PyLong_FromLong" (func (param i32) (result i32)))
      (import "GOT.mem" "PyExc_ValueError" (global (mut i32)))
      (import "GOT.func" "free" (global (mut i32)))
      (import "env" "__cpp_exception" (tag (param i32)))"""
    files = {
        "fast/__init__.py": "",
        "fast/core.cpython-314-wasm32-emscripten.so": native(imports),
        "fast/stable.abi3.so": native(),
    }
    made = wheel(index, "fast", "1.0", files, tag=EMSCRIPTEN)
    source, lines = resolve(tmp_path, "fast")
    assert source.dependencies[0].file == made.name, "the lock file has the file of the index, and its digest"
    assert "converting the native modules of `fast` 1.0" in lines
    folder = dependencies.install(source, tmp_path / "cache", lines.append)
    assert folder is not None
    assert (folder / SHIM).is_file()
    module = side_module.read((folder / "fast/core.cpython-314-wasm32-wasi.so").read_bytes())
    names = {one.name for one in module.imports}
    assert "wasmcp_emscripten_clock_gettime" in names
    assert not names & {"clock_gettime", "__cpp_exception"}
    recorded = contents(folder, "fast")
    assert {"fast/core.cpython-314-wasm32-wasi.so", "fast/stable.abi3.so"} < recorded.keys()
    assert not [name for name in recorded if "emscripten" in name]


@pytest.mark.parametrize("platform", ["wasi_wasm32", "wasi_0_0_0_wasm32", "wasi_0_2_wasm32", "wasi_24_wasm32"])
def test_wheels_for_wasi_are_taken_before_others(tmp_path, index, platform):
    imports = '(import "env" "open" (func (param i32 i32 i32) (result i32)))'  # of the same C library: all is allowed
    imports += '(import "wasi:random/insecure-seed@0.2.6" "insecure-seed" (func (param i32)))'
    name = "fast.cpython-314-wasm32-wasi.so"
    wheel(index, "fast", "1.0", {"fast.py": "pure"})
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-emscripten.so": native()}, tag=EMSCRIPTEN)
    wheel(index, "fast", "1.0", {name: native(imports)}, tag=WASI.replace("wasi_wasm32", platform))
    folder = installed(tmp_path, "fast")
    assert (folder / name).is_file()
    assert not (folder / SHIM).exists(), "only modules for Emscripten need it"


def test_wheels_for_the_stable_abi_are_taken(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast.abi3.so": native()}, tag="cp39-abi3-wasi_wasm32")
    assert (installed(tmp_path, "fast") / "fast.abi3.so").is_file()


def test_a_wheel_for_another_python_is_not_taken(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast.cpython-313-wasm32-wasi.so": native()}, tag="cp313-cp313-wasi_wasm32")
    with pytest.raises(ToolchainError, match="pip finds no packages for its `dependencies`") as caught:
        resolve(tmp_path, "fast")
    advice = "A component cannot load `fast-1.0-cp313-cp313-wasi_wasm32.whl`: it takes wheels tagged `cp314` or `abi3`"
    assert advice in str(caught.value)


@pytest.mark.parametrize("platform", ["wasi_0_0_0_wasm64", "wasi_preview1_wasm32", "pyemscripten_2025_0_wasm32"])
def test_a_wheel_for_another_platform_of_webassembly_is_refused_by_name(tmp_path, index, platform):
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-abi3-{here}"
    wheel(index, "fast", "1.0", {"fast.abi3.so": b"\x7fELF"}, tag=tag)
    wheel(index, "fast", "1.0", {"fast.abi3.so": native()}, tag=f"cp39-abi3-{platform}")
    with pytest.raises(ToolchainError, match=f"cannot load `fast-1.0-cp39-abi3-{platform}.whl`") as caught:
        resolve(tmp_path, "fast")
    assert "for `wasi_wasm32`, with or without a version" in str(caught.value)


def test_a_conversion_is_kept_for_other_components(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-emscripten.so": native()}, tag=EMSCRIPTEN)
    wheel(index, "polite", "1.0")
    resolve(tmp_path, "fast")
    (kept,) = (tmp_path / "cache" / "native").glob("*/*.so")
    before = kept.stat()
    _, lines = resolve(tmp_path, "fast", "polite")
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "fetching 2 packages for component `tools`" in lines
    assert not [line for line in lines if line.startswith("converting")]


def test_a_changed_conversion_in_the_cache_is_made_again(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-emscripten.so": native()}, tag=EMSCRIPTEN)
    wheel(index, "polite", "1.0")
    folder = installed(tmp_path, "fast")
    (kept,) = (tmp_path / "cache" / "native").glob("*/*.so")
    before = kept.read_bytes()
    kept.write_bytes(b"\0asm evil")
    again = installed(tmp_path, "fast", "polite")
    assert again != folder
    assert (again / kept.name).read_bytes() == before == kept.read_bytes()


def test_a_rejection_is_kept_and_nothing_is_fetched_again(tmp_path, index, monkeypatch):
    imports = '(import "env" "stat" (func (param i32 i32) (result i32)))'
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-emscripten.so": native(imports)}, tag=EMSCRIPTEN)
    with pytest.raises(NativeCodeError) as first:
        resolve(tmp_path, "fast")
    fetched: list[str] = []
    run = subprocess.run

    def recorded(command: list[str], **options: Any) -> Any:
        fetched.append(command[3])
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", recorded)
    with pytest.raises(NativeCodeError) as second:
        resolve(tmp_path, "fast")
    assert str(second.value) == str(first.value)
    assert second.value.packages == first.value.packages
    assert fetched == ["--dry-run"]


REFUSED = {
    '(import "env" "stat" (func (param i32 i32) (result i32)))': "imports `env.stat`",
    '(import "env" "invoke_vii" (func (param i32 i32 i32)))': (
        "imports `env.invoke_vii` (exceptions of C++ or `setjmp`, by way of JavaScript)"
    ),
    '(import "env" "__syscall_openat" (func (param i32 i32 i32 i32) (result i32)))': (
        "imports `env.__syscall_openat` (files and system calls of Emscripten)"
    ),
    '(import "env" "socket" (func (param i32 i32 i32) (result i32)))': "imports `env.socket`",
    '(import "env" "longjmp" (func (param i32 i32)))': "imports `env.longjmp` (`setjmp` and `longjmp`)",
    '(import "env" "__c_longjmp" (tag (param i32)))': "imports `env.__c_longjmp` (`setjmp` and `longjmp`)",
    '(import "env" "malloc" (func (param i64) (result i32)))': (
        "imports `env.malloc` as (i64 -> i32) instead of (i32 -> i32)"
    ),
    '(import "env" "clock_gettime" (func (param i32 i64) (result i32)))': (
        "imports `env.clock_gettime` as (i32 i64 -> i32) instead of (i32 i32 -> i32)"
    ),
    '(import "env" "_Znwm" (func (param i32) (result i32)))': "imports `env._Znwm` (the runtime of C++)",
    '(import "GOT.func" "sigaction" (global (mut i32)))': "imports `GOT.func.sigaction`",
    '(import "GOT.mem" "environ" (global (mut i32)))': "imports `GOT.mem.environ`",
    '(import "env" "__tls_base" (global (mut i32)))': "imports `env.__tls_base`",
    '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))': (
        "imports `wasi_snapshot_preview1.fd_write`"
    ),
    '(import "wasi:cli/exit@0.2.6" "exit" (func (param i32)))': "imports `wasi:cli/exit@0.2.6.exit`",
    '(import "env" "stat" (func)) (import "env" "lstat" (func))': "imports `env.stat`, `env.lstat`",
}


@pytest.mark.parametrize(("imports", "problem"), REFUSED.items())
def test_imports_that_components_lack_are_named(imports, problem):
    with pytest.raises(NativeModuleProblems) as caught:
        convert(native(imports))
    assert caught.value.problems == [problem]


def test_many_imports_are_counted():
    imports = "".join(f'(import "env" "stat{number}" (func))' for number in range(20))
    with pytest.raises(NativeModuleProblems, match=r"`env\.stat11`, 8 more$"):
        convert(native(imports))


def test_modules_that_do_not_fit_are_rejected_by_file(tmp_path, index):
    shared = STANDARD.replace("(memory 1)", "(memory 1 2 shared)")
    own = '(tag $e (param i32)) (func (export "f") (throw $e (i32.const 1)))'
    atomic = '(func (export "f") (drop (i32.atomic.load (i32.const 0))))'
    invalid = native(rest='(func (export "f") (result i32) (i32.const 0))')
    invalid = invalid.replace(b"\x41\x00\x0b", b"\x01\x01\x0b", 1)
    suffix = ".cpython-314-wasm32-emscripten.so"
    text = f"(module (@dylink.0 (mem-info)) {shared})"
    files: dict[str, str | bytes] = {
        f"a/threads{suffix}": bytes(wasmtime.wat2wasm(text)),
        f"a/atomic{suffix}": native(rest=atomic),
        f"a/throws{suffix}": native(rest=own),
        f"a/invalid{suffix}": invalid,
        f"a/elf{suffix}": b"\x7fELF\2\1\1",
        f"a/plain{suffix}": bytes(wasmtime.wat2wasm("(module)")),
        f"a/needs{suffix}": bytes(wasmtime.wat2wasm('(module (@dylink.0 (mem-info) (needed "libz.so")))')),
        "a/other.so": native(),
    }
    wheel(index, "fast", "1.0", files, tag=EMSCRIPTEN)
    with pytest.raises(NativeCodeError) as caught:
        resolve(tmp_path, "fast")
    problems = "\n".join(caught.value.packages["fast"])
    expected = [
        "`a/threads.cpython-314-wasm32-emscripten.so` imports `env.memory` as shared instead of memory",
        "`a/atomic.cpython-314-wasm32-emscripten.so`: the opcode 0xfe 0x10 is an atomic instruction (threads)",
        "`a/throws.cpython-314-wasm32-emscripten.so` throws exceptions of its own (at byte ",
        "`a/invalid.cpython-314-wasm32-emscripten.so` is not valid WebAssembly: type mismatch",
        "`a/elf.cpython-314-wasm32-emscripten.so`: not a core WebAssembly module",
        "`a/plain.cpython-314-wasm32-emscripten.so`: not a side module: its first section is not `dylink.0`",
        "`a/needs.cpython-314-wasm32-emscripten.so` needs the library `libz.so`",
        "`a/other.so` is not named like an extension module (`NAME.cpython-314-wasm32-wasi.so`)",
    ]
    for line in expected:
        assert line in problems
    assert len(caught.value.packages["fast"]) == len(expected)


def test_a_module_for_wasi_without_an_allowed_form_is_rejected(tmp_path, index):
    old = native('(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))')
    files = {"old.cpython-314-wasm32-wasi.so": old, "odd.cpython-314-wasm32-emscripten.so": native()}
    wheel(index, "fast", "1.0", files, tag=WASI)
    with pytest.raises(NativeCodeError) as caught:
        resolve(tmp_path, "fast")
    assert caught.value.packages["fast"] == (
        f"`odd.cpython-314-wasm32-emscripten.so` is not named like an extension module (`NAME{ABI.suffix}`)",
        "`old.cpython-314-wasm32-wasi.so` imports `wasi_snapshot_preview1.fd_write`",
    )


def test_all_packages_that_do_not_fit_are_listed_with_advice(tmp_path, index):
    imports = '(import "env" "stat" (func))'
    for name in ("regex", "unheard"):
        files = {f"{name}/core.cpython-314-wasm32-emscripten.so": native(imports)}
        wheel(index, name, "1.0", files, tag=EMSCRIPTEN)
    with pytest.raises(NativeCodeError) as caught:
        resolve(tmp_path, "regex", "unheard")
    assert list(caught.value.packages) == ["regex", "unheard"]
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        "component `tools`: its dependency `regex` 1.0 is native code that does not work in a component: "
        "`regex/core.cpython-314-wasm32-emscripten.so` imports `env.stat`. "
    )
    assert first.endswith("use `re` of the standard library, which has possessive quantifiers and atomic groups")
    assert second.endswith("or build a wheel for WASI (docs/guides/native-packages.md)")


def test_a_package_without_a_wheel_for_webassembly_is_refused_with_advice(tmp_path, index):
    for name in ("numpy", "pydantic_core"):
        wheel(index, name, "1.0", {f"{name}/x.so": b"\x7fELF"})
        with pytest.raises(NativeCodeError) as caught:
            resolve(tmp_path, name)
        package = name.replace("_", "-")
        assert f"is native code (`{name}/x.so`), and has no build for WebAssembly" in str(caught.value)
        assert str(caught.value).endswith(ADVICE[package])


def test_native_code_behind_a_conflict_of_versions_is_named(tmp_path, index):
    here = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    wheel(index, "lxml", "6.0", {"lxml/x.so": b"\x7fELF"}, needs="fast", tag=here)
    wheel(index, "fast", "1.0", {"fast/x.so": b"\x7fELF"}, tag=here)
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-wasi.so": native()}, tag=WASI)
    for version in ("1.0", "1.1"):
        wheel(index, "documents", version, needs="lxml")
    with pytest.raises(NativeCodeError) as caught:
        resolve(tmp_path, "documents")
    assert list(caught.value.packages) == ["lxml"]
    assert str(caught.value).endswith(ADVICE["lxml"])
    for version in ("1.0", "1.1"):
        wheel(index, "mcp", version, needs="lxml")
    with pytest.raises(NativeCodeError, match=r"`mcp`: declare tools with `wasmcp\.guest`"):
        resolve(tmp_path, "mcp")


def test_a_module_in_a_wheel_without_a_tag_for_webassembly_is_refused(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-wasi.so": native()})
    with pytest.raises(NativeCodeError, match="is native code"):
        resolve(tmp_path, "fast")


def test_the_advice_is_a_clause_for_normalised_names():
    for name, advice in ADVICE.items():
        assert name == normalised(name)
        assert advice[0].islower() or advice[0] == "`" or advice.startswith("SQLAlchemy"), name
        assert not advice.endswith(".")


def test_every_function_of_both_libraries_is_accepted_by_name_and_type():
    for name, type_ in {**SHARED_FUNCTIONS, **{name: type_ for name, (type_, _) in RENAMED.items()}}.items():
        params, _, results = (part.strip() for part in type_.partition("->"))
        signature = (f"(param {params})" if params else "") + (f" (result {results})" if results else "")
        converted = wasmtime.Module(wasmtime.Engine(), convert(native(f'(import "env" "{name}" (func {signature}))')))
        assert (RENAMED[name][1] if name in RENAMED else name) in {one.name for one in converted.imports}


def test_the_replacements_are_what_the_shim_exports():
    assert side_module.read(native_modules.shim()).exports == {name for _, name in RENAMED.values()}


def test_clocks_of_emscripten_are_those_of_wasi():
    store = wasmtime.Store()
    memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(1, None)))
    calls: list[tuple[int, int]] = []
    i32 = wasmtime.ValType.i32()
    clock = wasmtime.Func(store, wasmtime.FuncType([i32, i32], [i32]), lambda *a: calls.append(a) or 0)
    errno = wasmtime.Func(store, wasmtime.FuncType([], [i32]), lambda: 64)
    mutable = wasmtime.GlobalType(i32, mutable=True)
    realtime, monotonic = (wasmtime.Global(store, mutable, wasmtime.Val.i32(number)) for number in (1000, 2000))
    module = wasmtime.Module(store.engine, native_modules.shim())
    imports = {"clock_gettime": clock, "__errno_location": errno, "memory": memory}
    imports |= {"_CLOCK_REALTIME": realtime, "_CLOCK_MONOTONIC": monotonic}
    exports = wasmtime.Instance(store, module, [imports[one.name] for one in module.imports]).exports(store)
    read = exports["wasmcp_emscripten_clock_gettime"]
    assert [read(store, number, 8) for number in range(9)] == [0, 0, -1, -1, 0, 0, 0, 0, -1]
    assert [clock for clock, _ in calls] == [1000, 2000, 2000, 1000, 2000, 2000]
    assert {address for _, address in calls} == {8}
    assert memory.read(store, 64, 68) == b"\x1c\0\0\0", "errno is EINVAL"
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        exports["wasmcp_emscripten_raise"](store, 0)
    assert exports["wasmcp_emscripten_condattr_setclock"](store, 0, 1) == 0


def test_the_refusal_is_data_in_the_cache(tmp_path, index):
    imports = '(import "env" "stat" (func))'
    wheel(index, "fast", "1.0", {"fast.cpython-314-wasm32-emscripten.so": native(imports)}, tag=EMSCRIPTEN)
    with pytest.raises(NativeCodeError):
        resolve(tmp_path, "fast")
    (kept,) = (tmp_path / "cache" / "native").glob("*/refusal.json")
    assert json.loads(kept.read_text()) == ["`fast.cpython-314-wasm32-emscripten.so` imports `env.stat`"]


def cyclonedx(*components: object) -> str:
    return json.dumps({"bomFormat": "CycloneDX", "components": components})


def test_libraries_inside_a_package_are_locked(tmp_path, index):
    spdx = {
        "packages": [
            {
                "licenseConcluded": "Zlib",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:generic/zlib@1.3.1"}],
            },
            {"licenseConcluded": "MIT", "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "x"}]},
        ]
    }
    both = {"licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Our Own"}}]}
    components = [
        {"purl": "pkg:cargo/b@2?download_url=file:///home/me/b", "licenses": [{"expression": "MIT OR ISC"}]},
        {"purl": "pkg:cargo/a@1", **both},
        {"purl": "pkg:cargo/a@1"},
        {"purl": "pkg:cargo/without-version"},
        {"purl": "no package url"},
        {"purl": "pkg:cargo/\x1b[2J@1"},
        {"purl": 7},
        "not a component",
    ]
    information = "fast-1.0.dist-info/sboms"
    files = {
        "fast.abi3.so": native(),
        f"{information}/fast.cyclonedx.json": cyclonedx(*components),
        f"{information}/libraries.spdx.json": json.dumps(spdx),
        f"{information}/damaged.json": "{",
        f"{information}/other.json": "[1]",
    }
    wheel(index, "fast", "1.0", files, tag=WASI)
    source, _ = resolve(tmp_path, "fast")
    (found,) = source.dependencies
    assert [(part.purl, part.license) for part in found.bundled] == [
        ("pkg:cargo/a@1", "(MIT) AND (Our Own)"),
        ("pkg:cargo/b@2", "MIT OR ISC"),
        ("pkg:generic/zlib@1.3.1", "Zlib"),
    ]
    before = lock.Lock(dependencies=(lock.Dependencies("tools", "python", ("fast",), source.dependencies),))
    lock.write(tmp_path, before)
    assert '  ["pkg:cargo/b@2", "MIT OR ISC"],' in (tmp_path / lock.NAME).read_text("utf-8")
    assert lock.read(tmp_path) == before
    text = (tmp_path / lock.NAME).read_text("utf-8").replace('["pkg:cargo/b@2", "MIT OR ISC"]', '["pkg:cargo/b@2"]')
    (tmp_path / lock.NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="a member is missing or invalid"):
        lock.read(tmp_path)
