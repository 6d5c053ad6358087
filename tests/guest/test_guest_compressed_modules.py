"""Compressed modules of the standard library."""

from __future__ import annotations

import importlib
import sys

import pytest

from wasmcp.guest.component import compressed_modules


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(compressed_modules, "_codes", {})
    compressed_modules.keep("kept_words", compile("WORD = __name__ + '!'", "kept_words.py", "exec"))


def test_compressed_module_is_imported_lazily(kept):
    assert "kept_words" not in sys.modules
    assert importlib.import_module("kept_words").WORD == "kept_words!"
    assert importlib.import_module("kept_words") is sys.modules["kept_words"]


def test_other_modules_are_not_found(kept):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("kept_nothing")
