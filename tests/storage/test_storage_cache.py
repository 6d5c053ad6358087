from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmcp import storage as module
from wasmcp.storage import Cache, cache_directory


def put(cache: Cache, key: str, data: bytes) -> Path:
    path = cache.component_path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return cache.record_component(key)[0]


def test_directory_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path))
    assert cache_directory() == tmp_path
    assert Cache().root == tmp_path


def test_component_is_found_by_its_inputs(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.component("sha256:aa") is None
    path = put(cache, "sha256:aa", b"component")
    assert cache.component("sha256:aa") == (path, module.digest_of_bytes(b"component"))
    assert cache.component("sha256:bb") is None


@pytest.mark.parametrize("damage", ["truncate", "sidecar", "no sidecar"])
def test_damaged_entry_is_ignored(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    path = put(cache, "sha256:aa", b"component")
    if damage == "truncate":
        path.write_bytes(b"comp")
    elif damage == "sidecar":
        path.with_suffix(".json").write_text("[]")
    else:
        path.with_suffix(".json").unlink()
    assert cache.component("sha256:aa") is None


def test_keys_cannot_leave_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for key in ("../../outside", "sha256:/etc", "", "a\0b", "sha256:.."):
        assert cache.component_path(key).parent.parent == tmp_path / "components"
        assert cache.text_path("sboms", key, "x.json").parent.parent == tmp_path / "sboms"
        assert ".." not in cache.component_path(key).parts


def test_least_recently_used_entries_are_pruned_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 25)
    cache = Cache(tmp_path)
    for age, key in ((300, "old"), (100, "used"), (200, "older")):
        path = put(cache, key, b"0123456789"[:8])
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    cache.component("old")  # used just now
    put(cache, "new", b"01234567")
    assert [key for key in ("old", "older", "used", "new") if cache.component(key)] == ["old", "used", "new"]


def test_new_entry_is_kept_at_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 1)
    cache = Cache(tmp_path)
    put(cache, "one", b"01234567")
    put(cache, "two", b"01234567")
    assert cache.component("one") is None
    assert cache.component("two") is not None
