"""Compile cache: index, permissions, eviction."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import wasmtime
from wasmtime.component import Component, Linker

from wasmcp.component import separation
from wasmcp.errors import ArtifactError, GuestTrapError
from wasmcp.host import Limits, open_server
from wasmcp.host.engine import compile_cache, loaded_code, logs, memory
from wasmcp.host.engine.engine import engine
from wasmcp.host.engine.loaded_code import KEPT, KeptCode
from wasmcp.host.transports.stdio_server import compiling_notice


@pytest.fixture
def directory(empty_cache: Path) -> Path:
    return empty_cache / "compiled"


@pytest.fixture
def server_file(server_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "server.wasm"
    path.write_bytes(server_bytes)
    time.sleep(0.05)
    return path


@pytest.fixture
def compiles(server_file: Path, directory: Path) -> Callable[[], int]:
    """Return a function that loads the server and returns the number of compilations."""

    def load() -> int:
        compiled: list[int] = []
        compile_cache.load(server_file, on_compile=lambda: compiled.append(1))
        return len(compiled)

    return load


def test_second_load_does_not_compile(compiles: Callable[[], int], server_file: Path) -> None:
    assert not compile_cache.cached(server_file)
    assert compiles() == 1
    assert compile_cache.cached(server_file)
    assert compiles() == 0


def test_index_hit_does_not_read_the_component(
    compiles: Callable[[], int], server_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiles()
    monkeypatch.setattr(compile_cache, "read_component", lambda path: pytest.fail(f"{path} was read"))
    assert compiles() == 0


def test_cache_files_are_private(compiles: Callable[[], int], directory: Path) -> None:
    compiles()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_directory_writable_by_others_is_emptied_and_closed(
    compiles: Callable[[], int], directory: Path, mode: int
) -> None:
    assert compiles() == 1
    directory.chmod(mode)
    assert compiles() == 1
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert compiles() == 0


def test_directory_readable_by_others_is_closed_and_kept(compiles: Callable[[], int], directory: Path) -> None:
    compiles()
    directory.chmod(0o755)
    assert compiles() == 0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_file_writable_by_others_is_not_loaded(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    next(directory.glob("*.cwasm")).chmod(0o622)
    assert not compile_cache.cached(server_file)
    assert compiles() == 1
    assert compile_cache.cached(server_file)


def test_symbolic_link_is_not_loaded(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    compiled = next(directory.glob("*.cwasm"))
    elsewhere = compiled.rename(directory.parent / "elsewhere")
    compiled.symlink_to(elsewhere)
    assert not compile_cache.cached(server_file)
    assert compiles() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_user_is_not_loaded(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    os.chown(next(directory.glob("*.cwasm")), 65534, 65534)
    assert not compile_cache.cached(server_file)
    assert compiles() == 1


def test_replaceable_directory_is_not_used(compiles: Callable[[], int], directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.parent.chmod(0o777)
    assert compiles() == 1
    assert compiles() == 1
    assert f"chmod o-w {directory.parent}" in compile_cache.problem()
    directory.parent.chmod(0o1777)  # as /tmp: only the owner of an entry can replace it
    assert compiles() == 1
    assert compiles() == 0
    assert compile_cache.problem() == ""


def test_compile_notice_has_the_reason_for_a_missing_cache(
    directory: Path, server_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wasmcp")
    compiling_notice(server_file)
    logs.flush()
    assert caplog.messages == ["compiling server.wasm for this machine; this happens once"]
    directory.rmdir()
    directory.write_text("a file in its place")
    compiling_notice(server_file)
    logs.flush()
    assert f"this happens at each start without a cache: `{directory}` cannot be used" in caplog.messages[1]
    facts = vars(caplog.records[1])
    assert facts["path"] == server_file
    assert facts["reason"] in caplog.messages[1]


def test_directory_of_another_user_is_not_used(
    compiles: Callable[[], int], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    assert compiles() == 1
    assert compiles() == 1
    assert list(directory.iterdir()) == []


def test_copy_of_a_component_is_found_by_content(
    compiles: Callable[[], int], server_file: Path, tmp_path: Path
) -> None:
    compiles()
    copy = tmp_path / "copy.wasm"
    copy.write_bytes(server_file.read_bytes())
    compiled: list[int] = []
    compile_cache.load(copy, on_compile=lambda: compiled.append(1))
    assert not compiled


def test_changed_content_is_compiled_again(compiles: Callable[[], int], server_file: Path) -> None:
    compiles()
    facts = server_file.stat()
    data = server_file.read_bytes()
    changed = data.replace(b"data: 2", b"data: 3")
    assert len(changed) == len(data)
    server_file.write_bytes(changed)
    os.utime(
        server_file, ns=(facts.st_atime_ns, facts.st_mtime_ns)
    )  # same size and time; the change time of the inode differs
    assert not compile_cache.cached(server_file)
    assert compiles() == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign", "gone"])
def test_damaged_entry_is_compiled_again(compiles: Callable[[], int], directory: Path, damage: str) -> None:
    compiles()
    entry = next(directory.glob("*.cwasm"))
    if damage == "gone":
        entry.unlink()
    elif damage == "foreign":
        entry.write_bytes(b"x" * entry.stat().st_size)
    else:
        entry.write_bytes(entry.read_bytes()[: 100 if damage == "truncated" else 0])
    assert compiles() == 1
    assert compiles() == 0


def test_damaged_index_is_written_again(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    index = next(directory.glob("*.index"))
    for text in ("", "garbage", "a\nb\nc\n", "\x00"):
        index.write_text(text)
        assert not compile_cache.cached(server_file)
        assert compiles() == 0
        assert compile_cache.cached(server_file)


def test_index_cannot_point_outside_the_cache(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    index = next(directory.glob("*.index"))
    seen, compiled, size = index.read_text().splitlines()
    outside = directory.parent / compiled
    outside.write_bytes((directory / compiled).read_bytes())
    index.write_text(f"{seen}\n../{compiled}\n{size}\n")
    assert not compile_cache.cached(server_file)


def test_quick_code_has_a_separate_entry(compiles: Callable[[], int], directory: Path, server_file: Path) -> None:
    compiles()
    compile_cache.load(server_file, quick=True)
    assert len(list(directory.glob("*.cwasm"))) == 2


def test_least_recently_used_entry_is_evicted_first(
    compiles: Callable[[], int], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.mkdir(parents=True)
    for age, name in enumerate(("new", "middle", "old")):
        entry = directory / f"{name}.cwasm"
        entry.write_bytes(b"x" * 100_000)
        (directory / f"{name}.cwasm.size").write_text("100000")
        os.utime(entry, (time.time() - 100 * (age + 1),) * 2)
    monkeypatch.setenv("WASMCP_CACHE_BYTES", "300000")
    compiles()
    left = {path.stem for path in directory.glob("*.cwasm")}
    assert "old" not in left
    assert "new" in left
    assert len(left) >= 2
    assert not (directory / "old.cwasm.size").exists()
    assert compiles() == 0


def test_file_that_is_replaced_during_the_compilation_is_compiled_again(
    compiles: Callable[[], int], server_file: Path, tmp_path: Path
) -> None:
    def replace() -> None:
        other = tmp_path / "other.wasm"
        other.write_bytes(server_file.read_bytes() + b"\0\2\1x")  # with an empty custom section
        other.replace(server_file)
        time.sleep(0.05)

    compile_cache.load(server_file, on_compile=replace).close()
    assert compiles() == 1
    assert compiles() == 0


def test_recently_written_file_is_not_indexed(
    directory: Path, server_bytes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "young.wasm"
    path.write_bytes(server_bytes)
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_mtime_ns + 1000)
    compile_cache.load(path)
    assert not compile_cache.cached(path)


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_unreadable_component_is_an_error(kind: str, directory: Path, tmp_path: Path) -> None:
    path = tmp_path if kind == "directory" else tmp_path / "no.wasm"
    with pytest.raises(ArtifactError, match="cannot be read"):
        compile_cache.load(path)


def test_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WASMCP_CACHE_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compile_cache.cache_directory() == tmp_path / "wasmcp" / "compiled"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # XDG: relative paths are invalid
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compile_cache.cache_directory() == tmp_path / ".cache" / "wasmcp" / "compiled"
    monkeypatch.setattr("sys.platform", "darwin")
    assert compile_cache.cache_directory().name == "compiled"


def many_memories(count: int) -> bytes:
    """Return a component that lowers the functions of `count` nested components, each with its own memory."""
    part = """
(component $c{0} (core module $m (memory (export "memory") 1)
   (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
   (func (export "f") (param i32 i32) (result i32) i32.const 0))
 (core instance $i (instantiate $m)) (alias core export $i "memory" (core memory $mem))
 (alias core export $i "realloc" (core func $r)) (alias core export $i "f" (core func $f))
 (func (export "f") (param "s" string) (result string) (canon lift (core func $f) (memory $mem) (realloc $r))))
(instance $n{0} (instantiate $c{0})) (alias export $n{0} "f" (func $f{0}))"""
    numbers = range(count)
    lowered = "".join(f"(core func $l{n} (canon lower (func $f{n}) (memory $mem) (realloc $r)))" for n in numbers)
    imported = "".join(f'(import "e" "f{n}" (func (param i32 i32 i32)))' for n in numbers)
    given = "".join(f'(export "f{n}" (func $l{n}))' for n in numbers)
    return bytes(
        wasmtime.wat2wasm(
            f"""(component {"".join(map(part.format, numbers))}
(core module $own (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
(core instance $o (instantiate $own)) (alias core export $o "memory" (core memory $mem))
(alias core export $o "realloc" (core func $r)) {lowered}
(core module $user {imported}) (core instance (instantiate $user (with "e" (instance {given})))))"""
        )
    )


def test_abort_of_the_compiler_is_an_error(directory: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.wasm"
    file.write_bytes(many_memories(100))
    with pytest.raises(ArtifactError, match=r"`.*many.wasm` cannot be compiled: .* memories count exceeds limit"):
        compile_cache.load(file)
    with pytest.raises(ArtifactError, match="cannot be compiled"):
        open_server(file.read_bytes())
    assert not list(directory.glob("*.cwasm"))


def test_component_below_the_limit_compiles(directory: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.wasm"
    file.write_bytes(many_memories(99))
    compile_cache.load(file)
    assert compile_cache.cached(file) or list(directory.glob("*.cwasm"))


@pytest.mark.skipif(sys.platform == "win32", reason="only Unix has signals that kill")
def test_killed_compiler_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\nkill -KILL $$\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with pytest.raises(ArtifactError, match="the compiler was killed; is there too little memory"):
        compile_cache.compile_bytes(many_memories(1), "one.wasm")


def test_error_names_the_invalid_component(tmp_path: Path) -> None:
    file = tmp_path / "broken.wasm"
    file.write_bytes(many_memories(1)[:-4])
    with pytest.raises(ArtifactError, match=r"`.*broken.wasm` is not a valid component: "):
        compile_cache.load(file)


@pytest.mark.skipif(not memory.mappings(), reason="only Linux reports mappings")
def test_kept_code_is_loaded_once_and_freed_at_the_end(
    compiles: Callable[[], int], server_file: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiles()
    loaded: list[str] = []
    load = Component.deserialize_file

    def count(engine: wasmtime.Engine, path: str) -> Component:
        loaded.append(path)
        return load(engine, path)

    monkeypatch.setattr(Component, "deserialize_file", count)

    def opened() -> int:
        with open_server(server_file, instances=1) as server:
            assert server.send("hello") == "hello"
            with pytest.raises(GuestTrapError):
                server.send("!T")
        return len(loaded)

    kept = KeptCode()
    monkeypatch.setattr(loaded_code, "KEPT", kept)
    assert [opened(), opened()] == [1, 2]  # by default none is kept
    with kept.keeping(1):
        assert [opened(), opened(), opened()] == [3, 3, 3]
        with kept.keeping(2):  # a run of pytest inside of a test
            other = server_file.with_name("other.wasm")
            shutil.copy(server_file, other)
            time.sleep(0.05)
            compile_cache.load(other, quick=True).close()
            compile_cache.load(other, quick=True).close()
            assert [len(loaded), opened()] == [4, 4]
        assert mapped(directory) > 0
    assert mapped(directory) == 0
    assert [opened(), opened()] == [5, 6]


def mapped(directory: Path) -> int:
    """Return the number of mappings of files of the cache."""
    return memory.mappings().decode().count(str(directory))


@pytest.mark.skipif(not memory.mappings(), reason="only Linux reports memories")
def test_servers_with_the_same_kept_code_share_no_state(server_file: Path, directory: Path) -> None:
    with KEPT.keeping(), ExitStack() as stack:
        first, second = (
            stack.enter_context(open_server(server_file, instances=1, limits=Limits(timeout=20))) for _ in range(2)
        )
        before = memory.memories()
        first.send("x" * (3 << 20))
        second.send("y")
        sizes = sorted(size for start, size in memory.memories().items() if start not in before)
        assert len(sizes) >= 2
        assert sizes[0] < 1 << 20 < sizes[-1]
        with pytest.raises(GuestTrapError):
            first.send("!T")
        assert second.send("z") == "z"


LIBRARY = f"""(core module
  (import "env" "memory" (memory 1)) (func (export "answer") (result i32) {"nop " * separation.LEAST} i32.const 42))"""


def with_library(path: Path, more: str) -> Path:
    path.write_bytes(
        wasmtime.wat2wasm(
            f"""(component
  (core module (memory (export "memory") 1)) {LIBRARY}
  (core instance (instantiate 0)) (core instance (instantiate 1 (with "env" (instance 0))))
  (core module (import "lib" "answer" (func (result i32)))
    (func (export "run") (result i32) call 0 i32.const {more} i32.add))
  (core instance (instantiate 2 (with "lib" (instance 1))))
  (func (export "run") (result u32) (canon lift (core func 2 "run"))))"""
        )
    )
    return path


@pytest.fixture
def compilations(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of compilations, each `module` or `component`; modules loaded before are forgotten."""
    found: list[str] = []
    compile_component = compile_cache.compile_component

    def counted(data: bytes, name: str, *, is_module: bool = False, **options: bool) -> bytes:
        found.append("module" if is_module else "component")
        return compile_component(data, name, is_module=is_module, **options)

    monkeypatch.setattr(compile_cache, "compile_component", counted)
    monkeypatch.setattr(loaded_code, "LOADED", {})
    assert not list(directory.glob("*.cwasm"))
    return found


def run_with_library(component: Component) -> object:
    of = engine()
    store, imports = wasmtime.Store(of), Linker(of)
    store.set_epoch_deadline(1)
    loaded_code.define_modules(imports, of, component.type.imports(of))
    run = imports.instantiate(store, component).get_func(store, "run")
    assert run is not None
    return run(store)


def test_library_is_compiled_once_for_all_servers(tmp_path: Path, directory: Path, compilations: list[str]) -> None:
    one, two = with_library(tmp_path / "one.wasm", "1"), with_library(tmp_path / "two.wasm", "2")
    time.sleep(0.05)
    assert run_with_library(compile_cache.load(one)) == 43
    assert sorted(compilations) == ["component", "module"]
    compilations.clear()
    assert run_with_library(compile_cache.load(two)) == 44
    assert run_with_library(compile_cache.compile_bytes(two.read_bytes(), "two")) == 44
    assert compilations == ["component", "component"]
    assert len(list(directory.glob("*-module.cwasm"))) == 1


def test_library_that_was_removed_is_compiled_again(tmp_path: Path, directory: Path, compilations: list[str]) -> None:
    path = with_library(tmp_path / "one.wasm", "1")
    time.sleep(0.05)
    compile_cache.load(path)
    (module,) = directory.glob("*-module.cwasm")

    def replace() -> None:
        module.unlink()  # another file, because this one is mapped
        module.write_bytes(b"x")

    for damage in (module.unlink, replace, lambda: module.chmod(0o622)):
        damage()
        loaded_code.LOADED.clear()
        compilations.clear()
        assert run_with_library(compile_cache.load(path)) == 43
        assert sorted(compilations) == ["component", "module"]
        loaded_code.LOADED.clear()
        compilations.clear()
        assert run_with_library(compile_cache.load(path)) == 43
        assert compilations == []


def test_whole_component_is_compiled_without_a_cache(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_library(tmp_path / "one.wasm", "1")
    (tmp_path / "file").touch()
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "file"))
    assert run_with_library(compile_cache.load(path)) == 43
    assert compilations == ["component"]


def test_whole_component_is_compiled_if_a_library_cannot_be_kept(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    path = with_library(tmp_path / "one.wasm", "1")
    monkeypatch.setattr(Path, "replace", full)
    assert run_with_library(compile_cache.load(path)) == 43
    assert compilations[-1] == "component"


def test_an_import_with_the_name_of_a_library_is_missing() -> None:
    name = f"{loaded_code.PREFIX}{'0' * 64}"
    component = bytes(wasmtime.wat2wasm(f'(component (import "{name}" (core module)))'))
    with pytest.raises(ArtifactError, match=f"cannot be run: .*{name}"), open_server(component) as server:
        server.list_tools()
