"""Modules that a component contains compressed."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from types import SimpleNamespace

import pytest

from wasmcp.guest.component import compressed_modules
from wasmcp.guest.network import seams


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(compressed_modules, "MODULES", {})
    compressed_modules.keep("kept_words", compile("WORD = __name__ + '!'", "kept_words.py", "exec"))


def test_compressed_module_is_imported_lazily(kept):
    assert "kept_words" not in sys.modules
    assert importlib.import_module("kept_words").WORD == "kept_words!"
    assert importlib.import_module("kept_words") is sys.modules["kept_words"]


def test_other_modules_are_not_found(kept):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("kept_nothing")


@pytest.fixture
def package(kept, monkeypatch):
    """A stored package, of a compiled module and one as source, in a folder that does not exist."""
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    monkeypatch.setattr(sys, "path_importer_cache", {})
    code = compile("from .plain import WORD\n", "/0/stored/__init__.py", "exec")
    compressed_modules.keep("stored", code, "/0/stored/__init__.py", is_package=True)
    compressed_modules.keep_source("stored.plain", b"WORD = __name__\n", "/0/stored/plain.py", is_package=False)
    compressed_modules.keep_source("stored.broken", b"raise ValueError(1)\n", "/0/stored/broken.py", is_package=False)
    compressed_modules.list_directories()


def test_package_and_its_submodules_are_imported_lazily(package):
    stored = importlib.import_module("stored")
    assert stored.WORD == "stored.plain"
    assert (stored.__file__, stored.__path__) == ("/0/stored/__init__.py", ["/0/stored"])
    assert stored.plain.__package__ == "stored"


def test_source_is_in_tracebacks(package):
    with pytest.raises(ValueError, match="1") as caught:
        importlib.import_module("stored.broken")
    assert "raise ValueError(1)" in "".join(traceback.format_exception(caught.value))
    assert "stored.broken" not in sys.modules


def test_modules_of_a_stored_package_are_listed(package):
    found = pkgutil.iter_modules(importlib.import_module("stored").__path__, "stored.")
    assert [(one.name, one.ispkg) for one in found] == [("stored.broken", False), ("stored.plain", False)]
    assert importlib.util.find_spec("stored.plain").origin == "/0/stored/plain.py"


def test_substitutes_of_network_modules_are_imported_in_calls(kept, tmp_path, monkeypatch):
    """The packages in a component do not replace them: `truststore` of PyPI needs `_ssl`."""
    monkeypatch.setattr(seams, "Seams", lambda _present: SimpleNamespace(install=lambda: None))
    for name in ("ssl", "truststore"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    seams.install([])
    (tmp_path / "truststore.py").write_text("import _no_ssl\n", encoding="utf-8")
    compressed_modules._keep_file("truststore", str(tmp_path / "truststore.py"))
    sys.meta_path[:] = [compressed_modules._Finder]
    truststore = importlib.import_module("truststore")
    assert truststore.SSLContext.__module__ == "ssl"
    assert truststore.inject_into_ssl() is None
