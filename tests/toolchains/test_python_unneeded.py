"""Modules of packages that a component leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.toolchains.python.modules import Module, read_module
from wasmcp.toolchains.python.staging import has_later_imports, is_below, unneeded


def module(folder: Path, name: str, text: str) -> Module:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    found = Module(name, path, path.name, own=True)
    assert read_module(found) is None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import pydantic.v1",
        "from pydantic.v1.fields import Field",
        "from pydantic import BaseModel, v1",
        "def f():\n    import importlib\n    return importlib.import_module('pydantic.v1')",
        "class Color:\n    @classmethod\n    def __get_validators__(cls): ...",
    ],
)
def test_a_part_that_others_use_stays(tmp_path, text):
    assert unneeded([module(tmp_path, "shop", text)], []) == frozenset()


def test_a_part_that_only_its_package_uses_is_left_out(tmp_path):
    modules = [
        module(tmp_path, "shop", "from pydantic import BaseModel\nimport pydantic_v1"),
        module(tmp_path, "pydantic.main", "def f():\n    from pydantic.v1 import BaseModel"),
    ]
    assert unneeded(modules, []) == {"pydantic.v1"}
    assert unneeded(modules, ["pydantic.v1.fields"]) == frozenset()


def test_names_are_compared_by_parts():
    assert is_below("pydantic.v1", ["pydantic.v1"])
    assert is_below("pydantic.v1.main", ["pydantic.v1"])
    assert not is_below("pydantic.v10", ["pydantic.v1"])


def test_imports_for_older_pythons_are_not_followed(tmp_path):
    assert not has_later_imports(module(tmp_path, "typing_extensions", ""))
    assert has_later_imports(module(tmp_path, "shop", ""))
