from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.python.modules import Module, module_name, reachable, read_module, source_root


def write(root: Path, **files: str) -> Path:
    """Write files; `a__b` is `a/b.py`, a trailing `__` is the package's `__init__.py`."""
    for name, text in files.items():
        parts = ["__init__" if part == "" else part for part in name.split("__")]
        path = root.joinpath(*parts).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def read(tmp_path: Path, text: str, name: str = "pkg.mod") -> Module:
    path = tmp_path / "mod.py"
    path.write_text(text, encoding="utf-8")
    module = Module(name, path, path.name, own=True)
    assert read_module(module) is None
    return module


def imports(tmp_path: Path, text: str) -> list[tuple[str, tuple[str, ...], bool, bool]]:
    return [(item.module, item.names, item.later, item.optional) for item in read(tmp_path, text).imports]


class TestWhereASourceIs:
    def test_src_layout(self, tmp_path):
        write(tmp_path, src__ns__pkg__tools="")
        path = tmp_path / "src/ns/pkg/tools.py"
        assert source_root(path, tmp_path) == tmp_path / "src"
        assert module_name(path, tmp_path / "src") == "ns.pkg.tools"

    def test_above_the_topmost_package(self, tmp_path):
        write(tmp_path, a__b__="", a__b__c__="", a__b__c__tools="")
        path = tmp_path / "a/b/c/tools.py"
        assert source_root(path, tmp_path) == tmp_path / "a"
        assert module_name(path, tmp_path / "a") == "b.c.tools"

    def test_source_root_of_a_single_file(self, tmp_path):
        write(tmp_path, tools="")
        assert source_root(tmp_path / "tools.py", tmp_path) == tmp_path

    def test_a_package_as_source(self, tmp_path):
        write(tmp_path, src__pkg__="")
        assert module_name(tmp_path / "src/pkg/__init__.py", tmp_path / "src") == "pkg"


class TestImports:
    def test_imports_of_modules_and_in_functions(self, tmp_path):
        text = "import a.b\ndef f():\n    from c import d, e\nclass C:\n    import g\nx = lambda: __import__('h')\n"
        assert imports(tmp_path, text) == [
            ("a.b", (), False, False),
            ("c", ("d", "e"), True, False),
            ("g", (), False, False),
            ("h", (), True, False),
        ]

    def test_relative(self, tmp_path):
        text = "from . import x\nfrom .y import z\n"
        assert imports(tmp_path, text) == [("pkg", ("x",), False, False), ("pkg.y", ("z",), False, False)]

    def test_optional(self, tmp_path):
        text = "try:\n    import fast\nexcept ImportError:\n    import slow\nfinally:\n    import done\n"
        assert imports(tmp_path, text) == [
            ("fast", (), False, True),
            ("slow", (), False, True),
            ("done", (), False, False),
        ]

    def test_another_error_does_not_make_it_optional(self, tmp_path):
        assert imports(tmp_path, "try:\n    import a\nexcept ValueError:\n    pass\n") == [("a", (), False, False)]

    def test_exceptions_in_calls_are_not_optional_imports(self, tmp_path):
        text = "try:\n    def f():\n        import a\nexcept ImportError:\n    pass\n"
        assert imports(tmp_path, text) == [("a", (), True, False)]

    def test_only_for_types_or_as_a_program(self, tmp_path):
        text = (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
            "if __name__ == '__main__':\n    import c\n"
        )
        assert [item[0] for item in imports(tmp_path, text)] == ["typing", "b"]

    def test_imports_by_importlib(self, tmp_path):
        text = "import importlib\nname = 'x'\nimportlib.import_module('a.b')\nimportlib.import_module(name)\n"
        assert [item[0] for item in imports(tmp_path, text)] == ["importlib", "a.b"]


class TestReachable:
    def test_packages_and_submodules(self, tmp_path):
        write(
            tmp_path,
            src__pkg__="from . import common",
            src__pkg__common="import json",
            src__pkg__tools="from .sub import leaf\ndef f():\n    import pkg.later",
            src__pkg__sub__="",
            src__pkg__sub__leaf="",
            src__pkg__later="",
            src__pkg__server="from wasmcp import host",
            src__other="",
        )
        found = reachable(tmp_path / "src/pkg/tools.py", [tmp_path / "src"], tmp_path)
        assert list(found) == ["pkg", "pkg.common", "pkg.later", "pkg.sub", "pkg.sub.leaf", "pkg.tools"]

    def test_cycles_end(self, tmp_path):
        write(tmp_path, a="import b", b="import a")
        assert list(reachable(tmp_path / "a.py", [tmp_path], tmp_path)) == ["a", "b"]

    def test_other_folders(self, tmp_path):
        write(tmp_path, src__a="import dep", vendor__dep__="from . import inner", vendor__dep__inner="")
        found = reachable(tmp_path / "src/a.py", [tmp_path / "src", tmp_path / "vendor"], tmp_path)
        assert {name: module.own for name, module in found.items()} == {"a": True, "dep": False, "dep.inner": False}


def refused(tmp_path: Path, name: str, data: bytes | None) -> str:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ToolchainError) as caught:
        reachable(path, [tmp_path], tmp_path)
    return str(caught.value)


class TestWhatIsNotPython:
    def test_a_syntax_error_shows_the_place(self, tmp_path):
        message = "`mod.py`, line 2: invalid syntax\nreturn = 2\n       ^"
        assert refused(tmp_path, "mod.py", b"x = 1\nreturn = 2\n") == message

    @pytest.mark.parametrize("data", [b"x = '\xff'\n", b"x = 1\0\n", b"x = 1\n  y = 2\n"])
    def test_file_that_is_not_utf8(self, tmp_path, data):
        problem = refused(tmp_path, "mod.py", data)
        assert "`mod.py`" in problem
        assert "line None" not in problem

    def test_a_file_that_cannot_be_read(self, tmp_path):
        (tmp_path / "gone.py").symlink_to("/proc/self/mem")
        assert refused(tmp_path, "gone.py", None).startswith("`gone.py` cannot be read: ")

    def test_errors_of_all_modules_are_reported_together(self, tmp_path):
        (tmp_path / "two.py").write_text("def\n")
        (tmp_path / "three.py").write_text("x = (\n")
        assert refused(tmp_path, "one.py", b"import two, three\n").splitlines() == [
            "`one.py` has 2 errors:",
            "`three.py`, line 1: '(' was never closed",
            "  x = (",
            "      ^",
            "`two.py`, line 1: invalid syntax",
            "  def",
            "     ^",
        ]

    @pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python knows the syntax")
    def test_newer_syntax_is_left_to_the_newer_interpreter(self, tmp_path):
        text = "import a.b, c as d\nfrom .x import (y as z,\n  w)\ntype X = int\ndef f():\n    import g\n"
        found = read(tmp_path, text).imports
        assert [(item.module, item.names, item.later) for item in found] == [
            ("a.b", (), False),
            ("c", (), False),
            ("pkg.x", ("y", "w"), False),
            ("g", (), True),
        ]


def test_calls_at_import_time_are_found(tmp_path):
    text = (
        "import random, time as t, os\nfrom datetime import datetime\nfrom uuid import uuid4 as new\n"
        "A = random.random()\nB = t.time()\nC = datetime.now()\nD = new()\nE = os.getenv('X')\n"
        "random.seed(1)\nR = random.Random(1)\ndef f():\n    return random.random()\n"
    )
    assert read(tmp_path, text).frozen == [
        ("random.random", 4),
        ("time.time", 5),
        ("datetime.datetime.now", 6),
        ("uuid.uuid4", 7),
        ("os.getenv", 8),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nX = os.environ['A']\n",
        "import os as o\nX = dict(o.environ)\n",
        "from os import environ\nX = environ.get('A')\n",
    ],
)
def test_the_environment_of_the_build_is_empty(tmp_path, text):
    assert read(tmp_path, text).frozen == [("os.environ", 2)]
    inside = text.replace("X =", "def f():\n    return")
    assert read(tmp_path, inside).frozen == []
