from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.bindgen.resolved import resolve_wit
from wasmcp.errors import WitError
from wasmcp.package_data import wit_directory
from wasmcp.project.scaffold import wit_packages, write_deps


def test_the_packages() -> None:
    packages = {package.name: package for package in wit_packages()}
    own = packages["wasmcp:mcp-v20260728"]
    assert own.title == "wasmcp:mcp-v20260728@0.1.0"
    assert own.folder == "wasmcp-mcp-v20260728"
    assert {"tools", "types", "messages"} <= set(own.items("interface"))
    assert "tools-component" in own.items("world")
    assert packages["wasi:io"].items("interface") == ["error", "poll", "streams"]


def test_one_item_with_its_comment() -> None:
    own = wit_packages()[0]
    assert own.item("tools-component") == (
        "/// A component with tools, as authors write it.\n"
        "world tools-component {\n  import messages;\n  export tools;\n}"
    )
    assert own.item("nothing") is None


def test_every_item_is_whole() -> None:
    for package in wit_packages():
        for name in (*package.items("interface"), *package.items("world")):
            text = package.item(name) or ""
            assert text.endswith("\n}"), (package.name, name)
            assert text.startswith(("/// ", "interface ", "world ")), (package.name, name)


def test_written_packages_can_be_used(tmp_path: Path) -> None:
    wit = tmp_path / "wit"
    written = write_deps(wit)
    ours = {path.read_text() for path in wit_directory().rglob("*.wit")}
    assert {path.read_text() for path in written.files} == ours
    assert (wit / "deps/wasi-io/io.wit").is_file()
    (wit / "world.wit").write_text(
        "package acme:calc;\nworld calc { include wasmcp:mcp-v20260728/tools-component@0.1.0; }\n"
    )
    resolved = resolve_wit(wit)
    world = next(world for world in resolved["worlds"] if world["name"] == "calc")
    assert [name for name in world["exports"] if name.startswith("interface-")]


def test_again_changes_nothing(tmp_path: Path) -> None:
    first = write_deps(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in first.files}
    again = write_deps(tmp_path)
    assert (again.files, set(again.unchanged)) == ((), set(first.files))
    assert {path: path.stat().st_mtime_ns for path in first.files} == times


def test_changed_files_are_not_replaced(tmp_path: Path) -> None:
    changed = tmp_path / "deps/wasi-io/io.wit"
    changed.parent.mkdir(parents=True)
    changed.write_text("package wasi:io@0.2.8;\n// mine\n")
    with pytest.raises(WitError, match=r"(?s)io\.wit.*--force") as raised:
        write_deps(tmp_path)
    assert raised.value.files == (changed,)
    assert list((tmp_path / "deps").iterdir()) == [changed.parent]
    assert changed in write_deps(tmp_path, replace=True).files
    assert "streams" in changed.read_text()


def test_existing_package_is_left_out(tmp_path: Path) -> None:
    other = tmp_path / "deps/io/world.wit"
    other.parent.mkdir(parents=True)
    other.write_text("package wasi:io@0.2.8;\n")
    written = write_deps(tmp_path)
    assert written.elsewhere == {"wasi:io@0.2.8": other}
    assert not (tmp_path / "deps/wasi-io").exists()
    assert (tmp_path / "deps/wasi-http").is_dir()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "deps").write_text("a file")
    with pytest.raises(WitError, match=r"directory|exists"):
        write_deps(tmp_path)
