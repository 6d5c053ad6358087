"""`kv-store` and `kv-store-draft`: typed values in the host's store, compared with a dictionary."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kv_store_client import KINDS, Bucket, FailedError, KvStore, compiled
from wasmtime.component import Component

from wasmcp.errors import StoreRequestError
from wasmcp.host.bindings.wasi_keyvalue import Buckets
from wasmcp.host.stores.keyvalue import MemoryStore, Store, open_store

ENGINE = wasmtime.Engine()
LEAST, MOST = -(1 << 63), (1 << 63) - 1
VALUES = [
    (("string", ""), b"\x01"),
    (("string", "12 \u00e9"), "\x0112 \u00e9".encode()),
    (("json", '{"a": 1.10}'), b'\x02{"a": 1.10}'),
    (("u64", 0), b"\x03" + bytes(8)),
    (("u64", (1 << 64) - 1), b"\x03" + b"\xff" * 8),
    (("u64", 258), b"\x03\x02\x01" + bytes(6)),
    (("s64", 0), b"0"),
    (("s64", -10), b"-10"),
    (("s64", LEAST), b"-9223372036854775808"),
    (("s64", MOST), b"9223372036854775807"),
    (("bool", True), b"\x05\x01"),
    (("bool", False), b"\x05\x00"),
    (("bytes", b""), b"\x06"),
    (("bytes", b"\x00\xff5"), b"\x06\x00\xff5"),
]
FOREIGN = [b"", b"text", b"-", b"-0", b"007", b"+5", b"5 ", b"9223372036854775808", b"9" * 30, b"\x01\xff", b"\x02\xc3"]
FOREIGN += [b"\x03123", b"\x04", b"\x05", b"\x05\x02", b"\x00", b"\x07x"]


@pytest.fixture(scope="module")
def components() -> dict[str, Component]:
    return {kind: compiled(ENGINE, kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def kv(components: Mapping[str, Component], kind: str, memory: MemoryStore) -> KvStore:
    return KvStore(ENGINE, components[kind], memory)


@pytest.fixture
def bucket(kv: KvStore) -> Bucket:
    return kv.open()


@pytest.fixture
def second(components: Mapping[str, Component], memory: MemoryStore) -> Bucket:
    return KvStore(ENGINE, components["kv-store"], memory).open()


class TestValues:
    @pytest.mark.parametrize(("value", "kept"), VALUES, ids=range(len(VALUES)))
    def test_round_trip(self, bucket: Bucket, memory: MemoryStore, value: Any, kept: bytes) -> None:
        bucket.set("k", *value)
        assert memory.get("", ["k"]) == {"k": kept}
        assert bucket.get("k") == value

    @pytest.mark.parametrize("kept", FOREIGN, ids=range(len(FOREIGN)))
    def test_foreign_values_are_bytes(self, bucket: Bucket, memory: MemoryStore, kept: bytes) -> None:
        memory.put("", {"k": kept})
        assert bucket.get("k") == ("bytes", kept)

    def test_values_of_another_tool(self, bucket: Bucket, memory: MemoryStore) -> None:
        memory.put("", {"k": b"\x04" + (-2).to_bytes(8, "little", signed=True)})
        assert bucket.get("k") == ("s64", -2)

    def test_operations_on_one_key(self, bucket: Bucket) -> None:
        assert bucket.get("k") is None
        assert bucket("exists", "k") is False
        bucket.set("k", "bool", True)
        assert bucket("exists", "k") is True
        bucket("delete", "k")
        bucket("delete", "k")
        assert bucket.get("k") is None

    def test_batch_operations(self, bucket: Bucket) -> None:
        from wasmtime.component import Variant

        bucket("set-many", [("a", Variant("s64", 1)), ("b", Variant("string", "x")), ("a", Variant("s64", 2))])
        assert bucket.get_many("b", "nothing", "a", "b") == [("string", "x"), None, ("s64", 2), ("string", "x")]
        bucket("delete-many", ["a", "nothing"])
        assert bucket.get_many("a") == [None]
        bucket("set-many", [])
        bucket("delete-many", [])
        assert bucket.get_many() == []


class TestCounters:
    def test_missing_counter_is_zero(self, bucket: Bucket, memory: MemoryStore) -> None:
        assert bucket("increment", "n", 5) == 5
        assert bucket("increment", "n", 37) == 42
        assert bucket("increment", "n", 0) == 42
        assert bucket.get("n") == ("s64", 42)
        assert memory.get("", ["n"]) == {"n": b"42"}

    def test_counters_of_other_programs(self, bucket: Bucket, memory: MemoryStore) -> None:
        from wasmcp.host.stores.keyvalue import increment

        increment(memory, "", "n", 3, signed=True)
        assert bucket("increment", "n", 1) == 4
        assert increment(memory, "", "n", 1, signed=True) == 5

    def test_decrement(self, second: Bucket) -> None:
        assert second("increment", "n", -5) == -5
        assert second("increment", "n", LEAST + 5) == LEAST
        with pytest.raises(FailedError, match="out-of-range"):
            second("increment", "n", -1)
        assert second.get("n") == ("s64", LEAST)

    def test_values_that_are_not_counters(self, bucket: Bucket) -> None:
        for value in (("string", "5"), ("u64", 5), ("bytes", b"5"), ("bool", True)):
            bucket.set("k", *value)
            with pytest.raises(FailedError, match="not-a-counter"):
                bucket("increment", "k", 1)
            assert bucket.get("k") == value

    def test_out_of_range(self, bucket: Bucket) -> None:
        bucket.set("n", "s64", MOST)
        with pytest.raises(FailedError, match="out-of-range"):
            bucket("increment", "n", 1)
        assert bucket.get("n") == ("s64", MOST)

    def test_concurrent_instances(self, components: Mapping[str, Component], kind: str, tmp_path: Path) -> None:
        store = open_store(f"sqlite:{tmp_path / 'kv.db'}")

        def work() -> None:
            bucket = KvStore(ENGINE, components[kind], store).open("counters")
            for _ in range(50):
                bucket("increment", "n", 1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get("counters", ["n"]) == {"n": b"200"}
        store.close()


class TestSwap:
    def test_expected_value(self, second: Bucket) -> None:
        assert second.swap("k", None, "string", "first")
        assert not second.swap("k", None, "string", "second")
        assert not second.swap("k", ("bytes", b"first"), "string", "second")
        assert not second.swap("other", ("string", "first"), "string", "second")
        assert second.get("k") == ("string", "first")
        assert second.swap("k", ("string", "first"), "s64", 1)
        assert second.swap("k", ("s64", 1), "json", "null")
        assert second.get("k") == ("json", "null")

    def test_foreign_values(self, second: Bucket, memory: MemoryStore) -> None:
        memory.put("", {"a": b"raw", "b": b"\x04" + bytes(8)})
        assert second.swap("a", ("bytes", b"raw"), "bool", True)
        assert second.swap("b", ("s64", 0), "bool", True)

    def test_concurrent_write(self, components: Mapping[str, Component]) -> None:
        class Racing(MemoryStore):
            races = 3

            def exchange(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
                if self.races:
                    self.races -= 1
                    self.put(bucket, {key: b"%d" % (10 - self.races)})
                return super().exchange(bucket, key, expected, value)

        store = Racing()
        bucket = KvStore(ENGINE, components["kv-store"], store).open()
        assert bucket("increment", "n", 1) == 11
        store.races = 1
        assert not bucket.swap("n", ("s64", 11), "s64", 12)
        assert bucket.get("n") == ("s64", 10)

    def test_first_draft(self, components: Mapping[str, Component], memory: MemoryStore) -> None:
        bucket = KvStore(ENGINE, components["kv-store-draft"], memory).open()
        with pytest.raises(FailedError, match=r"unsupported.*cannot compare and swap"):
            bucket.swap("k", None, "bool", True)
        with pytest.raises(FailedError, match=r"unsupported.*no negative numbers"):
            bucket("increment", "k", -1)
        assert bucket.get("k") is None
        bucket.set("k", "s64", -1)
        with pytest.raises(FailedError, match=r"unsupported.*no negative numbers"):
            bucket("increment", "k", 0)


class TestLists:
    def test_pages_and_prefixes(self, bucket: Bucket, memory: MemoryStore) -> None:
        memory.put("", {f"{letter}{n:04}": b"" for letter in "abc" for n in range(1200)})
        assert bucket.keys() == sorted(memory.keys("", None, 9999))
        assert bucket.keys("b") == [f"b{n:04}" for n in range(1200)]
        assert bucket.keys("c119") == [f"c119{n}" for n in range(10)]
        assert bucket.keys("d") == []
        first = bucket("list-keys", "c", None)  # the pages before it have no such key, and are skipped
        assert first.keys[0] == "c0000"
        assert first.next is not None

    def test_foreign_cursors(self, bucket: Bucket) -> None:
        for cursor in ("x", "-1", "", "99999999999999999999", "\u00e9" * 3000):
            found = outcome(bucket, "list-keys", "", cursor)
            assert found == ("other", "not a cursor of this list") or found.keys == []


class TestBuckets:
    def test_names(self, kv: KvStore, bucket: Bucket, memory: MemoryStore) -> None:
        other = kv.open("notes")
        other.set("k", "bool", True)
        assert bucket.get("k") is None
        assert memory.get("notes", ["k"]) == {"k": b"\x05\x01"}
        other.close()
        bucket.close()
        assert kv.open("notes").get("k") == ("bool", True)
        assert kv.open().get("k") is None

    @pytest.mark.parametrize("name", ["wasmcp:", "wasmcp:session/x"])
    def test_reserved_names(self, kv: KvStore, name: str) -> None:
        with pytest.raises(FailedError, match="`wasmcp:` are reserved"):
            kv.open(name)

    def test_session_buckets(self, kv: KvStore, memory: MemoryStore) -> None:
        one, two = kv.session("0123", "calc"), kv.session("0123", "calc/x \u00e9")
        one.set("k", "s64", 1)
        two.set("k", "s64", 2)
        assert memory.get("wasmcp:session/0123", ["calc/k", "calc%2Fx%20%C3%A9/k"]) == {
            "calc/k": b"1",
            "calc%2Fx%20%C3%A9/k": b"2",
        }
        assert one.keys() == two.keys() == ["k"]
        assert kv.session("0124", "calc").keys() == []

    def test_session_values_in_the_default_bucket(self, components: Mapping[str, Component], kind: str) -> None:
        def admit(bucket: str) -> None:
            if bucket:
                raise StoreRequestError("the name is invalid")

        memory = MemoryStore()
        kv = KvStore(ENGINE, components[kind], memory, Buckets(admit))
        one, two = kv.session("0.1", "calc"), kv.session("0.1", "calc.x \u00e9")
        one.set("x =C3.k", "s64", 1)
        two.set("k", "bool", True)
        # Of what the framework adds, only characters that every runtime permits; `.` only separates.
        assert [key for key in memory.keys("", None, 10) if "counter" not in key] == [
            "wasmcp.session.0=2E1.calc.x =C3.k",
            "wasmcp.session.0=2E1.calc=2Ex=20=C3=A9.k",
        ]
        assert one.keys() == ["x =C3.k"]
        assert two.keys() == ["k"]
        assert kv.open().keys() == []


class TestLimits:
    def test_keys(self, bucket: Bucket) -> None:
        bucket.set("k" * 1024, "bool", True)
        for key in ("", "k" * 1025, "\u00e9" * 513):
            calls = [("get", key), ("delete", key), ("exists", key), ("increment", key, 1), ("get-many", ["a", key])]
            for name, *arguments in [*calls, ("delete-many", [key])]:
                with pytest.raises(FailedError, match="1 to 1024 bytes"):
                    bucket(name, *arguments)
            with pytest.raises(FailedError, match="1 to 1024 bytes"):
                bucket.set(key, "bool", True)

    @pytest.mark.parametrize("key", ["wasmcp:x", "wasmcp.session.stdio.calc.k"])
    def test_reserved_keys_are_not_listed(self, bucket: Bucket, memory: MemoryStore, key: str) -> None:
        memory.put("", {"a": b"", key: b"", "z": b""})
        assert bucket.keys() == ["a", "z"]
        assert bucket.keys("wasmcp") == []
        for name in ("get", "delete", "exists"):
            with pytest.raises(FailedError, match=r"`wasmcp:` or `wasmcp.` are reserved"):
                bucket(name, key)
        with pytest.raises(FailedError, match="are reserved"):
            bucket.set(key, "bool", True)

    def test_names(self, kv: KvStore) -> None:
        kv.open("n" * 512)
        with pytest.raises(FailedError, match="512 bytes"):
            kv.open("n" * 513)
        with pytest.raises(FailedError, match="512 bytes"):
            kv.session("\u00e9" * 100, "x")

    def test_values(self, bucket: Bucket) -> None:
        most = (2 << 20) - 1
        bucket.set("k", "bytes", bytes(most))
        found = bucket.get("k")
        assert found == ("bytes", bytes(most))
        with pytest.raises(FailedError, match="2 MiB"):
            bucket.set("k", "string", "x" * (most + 1))

    def test_batches(self, bucket: Bucket) -> None:
        from wasmtime.component import Variant

        for name, one in (("get-many", "k"), ("delete-many", "k"), ("set-many", ("k", Variant("bool", True)))):
            bucket(name, [one] * 1000)
            with pytest.raises(FailedError, match="1000 keys"):
                bucket(name, [one] * 1001)
        large = Variant("string", "x" * ((512 << 10) - 1))
        bucket("set-many", [(f"k{n}", large) for n in range(4)])
        with pytest.raises(FailedError, match="2 MiB"):
            bucket("set-many", [(f"k{n}", large) for n in range(5)])
        bucket.set("k4", "bool", True)
        with pytest.raises(FailedError, match="2 MiB"):
            bucket.get_many(*(f"k{n}" for n in range(5)))


def test_store_errors(components: Mapping[str, Component], kind: str) -> None:
    class Broken(MemoryStore):
        def _fail(self, *_: Any) -> Any:
            raise StoreRequestError("out of order")

        get = put = delete = keys = exchange = _fail

    bucket = KvStore(ENGINE, components[kind], Broken()).open()
    calls = [("get", "k"), ("delete", "k"), ("exists", "k"), ("increment", "k", 1), ("list-keys", "", None)]
    for name, *arguments in [*calls, ("get-many", ["k"]), ("delete-many", ["k"])]:
        with pytest.raises(FailedError, match=re.escape("('other', 'out of order')")):
            bucket(name, *arguments)


keys = st.sampled_from(["a", "b", "ab", "\u00e9", "0"])
whole = st.integers(LEAST, MOST)
values = st.one_of(
    st.tuples(st.just("string"), st.text(max_size=9)),
    st.tuples(st.just("json"), st.text(max_size=9)),
    st.tuples(st.just("u64"), st.integers(0, (1 << 64) - 1)),
    st.tuples(st.just("s64"), whole | st.integers(-3, 3)),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("bytes"), st.binary(max_size=9)),
)
steps = st.one_of(
    st.tuples(st.just("set"), keys, values),
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("exists"), keys),
    st.tuples(st.just("increment"), keys, whole | st.integers(-3, 3)),
    st.tuples(st.just("swap"), keys, st.none() | values, values),
    st.tuples(st.just("set-many"), st.lists(st.tuples(keys, values), max_size=4)),
    st.tuples(st.just("get-many"), st.lists(keys, max_size=4)),
    st.tuples(st.just("delete-many"), st.lists(keys, max_size=4)),
    st.tuples(st.just("keys"), st.sampled_from(["", "a", "x"])),
)


class Model(dict[str, Any]):
    """Reference model of a bucket."""

    def increment(self, key: str, delta: int) -> int:
        case, number = self.get(key, ("s64", 0))
        if case != "s64":
            raise FailedError("not-a-counter", None)
        if not LEAST <= number + delta <= MOST:
            raise FailedError("out-of-range", None)
        self[key] = "s64", number + delta
        return int(number + delta)

    def do(self, name: str, *given: Any) -> Any:
        if name == "set":
            self[given[0]] = given[1]
        elif name == "increment":
            return self.increment(*given)
        elif name == "swap":
            fits = self.get(given[0]) == given[1]
            if fits:
                self[given[0]] = given[2]
            return fits
        elif name == "set-many":
            self.update(given[0])
        elif name in {"delete", "delete-many"}:
            for key in given[0] if name == "delete-many" else given:
                self.pop(key, None)
        elif name == "keys":
            return sorted(key for key in self if key.startswith(given[0]))
        elif name == "get-many":
            return [self.get(key) for key in given[0]]
        else:
            return given[0] in self if name == "exists" else self.get(given[0])
        return None


def real(bucket: Bucket, name: str, *given: Any) -> Any:
    """Apply the same operation to a bucket."""
    from wasmtime.component import Variant

    if name == "set":
        return bucket.set(given[0], *given[1])
    if name == "swap":
        return bucket.swap(given[0], given[1], *given[2])
    if name == "set-many":
        return bucket(name, [(key, Variant(*value)) for key, value in given[0]])
    if name == "get":
        return bucket.get(*given)
    if name == "get-many":
        return bucket.get_many(*given[0])
    return bucket.keys(*given) if name == "keys" else bucket(name, *given)


def outcome(function: Any, *given: Any) -> Any:
    """Return the result or the exception."""
    try:
        return function(*given)
    except FailedError as problem:
        return problem.args


@pytest.fixture(scope="module")
def instances(components: Mapping[str, Component]) -> dict[str, tuple[Store, KvStore]]:
    stores = {kind: MemoryStore() for kind in KINDS}
    return {kind: (store, KvStore(ENGINE, components[kind], store)) for kind, store in stores.items()}


def lacking(model: Model, name: str, *given: Any) -> bool:
    """Return whether the first draft does not support the operation."""
    if name != "increment":
        return name == "swap"
    case, number = model.get(given[0], ("s64", 0))
    return case == "s64" and number + given[1] in range(LEAST, MOST + 1) and min(number, given[1]) < 0


class TestProperties:
    @given(st.lists(steps, max_size=12))
    @settings(max_examples=200)
    def test_operations_match_a_dictionary(self, instances: Any, taken: list[Any]) -> None:
        for kind, (store, kv) in instances.items():
            store.close()
            bucket, model = kv.open("b"), Model()
            for name, *given_ in taken:
                found = outcome(real, bucket, name, *given_)
                if kind.endswith("draft") and lacking(model, name, *given_):
                    assert found[0] == "unsupported", (name, given_)
                    continue
                expected = outcome(model.do, name, *given_)
                assert (type(found), found) == (type(expected), expected), (kind, name, given_)
            bucket.close()

    @given(st.binary(max_size=24) | st.integers(-(1 << 66), 1 << 66).map(lambda n: str(n).encode()))
    @settings(max_examples=300)
    def test_arbitrary_bytes(self, instances: Any, kept: bytes) -> None:
        for store, kv in instances.values():
            store.put("b", {"k": kept})
            bucket = kv.open("b")
            assert bucket.get("k") == read(kept)
            if read(kept)[0] != "s64":
                assert outcome(bucket, "increment", "k", 1) == ("not-a-counter", None)
            bucket.close()


def read(kept: bytes) -> tuple[str, Any]:
    """Decode by the table of docs/reference/key-value-store.md."""
    first, rest = kept[:1], kept[1:]
    if first in {b"\x01", b"\x02"}:
        try:
            return ("string" if first == b"\x01" else "json"), rest.decode()
        except UnicodeDecodeError:
            return "bytes", kept
    if first in {b"\x03", b"\x04"} and len(rest) == 8:
        signed = first == b"\x04"
        return ("s64" if signed else "u64"), int.from_bytes(rest, "little", signed=signed)
    if kept in {b"\x05\x00", b"\x05\x01"}:
        return "bool", kept[1] == 1
    if first == b"\x06":
        return "bytes", rest
    if re.fullmatch(rb"0|-?[1-9][0-9]*", kept) and LEAST <= int(kept) <= MOST:
        return "s64", int(kept)
    return "bytes", kept
