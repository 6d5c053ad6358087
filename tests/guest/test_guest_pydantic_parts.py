"""Parts of pydantic that a component does not use."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TypedDict

import pytest

from wasmcp.guest.network.library_parts import patches


@pytest.fixture
def loader(tmp_path, monkeypatch) -> SimpleNamespace:
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    (tmp_path / "shop-1.dist-info").mkdir()
    return SimpleNamespace(__name__="pydantic.plugin._loader", _plugins=None)


def test_the_search_for_plug_ins_is_replaced_by_its_result(loader):
    (patch,) = patches(loader)
    assert (patch.owner, patch.name, patch.value) == (loader, "_plugins", {})


def test_plug_ins_are_searched_if_a_package_has_some(loader, tmp_path):
    (tmp_path / "shop-1.dist-info" / "entry_points.txt").write_text("[pydantic]\nx = shop:plugin\n")
    assert list(patches(loader)) == []


@pytest.mark.usefixtures("loader")
def test_another_version_of_the_module_stays_unchanged():
    assert list(patches(SimpleNamespace(__name__="pydantic.plugin._loader"))) == []


def test_annotations_for_type_checkers_are_dropped():
    class Schema(TypedDict, total=False):
        strict: bool

    module = ModuleType("pydantic_core.core_schema")
    module.Schema, module.number = Schema, 7
    assert list(patches(module)) == []
    assert Schema.__annotations__ == {}
    assert Schema(strict=True) == {"strict": True}
