"""`wasi:keyvalue` in a real component, with the stores in memory, in SQLite and in Redis."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from support.redis_servers import Redis, needs_redis, redis_server
from wasmtime.component import Component, Linker

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import HostError, StoreRequestError
from wasmcp.host import open_server
from wasmcp.host.bindings.wasi_keyvalue import Attempt, Handles, Provided, define
from wasmcp.host.stores.keyvalue import (
    KEY_LIMIT,
    VALUE_LIMIT,
    MemoryStore,
    Store,
    increment,
    open_store,
)
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

WIT = """\
package test:kv;

interface ops {
  get: func(key: string) -> result<option<list<u8>>, string>;
  put: func(key: string, value: list<u8>) -> result<_, string>;
  remove: func(key: string) -> result<_, string>;
  exists: func(key: string) -> result<bool, string>;
  count: func() -> result<u32, string>;
  add: func(key: string, delta: DELTA) -> result<DELTA, string>;
  put-many: func(entries: list<tuple<string, list<u8>>>) -> result<_, string>;
  get-many: func(keys: list<string>) -> result<list<option<tuple<string, list<u8>>>>, string>;
  remove-many: func(keys: list<string>) -> result<_, string>;
  swap: func(key: string, meanwhile: option<list<u8>>, value: list<u8>) -> result<bool, string>;
}

world client {
  import wasi:keyvalue/store@VERSION;
  import wasi:keyvalue/atomics@VERSION;
  import wasi:keyvalue/batch@VERSION;
  export ops;
}
"""
SOURCE = """\
const bindings = @import("bindings");
const abi = bindings.abi;
const store = bindings.wasi_keyvalue.store;
const atomics = bindings.wasi_keyvalue.atomics;
const batch = bindings.wasi_keyvalue.batch;
const Entry = struct { []const u8, []const u8 };

fn words(failure: store.Error) []const u8 {
    return switch (failure) {
        .no_such_store => "no such store",
        .access_denied => "access denied",
        .other => |text| text,
    };
}

fn bucket() store.Bucket {
    return store.open("a bucket").get() catch unreachable;
}

fn passed(comptime T: type, result: abi.Result(T, store.Error)) abi.Result(T, []const u8) {
    return switch (result) {
        .ok => |value| if (T == void) .ok else .{ .ok = value },
        .err => |failure| .{ .err = words(failure) },
    };
}

pub const exports = struct {
    pub const ops = struct {
            pub fn get(key: []const u8) abi.Result(?[]const u8, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(?[]const u8, b.get(key));
            }
            pub fn put(key: []const u8, value: []const u8) abi.Result(void, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(void, b.set(key, value));
            }
            pub fn remove(key: []const u8) abi.Result(void, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(void, b.delete(key));
            }
            pub fn exists(key: []const u8) abi.Result(bool, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(bool, b.exists(key));
            }
            pub fn count() abi.Result(u32, []const u8) {
                const b = bucket();
                defer b.drop();
                var total: u32 = 0;
                var page = b.listKeys(null).get() catch unreachable;
                while (true) {
                    total += @intCast(page.keys.len);
                    const cursor = page.cursor orelse return .{ .ok = total };
                    page = b.listKeys(cursor).get() catch unreachable;
                }
            }
            pub fn add(key: []const u8, delta: DELTA) abi.Result(DELTA, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(DELTA, atomics.increment(b, key, delta));
            }
            pub fn putMany(entries: []const Entry) abi.Result(void, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(void, batch.setMany(b, @ptrCast(entries)));
            }
            pub fn getMany(keys: []const []const u8) abi.Result([]const ?Entry, []const u8) {
                const b = bucket();
                defer b.drop();
                return switch (batch.getMany(b, keys)) {
                    .ok => |found| .{ .ok = @ptrCast(found) },
                    .err => |failure| .{ .err = words(failure) },
                };
            }
            pub fn removeMany(keys: []const []const u8) abi.Result(void, []const u8) {
                const b = bucket();
                defer b.drop();
                return passed(void, batch.deleteMany(b, keys));
            }
            SWAP
    };
};
"""
SWAP = """\
pub fn swap(key: []const u8, meanwhile: ?[]const u8, value: []const u8) abi.Result(bool, []const u8) {
    const b = bucket();
    defer b.drop();
    const attempt = atomics.Cas.new_(b, key).get() catch unreachable;
    if (meanwhile) |other| _ = b.set(key, other);
    return switch (atomics.swap(attempt, value)) {
        .ok => .{ .ok = true },
        .err => |failure| switch (failure) {
            .store_error => |e| .{ .err = words(e) },
            .cas_failed => |again| again: {
                const now = (again.current().get() catch unreachable) orelse "nothing";
                again.drop();
                break :again .{ .err = now };
            },
        },
    };
}
"""
NO_SWAP = """\
pub fn swap(_: []const u8, _: ?[]const u8, _: []const u8) abi.Result(bool, []const u8) {
    return .{ .ok = false };
}
"""
DRAFTS = {"0.2.0-draft": ("u64", NO_SWAP), "0.2.0-draft2": ("s64", SWAP)}


@pytest.fixture(scope="module")
def components(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[wasmtime.Engine, Component]]:
    made = {}
    engine = wasmtime.Engine()
    for draft, (delta, swap) in DRAFTS.items():
        folder = tmp_path_factory.mktemp("kv")
        deps = folder / "wit" / "deps" / "kv"
        deps.mkdir(parents=True)
        name = "wasi-keyvalue-" + draft.rpartition("-")[2]
        (deps / "keyvalue.wit").write_bytes((wit_directory() / "deps" / name / "keyvalue.wit").read_bytes())
        (folder / "wit" / "client.wit").write_text(WIT.replace("VERSION", draft).replace("DELTA", delta), "utf-8")
        (folder / "client.zig").write_text(
            SOURCE.replace("SWAP", swap).replace("DELTA", delta.replace("s", "i")), "utf-8"
        )
        build_component(folder / "client.zig", folder / "wit", "client", folder / "client.wasm")
        made[draft] = engine, Component.from_file(engine, str(folder / "client.wasm"))
    return made


class Client:
    """Client that calls the component with a store."""

    def __init__(
        self, engine: wasmtime.Engine, component: Component, store: Store, handles: Handles | None = None
    ) -> None:
        linker = Linker(engine)
        linker.add_wasip2()
        self._kept = define(linker, store, handles=handles)
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(wasmtime.WasiConfig())
        self._instance = linker.instantiate(self._store, component)
        self._ops = self._instance.get_export_index(self._store, "test:kv/ops")

    def __call__(self, name: str, *arguments: Any) -> Any:
        function = self._instance.get_func(self._store, self._instance.get_export_index(self._store, name, self._ops))
        assert function is not None
        result = function(self._store, *arguments)
        function.post_return(self._store)
        return getattr(result, "payload", result)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=needs_redis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "redis":
        url = f"{request.getfixturevalue('redis').url}?prefix={tmp_path.name}"
    else:
        url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'kv.db'}"
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture(params=list(DRAFTS))
def client(request: pytest.FixtureRequest, components: Any, store: Store) -> Client:
    return Client(*components[request.param], store)


class TestComponent:
    def test_single_values(self, client: Client) -> None:
        assert client("get", "k") is None
        assert client("exists", "k") is False
        client("put", "k", b"\x00\xff value")
        assert client("get", "k") == b"\x00\xff value"
        assert client("exists", "k") is True
        client("put", "k", b"")
        assert client("get", "k") == b""
        client("remove", "k")
        client("remove", "k")
        assert client("get", "k") is None

    def test_counters(self, client: Client) -> None:
        assert client("add", "n", 5) == 5
        assert client("add", "n", 37) == 42
        assert client("get", "n") == b"42"
        client("put", "n", b"many")
        assert client("add", "n", 1) == "the value is not a counter"

    def test_batch_operations(self, client: Client) -> None:
        client("put-many", [("a", b"1"), ("b", b"2" * 5000), ("c", b"")])
        assert client("get-many", ["c", "x", "b"]) == [("c", b""), None, ("b", b"2" * 5000)]
        client("remove-many", ["a", "x"])
        assert client("get-many", ["a"]) == [None]
        client("put-many", [])
        assert client("get-many", []) == []

    def test_pages(self, client: Client, store: Store) -> None:
        store.put("a bucket", {f"{n:05}": b"" for n in range(2500)})
        store.put("another", {"x": b""})
        assert client("count") == 2500

    def test_limits(self, client: Client) -> None:
        assert client("put", "k" * (KEY_LIMIT + 1), b"") == f"a key of more than {KEY_LIMIT} bytes"
        assert client("get", "\u00e9" * KEY_LIMIT) == f"a key of more than {KEY_LIMIT} bytes"
        assert client("put", "k" * KEY_LIMIT, b"v" * 100) is None


def test_compare_and_swap(components: Any, store: Store) -> None:
    client = Client(*components["0.2.0-draft2"], store)
    assert client("swap", "k", None, b"first") is True
    assert client("swap", "k", None, b"second") is True
    assert client("swap", "k", b"faster", b"third") == "faster"
    assert client("get", "k") == b"faster"


MANY = """\
const bindings = @import("bindings");

pub const exports = struct {
    pub const ops = struct {
        pub fn many(keys: []const []const u8) []const ?[]const u8 {
            const bucket = bindings.wasi_keyvalue.store.open("").get() catch unreachable;
            defer bucket.drop();
            const found = bindings.wasi_keyvalue.batch.getMany(bucket, keys).get() catch unreachable;
            const values = bindings.memory.alloc(?[]const u8, found.len);
            for (found, keys, values) |one, key, *value| {
                if (key.len != one[0].len) unreachable;
                value.* = one[1];
            }
            return values;
        }
    };
};
"""


def test_get_many_by_key(tmp_path: Path) -> None:
    """The second draft in Spin's form: pairs with options, while the one in wit/ has options of pairs."""
    deps = tmp_path / "wit" / "deps" / "kv"
    deps.mkdir(parents=True)
    ours = (wit_directory() / "deps" / "wasi-keyvalue-draft2" / "keyvalue.wit").read_text("utf-8")
    theirs = ours.replace("option<tuple<string, list<u8>>>", "tuple<string, option<list<u8>>>")
    assert theirs != ours
    (deps / "keyvalue.wit").write_text(theirs, "utf-8")
    imports = "".join(f"  import wasi:keyvalue/{name}@0.2.0-draft2;\n" for name in ("store", "batch"))
    interface = "interface ops { many: func(keys: list<string>) -> list<option<list<u8>>>; }"
    (tmp_path / "wit" / "many.wit").write_text(
        f"package test:kv;\n{interface}\nworld many {{\n{imports}  export ops;\n}}\n", "utf-8"
    )
    (tmp_path / "many.zig").write_text(MANY, "utf-8")
    built = build_component(tmp_path / "many.zig", tmp_path / "wit", "many", tmp_path / "many.wasm")
    engine = wasmtime.Engine()
    component = Component.from_file(engine, str(built))
    linker = Linker(engine)
    provided = Provided(linker, "memory:", component.type.imports(engine), engine)
    provided.sessions.put("", {"a": b"1", "b": b"\xff"})
    store = wasmtime.Store(engine)
    instance = linker.instantiate(store, component)
    index = instance.get_export_index(store, "many", instance.get_export_index(store, "test:kv/ops"))
    many = instance.get_func(store, index)  # type: ignore[arg-type]
    assert many is not None
    assert many(store, ["b", "x", "a"]) == [b"\xff", None, b"1"]
    many.post_return(store)
    provided.close()


class TestMemory:
    def test_memory_limit(self) -> None:
        store = MemoryStore(1000)
        store.put("b", {"a": b"x" * 400})
        with pytest.raises(StoreRequestError, match="more than 0 MiB of values"):
            store.put("b", {"c": b"", "d": b"x" * 400})
        assert store.keys("b", None, 9) == ["a"]
        with pytest.raises(StoreRequestError):
            store.exchange("b", "c", None, b"x" * 400)
        store.put("b", {"a": b"y" * 800})  # replaces the value
        store.delete("b", ["a", "nothing"])
        store.put("other", {"a": b"x" * 800})
        store.drop("other")
        store.put("b", {"a": b"x" * 800})
        store.close()
        store.put("b", {"a": b"x" * 800})

    def test_key_lists_follow_changes(self) -> None:
        store = MemoryStore()
        store.put("b", {"b": b""})
        assert store.keys("b", None, 9) == ["b"]
        store.put("b", {"a": b""})
        store.exchange("b", "c", None, b"")
        assert store.keys("b", None, 9) == ["a", "b", "c"]
        assert store.keys("b", "a", 1) == ["b"]
        store.delete("b", ["b"])
        assert store.keys("b", None, 9) == ["a", "c"]
        store.drop("b")
        assert store.keys("b", None, 9) == []


def test_sqlite_values_survive_a_restart(components: Any, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kept.db'}"
    first = open_store(url)
    Client(*components["0.2.0-draft"], first)("put", "k", b"kept")
    first.close()
    script = f"from wasmcp.host.stores.keyvalue import open_store; print(open_store({url!r}).get('a bucket', ['k']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'k': b'kept'}"


def test_large_value_is_copied_fast() -> None:
    import ctypes

    from wasmcp.host.bindings import _capi, component_values

    value = _capi.Value()
    sent = bytes(range(256)) * 4096
    before = time.thread_time()
    component_values.data(sent)(None, value)
    assert component_values.read(value) == sent
    assert time.thread_time() - before < 0.5  # one at a time takes 2.5 s
    _capi.delete_value(ctypes.byref(value))


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite:", "redis:x", "sqlite:/nowhere/at/all.db"])
def test_invalid_store_urls(url: str) -> None:
    with pytest.raises(HostError):
        open_store(url)


def test_counters_of_many_threads(store: Store) -> None:
    def work() -> None:
        for _ in range(100):
            increment(store, "b", "n", 1, signed=True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("b", ["n"]) == {"n": b"800"}


@pytest.mark.parametrize(
    ("before", "delta", "signed"),
    [
        (b"9223372036854775807", 1, True),
        (b"18446744073709551615", 1, False),
        (b"-1", 1, False),
        (b"", 1, True),
        (b"1.5", 1, True),
        (b"9" * 30, 1, True),
    ],
)
def test_invalid_counters(before: bytes, delta: int, signed: bool) -> None:
    store = MemoryStore()
    store.put("b", {"n": before})
    with pytest.raises(StoreRequestError):
        increment(store, "b", "n", delta, signed=signed)
    assert store.get("b", ["n"]) == {"n": before}


KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)


@given(st.lists(st.tuples(st.sampled_from(["put", "delete", "exchange"]), KEYS, st.binary(max_size=5)), max_size=30))
def test_stores_behave_the_same(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bytes]]) -> None:
    stores: list[Store] = [MemoryStore(), open_store("sqlite::memory:")]

    def on_both(act: Callable[[Store], Any]) -> None:
        first, second = (act(store) for store in stores)
        assert first == second

    for action, key, value in steps:
        if action == "put":
            on_both(lambda store, key=key, value=value: store.put("b", {key: value}))
        elif action == "delete":
            on_both(lambda store, key=key: store.delete("b", [key]))
        else:
            on_both(lambda store, key=key, value=value: store.exchange("b", key, None, value))
        on_both(lambda store, key=key: store.keys("b", key, 3))
    on_both(lambda store: store.keys("b", None, 100))


def test_too_long_value_is_rejected() -> None:
    from wasmcp.host.stores.keyvalue import check_entries

    with pytest.raises(StoreRequestError):
        check_entries({"k": bytes(VALUE_LIMIT + 1)})


COUNTING = """\
package wasmcp:mcp-v20260728@0.1.0;

world counting {
  import messages;
  import wasi:keyvalue/store@0.2.0-draft;
  import wasi:keyvalue/atomics@0.2.0-draft;
  export tools;
}
"""
COUNTER = """\
const std = @import("std");
const bindings = @import("bindings");
const abi = bindings.abi;
const store = bindings.wasi_keyvalue_0_2_0_draft.store;
const atomics = bindings.wasi_keyvalue_0_2_0_draft.atomics;
const Request = bindings.messages.Request;
const Error = bindings.types.Error;

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(_: Request, _: ?[]const u8) abi.Result(bindings.tools.Page, Error) {
            return .{ .ok = .{ .items = &.{.{ .name = "count", .input_schema = "{\\"type\\":\\"object\\"}" }} } };
        }
        pub fn callTool(_: Request, _: []const u8) abi.Result(?bindings.tools.Outcome, Error) {
            const content = bindings.memory.alloc(bindings.types.Content, 1);
            content[0] = .{ .text = .{ .text = count() } };
            return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
        }
    };
};

fn count() []const u8 {
    const bucket = switch (store.open("numbers")) {
        .ok => |bucket| bucket,
        .err => |failure| return @tagName(failure),
    };
    defer bucket.drop();
    const now = atomics.increment(bucket, "calls", 1).get() catch return "failed";
    return std.fmt.allocPrint(bindings.memory.allocator, "{d}", .{now}) catch unreachable;
}
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("counter")
    shutil.copytree(wit_directory(), folder / "wit")
    (folder / "wit" / "counting.wit").write_text(COUNTING, "utf-8")
    (folder / "counter.zig").write_text(COUNTER, "utf-8")
    return build_component(folder / "counter.zig", folder / "wit", "counting", folder / "counter.wasm").read_bytes()


def served(counter: bytes, *grants: str) -> bytes:
    tools = ({"name": "count", "inputSchema": {"type": "object"}},)
    spec = ComponentSpec("counter", counter, Catalogue(tools=tools), frozenset(grants))
    return compose_server([spec], ServerMetadata("counter", "1")).data


def test_granted_component_keeps_its_counter_over_a_restart(counter: bytes, tmp_path: Path) -> None:
    data = served(counter, "kv")
    for expected in ("1", "2"):
        with open_server(data, keyvalue=f"sqlite:{tmp_path / 'numbers.db'}") as server:
            assert server.call_tool("count").text == expected
    # All instances of a server share the store in memory.
    with open_server(data, instances=4) as server:
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(lambda _: server.call_tool("count").text, range(40)))
        assert sorted(map(int, texts)) == list(range(1, 41))


def test_component_without_the_grant_is_denied(counter: bytes) -> None:
    with open_server(served(counter)) as server:
        assert server.call_tool("count").text == "access_denied"


def test_store_that_cannot_be_opened_is_an_error(counter: bytes) -> None:
    with pytest.raises(HostError, match="is not a key-value store"):
        open_server(served(counter, "kv"), keyvalue="reddis://localhost")


def test_keyvalue_option(counter: bytes, tmp_path: Path) -> None:
    (tmp_path / "server.wasm").write_bytes(served(counter, "kv"))
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "count", "_meta": meta}}
    command = [sys.executable, "-m", "wasmcp", "run", "server.wasm", "--keyvalue", "sqlite:values.db"]
    for expected in ("1", "2"):
        done = subprocess.run(
            command, input=json.dumps(call) + "\n", capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert json.loads(done.stdout)["result"]["content"][0]["text"] == expected
    assert (tmp_path / "values.db").is_file()


def test_store_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "private.db"
    store = open_store(f"sqlite:{path}")
    store.put("b", {"k": b"v"})
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("private.db*")}
    assert modes["private.db"] == 0o600
    assert set(modes.values()) == {0o600}
    store.close()


def test_readers_do_not_wait_for_a_writer_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    store = open_store(f"sqlite:{path}")
    store.put("b", {"k": b"before"})
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writer = threading.Thread(target=store.put, args=("b", {"k": b"after"}))
    writer.start()
    try:
        found = [store.get("b", ["k"])["k"] for _ in range(20)]
        assert found == [b"before"] * 20
        assert writer.is_alive()
    finally:
        other.execute("COMMIT")
        other.close()
        writer.join()
    assert store.get("b", ["k"]) == {"k": b"after"}
    store.close()
    with pytest.raises(StoreRequestError, match="closed"):
        store.get("b", ["k"])


class TestHandles:
    def test_size_of_cas_handles_is_limited(self) -> None:
        handles = Handles(each_bytes=10_000, most_bytes=15_000)
        big = Attempt("b", "k", b"x" * 6000, owner=1)
        number = handles.add_attempt(big)
        with pytest.raises(StoreRequestError, match="values of more than"):
            handles.add_attempt(big)
        handles.add_attempt(big._replace(owner=2))
        with pytest.raises(StoreRequestError, match="of all instances"):
            handles.add_attempt(big._replace(owner=3))
        assert handles.end_attempt(number) == big
        assert handles.end_attempt(number) is None
        handles.add_attempt(big._replace(owner=3))

    def test_ended_instance_frees_its_handles(self) -> None:
        handles = Handles(each=3, each_bytes=10_000, most_bytes=10_000)
        numbers = [handles.add_attempt(Attempt("b", "k", b"x" * 2000, owner=1)) for _ in range(3)]
        with pytest.raises(StoreRequestError, match="more than 3 open handles"):
            handles.opened(1)
        handles.opened(2)
        handles.ended(1)
        with pytest.raises(StoreRequestError, match="used up"):
            handles.attempt(numbers[0])
        assert [handles.add_attempt(Attempt("b", "k", b"x" * 2000, owner=3)) for _ in range(3)]

    def test_dropped_handles_are_not_counted(self) -> None:
        handles = Handles(each=2)
        for _ in range(10):
            handles.opened(1)
            handles.dropped(1)
        handles.opened(1)
        handles.opened(1)
        with pytest.raises(StoreRequestError, match="more than 2 open handles"):
            handles.opened(1)

    def test_component_drops_its_handles(self, components: Any) -> None:
        """Each operation of the component opens a bucket, and drops it."""
        store, handles = open_store("memory:"), Handles(each=5)
        for draft in DRAFTS:
            client = Client(*components[draft], store, handles)
            for number in range(20):
                client("put", "k", b"%d" % number)
            assert client("get", "k") == b"19"
