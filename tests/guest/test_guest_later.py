"""Modules that a component may import in calls, found while it is built; the standard library is a small one."""

from __future__ import annotations

import encodings
import importlib
import shutil
import sys
from pathlib import Path

import pytest

from wasmcp.guest.component import compressed_modules

LIBRARY = {
    "encodings/__init__.py": "",
    "encodings/latin_9.py": "import wasmcp_three\n",
    "wasmcp_one.py": "def f():\n    from wasmcp_two import part\n",
    "wasmcp_two/__init__.py": "VALUE = 2\n",
    "wasmcp_two/part.py": "from . import VALUE\nfrom wasmcp_three import THREE\n",
    "wasmcp_two/other.py": "OTHER = __name__\n",
    "wasmcp_two/tests/test_x.py": "",
    "wasmcp_two/tests/__init__.py": "",
    "wasmcp_three.py": "THREE = 3\n",
    "wasmcp_four.py": "import subprocess\n",
    "wasmcp_broken.py": "def f(:\n",
    "subprocess.py": "",
    "turtle.py": "",
    "notes.txt": "",
}
PACKAGES = {
    "shop/__init__.py": "",
    "shop/named.py": "import wasmcp_four\n",
    "shop/computed.py": "NAME = __name__\n",
    "wasmcp/guest.py": "",
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, compressed_modules.Kept]:
    for folder, files in (("library", LIBRARY), ("0", PACKAGES)):
        for name, text in files.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(text)
    monkeypatch.setattr(compressed_modules, "LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr(compressed_modules, "FROM_C", ())
    monkeypatch.setattr(compressed_modules, "MODULES", {})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    monkeypatch.syspath_prepend(str(tmp_path / "0"))
    core = frozenset(sys.modules)
    importlib.import_module("wasmcp_one")
    packages = {str(tmp_path / "0/shop/__init__.py"): "shop", str(tmp_path / "0/shop/named.py"): "shop.named"}
    compressed_modules.keep_later(core, packages, ["wasmcp_four", "os.path"])
    compressed_modules.keep_sources(str(tmp_path / "0"))
    return compressed_modules.MODULES


def test_named_modules_are_compiled_and_others_are_sources(kept):
    assert sorted(name for name, one in kept.items() if not one.is_source) == [
        "encodings.latin_9",
        "shop",
        "shop.named",
        "wasmcp_four",
        "wasmcp_three",
        "wasmcp_two",
        "wasmcp_two.part",
    ]
    assert sorted(name for name, one in kept.items() if one.is_source) == [
        "shop.computed",
        "wasmcp_broken",
        "wasmcp_two.other",
    ]


def test_kept_modules_are_imported_without_their_files(kept, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    assert importlib.import_module("wasmcp_two.part").THREE == 3
    assert importlib.import_module("wasmcp_two.other").OTHER == "wasmcp_two.other"
    assert importlib.import_module("shop.computed").NAME == "shop.computed"
    with pytest.raises(SyntaxError):
        importlib.import_module("wasmcp_broken")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("turtle")


def test_text_encodings_are_stored_as_differences_from_one_of_them(tmp_path, monkeypatch):
    library = tmp_path / "library"
    (library / "encodings").mkdir(parents=True)
    for name in ("cp437", "cp850", "iso8859_15"):
        shutil.copy(Path(encodings.__file__).parent / f"{name}.py", library / "encodings")
    monkeypatch.setattr(compressed_modules, "LIBRARY", str(library))
    monkeypatch.setattr(compressed_modules, "FROM_C", ())
    monkeypatch.setattr(compressed_modules, "MODULES", {})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    names = ["encodings.cp437", "encodings.cp850", "encodings.iso8859_15"]
    monkeypatch.setattr(sys, "modules", {name: one for name, one in sys.modules.items() if name not in names})
    compressed_modules.keep_later(frozenset(sys.modules), {}, [])
    whole, *others = (compressed_modules.MODULES[name] for name in names)
    assert [whole.like, *(one.like for one in others)] == ["", "encodings.cp437", "encodings.cp437"]
    assert len(others[0].data) < len(whole.data) / 3
    for name in names:
        code = compressed_modules._Loader(name, "").get_code(name)
        text = (library / f"{name.replace('.', '/')}.py").read_text("utf-8")
        assert code == compile(text, code.co_filename, "exec", dont_inherit=True)
