from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.guest import NotGrantedError, kv
from wasmcp.guest.kv import buckets
from wasmcp.guest.kv.values import plain, tagged
from wasmcp.guest.testing import fake_kv

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@dataclass
class Note:
    text: str
    tags: list[str] = field(default_factory=list)


@pytest.fixture
def bucket():
    with fake_kv() as store:
        yield store.bucket("things")


class TestGrant:
    def test_reserved_keys_are_refused(self, bucket):
        uses = [lambda: kv.open("wasmcp:x")]
        for key in ("wasmcp:x", "wasmcp.session.stdio"):
            uses += [lambda key=key: bucket.get(key), lambda key=key: bucket.set(key, 1)]
        for use in uses:
            with pytest.raises(kv.StoreError, match=r"`wasmcp[:.]` are reserved") as caught:
                use()
            assert caught.value.kind == "other"

    def test_open_without_grant_is_refused(self):
        with pytest.raises(
            kv.AccessDeniedError, match=r"`kv` is not granted to this component: in a unit test.*`fake_kv"
        ) as caught:
            kv.open("things")
        assert isinstance(caught.value, NotGrantedError)
        assert (caught.value.grant, caught.value.kind) == ("kv", "access-denied")

    def test_component_built_without_grant(self, monkeypatch):
        monkeypatch.setattr(sys, "platform", "wasi")
        monkeypatch.setattr(buckets, "STORES", [buckets._default_store()])
        with pytest.raises(NotGrantedError, match=r'`grants = \["kv"\]`'):
            kv.open()

    def test_buckets_are_separate_and_empty_at_first(self):
        with fake_kv():
            kv.open("a")["x"] = 1
            assert kv.open("b").get("x") is None
            assert kv.open("a")["x"] == 1
        with fake_kv():
            assert list(kv.open("a")) == []


class TestValues:
    @given(st.one_of(JSON, st.binary(max_size=20)))
    def test_values_round_trip(self, value):
        found = plain(tagged(value))
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("value", "case"),
        [
            ("a", "string"), (True, "bool"), (1, "s64"), (-(1 << 63), "s64"), (1 << 63, "u64"), (1 << 64, "json"),
            (-(1 << 63) - 1, "json"), (1.5, "json"), (None, "json"), ([], "json"), (b"", "bytes"),
            (bytearray(b"x"), "bytes"),
        ],
    )  # fmt: skip
    def test_stored_cases(self, value, case):
        assert tagged(value)[0] == case

    def test_unsupported_values(self, bucket):
        with pytest.raises(TypeError, match=r"only values that JSON can hold, and bytes, are kept: .*got object"):
            bucket["x"] = [object()]
        assert "x" not in bucket

    def test_conversion_to_a_type(self, bucket):
        @dataclass
        class Note:
            text: str
            day: date

        bucket["n"] = Note("é", date(2026, 1, 2))
        assert bucket["n"] == {"text": "é", "day": "2026-01-02"}
        assert bucket.get("n", kind=Note) == Note("é", date(2026, 1, 2))
        assert bucket.get("absent", kind=Note) is None
        with pytest.raises(ValueError, match="expected `int`"):
            bucket.get("n", kind=int)
        with pytest.raises(TypeError, match="has no JSON Schema"):
            bucket.get("n", kind=complex)


class TestFunctions:
    def test_batches(self, bucket):
        bucket.set_many({str(number): number for number in range(1000)})
        names = [str(number) for number in range(-5, 1200)]
        assert bucket.get_many(names) == {str(number): number for number in range(1000)}
        bucket.delete_many(str(number) for number in range(5, 1000))
        assert sorted(bucket) == ["0", "1", "2", "3", "4"]
        assert dict(bucket.items()) == {str(number): number for number in range(5)}

    def test_keys_are_paged(self, bucket):
        for start in range(0, 2500, 500):
            bucket.set_many({f"a/{number}": number for number in range(start, start + 500)})
        bucket["b"] = 1
        assert len(list(bucket.keys())) == 2501
        assert set(bucket.keys("a/1")) == {f"a/{number}" for number in range(2500) if str(number).startswith("1")}

    def test_update_retries_after_conflicts(self, bucket):
        calls = []

        def change(held):
            calls.append(held)
            if len(calls) < 3:
                bucket["x"] = len(calls)
            return (held or 0) + 10

        assert bucket.update("x", change) == 12
        assert calls == [None, 1, 2]

        def meddle(held):
            bucket["x"] = held + 1
            return 0

        with pytest.raises(kv.StoreError, match="`x` was changed by other writers in each of 100 attempts"):
            bucket.update("x", meddle)

    def test_kind_converts_values(self, bucket):
        def longer(held: Note | None) -> Note:
            return Note(f"{held.text}!" if held else "new", ["x"])

        assert bucket.update("note/a", longer, kind=Note) == Note("new", ["x"])
        assert bucket.update("note/a", longer, kind=Note) == Note("new!", ["x"])
        assert bucket.update("note/b", lambda held: held, Note("given"), kind=Note) == Note("given")
        assert bucket.get_many(["note/a", "note/c"], kind=Note) == {"note/a": Note("new!", ["x"])}
        assert dict(bucket.items("note/", kind=Note)) == {"note/a": Note("new!", ["x"]), "note/b": Note("given")}

    def test_update_with_unfitting_value_changes_nothing(self, bucket):
        bucket["x"] = 1
        with pytest.raises(ValueError, match="expected `date`"):
            bucket.update("x", lambda held: held, kind=date)
        bucket["x"] = date(2026, 1, 2).isoformat()
        with pytest.raises(ValueError, match="expected `date`"):
            bucket.update("x", lambda _: 3, kind=date)
        assert bucket["x"] == "2026-01-02"
        assert bucket.update("x", lambda held: held.replace(day=3), kind=date) == date(2026, 1, 3)

    def test_compare_and_swap_of_a_dict(self, bucket):
        bucket["x"] = {"b": 1, "a": None}
        assert bucket.compare_and_swap("x", {"b": 1, "a": None}, {"c": 2})
        assert bucket["x"] == {"c": 2}

    def test_default_bucket(self, bucket):
        assert kv.open().name == ""
        assert repr(bucket) == "Bucket('things')"
