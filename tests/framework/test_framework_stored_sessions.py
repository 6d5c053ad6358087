"""`stored-sessions` and `stored-sessions-draft`: sessions in a store of the host, called from Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kv_store_client import KvStore, compiled
from support.waiting import wait_until
from wasmtime.component import Component

from wasmcp.errors import StoreRequestError
from wasmcp.host.bindings.wasi_keyvalue import Buckets
from wasmcp.host.stores.keyvalue import MemoryStore, Store

ENGINE = wasmtime.Engine()
KINDS = ("stored-sessions", "stored-sessions-draft")
DAY = 86_400
PLACES = 65_536


class Sessions:
    """One instance."""

    def __init__(self, component: Component, store: Store, buckets: Buckets | None = None) -> None:
        self._instance = KvStore(ENGINE, component, store, buckets)

    def __call__(self, function: str, *arguments: Any) -> Any:
        """Call a function."""
        return self._instance.call("session-states", function, *arguments)


@pytest.fixture(scope="module")
def components() -> dict[str, Component]:
    return {kind: compiled(ENGINE, kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def component(components: dict[str, Component], request: pytest.FixtureRequest) -> Component:
    return components[request.param]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def instance(component: Component, memory: MemoryStore) -> Callable[[], Sessions]:
    """Make instances that share a store, which one of them has used before."""
    assert Sessions(component, memory)("begin", "first", DAY) is None
    return lambda: Sessions(component, memory)


def stored(memory: MemoryStore) -> dict[str, bytes]:
    keys = memory.keys("", None, 2 * PLACES)
    return memory.get("", [key for key in keys if key.startswith("wasmcp.sessions.")])


def test_storage_lasts_when_another_instance_reads_the_mark(component: Component, memory: MemoryStore) -> None:
    first = Sessions(component, memory)
    assert first("offered") is True
    for _ in range(3):  # its own mark proves nothing: the storage could be its own
        assert first("begin", "s", DAY) is None
    assert Sessions(component, MemoryStore())("begin", "s", DAY) is None
    second = Sessions(component, memory)
    identifier = second("begin", "s", DAY)
    assert first("find", identifier) == second("find", identifier) != None  # noqa: E711
    assert first("begin", "s", DAY) is None


def test_session_is_found_by_every_instance_until_it_ends(instance: Callable[[], Sessions]) -> None:
    one, two = instance(), instance()
    identifier = one("begin", '2025-11-25 - @ab {"a": "\u00e9"}', DAY)
    name, state = two("find", identifier)
    assert state == '2025-11-25 - @ab {"a": "\u00e9"}'
    two("update", identifier, "2025-11-25 error @ab")
    assert one("find", identifier) == (name, "2025-11-25 error @ab")
    one("end", identifier)
    assert two("find", identifier) is None
    two("update", identifier, "again")  # a replay does not bring it back
    two("end", identifier)
    assert one("find", identifier) is None


def test_ids_cannot_be_guessed_and_are_not_stored(instance: Callable[[], Sessions], memory: MemoryStore) -> None:
    sessions = instance()
    ids = [sessions("begin", "s", DAY) for _ in range(200)]
    assert len(set(ids)) == 200
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in ids)
    names = [sessions("find", each)[0] for each in ids]
    text = b"".join(stored(memory).values()).decode() + "".join(stored(memory)) + "".join(names)
    assert not any(each in text for each in ids)
    for each in (*names, ids[0][:-1], ids[0] + "0", ids[0].upper() + "\u00e9", "", "x" * 100):
        assert each == ids[0].upper() or sessions("find", each) is None


def test_session_expires(instance: Callable[[], Sessions]) -> None:
    sessions = instance()
    identifier = sessions("begin", "s", 1)
    assert sessions("find", identifier) is not None
    wait_until(lambda: sessions("find", identifier) is None)


def test_expired_sessions_make_room_with_their_values(instance: Callable[[], Sessions], memory: MemoryStore) -> None:
    sessions = instance()
    old = "a" * 32
    name = "0" * 32
    memory.put("", {f"wasmcp.sessions.{place:04x}": f"{name} 1 {old}".encode() for place in range(PLACES)})
    memory.put(f"wasmcp:session/{name}", {"calc/k": b"1", "calc/l": b"1"})
    assert sessions("begin", "s", DAY) is not None
    assert memory.keys(f"wasmcp:session/{name}", None, 10) == []


def test_sessions_take_a_fixed_number_of_places(instance: Callable[[], Sessions], memory: MemoryStore) -> None:
    far = int(time.time()) + 10 * DAY
    memory.put("", {f"wasmcp.sessions.{place:04x}": b"%032x %d s" % (place, far) for place in range(PLACES)})
    before = memory._size
    sessions = instance()
    ids = [sessions("begin", "s", DAY) for _ in range(300)]  # the oldest of several places gives way
    assert all(ids)
    assert len(stored(memory)) == PLACES
    assert memory._size < before + 20_000
    assert sum(sessions("find", each) is not None for each in ids) > 250


def test_unknown_ids_store_nothing(instance: Callable[[], Sessions], memory: MemoryStore) -> None:
    sessions = instance()
    before = memory._size
    for number in range(1000):
        identifier = f"{number:032x}"
        assert sessions("find", identifier) is None
        sessions("update", identifier, "s")
        sessions("end", identifier)
    assert memory._size == before


def test_values_of_an_ended_session_are_deleted(instance: Callable[[], Sessions], memory: MemoryStore) -> None:
    sessions = instance()
    one, two = sessions("begin", "s", DAY), sessions("begin", "s", DAY)
    (first, _), (second, _) = sessions("find", one), sessions("find", two)
    for name in (first, second):
        memory.put(f"wasmcp:session/{name}", {f"calc/{n}": b"1" for n in range(1500)})
    memory.put("", {"kept": b"1"})
    sessions("end", one)
    assert memory.keys(f"wasmcp:session/{first}", None, 10) == []
    assert len(memory.keys(f"wasmcp:session/{second}", None, 2000)) == 1500
    assert memory.get("", ["kept"])


def test_values_in_the_default_bucket_are_deleted(component: Component) -> None:
    def admit(bucket: str) -> None:
        if bucket:
            raise StoreRequestError("no such bucket")

    store = MemoryStore()
    Sessions(component, store)("begin", "s", DAY)
    sessions = Sessions(component, store, Buckets(admit))
    one, two = sessions("begin", "s", DAY), sessions("begin", "s", DAY)
    (first, _), (second, _) = sessions("find", one), sessions("find", two)
    store.put("", {f"wasmcp.session.{name}.calc.k": b"1" for name in (first, second)})
    sessions("end", one)
    assert [key for key in store.keys("", None, 100) if ".session." in key] == [f"wasmcp.session.{second}.calc.k"]


class Failing(MemoryStore):
    """Store without service."""

    fails = False

    def get(self, bucket: str, keys: Any) -> dict[str, bytes]:
        if self.fails:
            raise StoreRequestError("away")
        return super().get(bucket, keys)

    def put(self, bucket: str, entries: Any, *, seconds: int | None = None) -> None:
        if self.fails:
            raise StoreRequestError("away")
        super().put(bucket, entries, seconds=seconds)


def test_storage_without_service_has_no_sessions(component: Component) -> None:
    store = Failing()
    Sessions(component, store)("begin", "s", DAY)
    sessions = Sessions(component, store)
    identifier = sessions("begin", "s", DAY)
    store.fails = True
    assert sessions("begin", "s", DAY) is None
    assert sessions("find", identifier) is None
    store.fails = False
    assert sessions("find", identifier) is not None


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(value=st.binary(max_size=80) | st.from_regex(rb"[0-9a-f]{32} [0-9]{1,21} .*", fullmatch=True))
def test_records_of_other_writers_are_read_without_trapping(
    components: dict[str, Component], kind: str, value: bytes
) -> None:
    memory = MemoryStore()
    Sessions(components[kind], memory)("begin", "s", DAY)
    sessions = Sessions(components[kind], memory)
    identifier = sessions("begin", "s", DAY)
    (place,) = stored(memory)
    memory.put("", {place: value})
    assert sessions("find", identifier) is None
    sessions("update", identifier, "s")
    sessions("end", identifier)
    other = sessions("begin", "s", DAY)  # the instance has not trapped: it serves other sessions
    assert sessions("find", other) is not None
