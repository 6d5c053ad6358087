"""The guest crate of Rust on its own: its examples, its package, the fakes, and components built without Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from support.handler_table import FOLDER, TABLE_PATH
from support.rust_crates import MISSING, cargo, guest_copy, target_directory, write_crate
from support.server_processes import WASMCP

from wasmcp.host import open_server
from wasmcp.package_data import guest_directory

SOURCES = sorted((guest_directory("rust") / "src").rglob("*.rs"))
needs_rust = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
_ITEM = re.compile(r"^pub (?:struct|enum|trait|fn|mod|const|macro|type) +(\w+)|^macro_rules! (component)", re.MULTILINE)


def test_every_public_item_has_an_example() -> None:
    without = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        for found in _ITEM.finditer(text):
            before = text[: found.start()].rstrip("\n").splitlines()
            documentation: list[str] = []
            while before and before[-1].lstrip().startswith(("///", "#[", ")]")):
                documentation.insert(0, before.pop())
            words = "\n".join(documentation)
            if "#[doc(hidden)]" not in words and "/// ```" not in words and not found[0].startswith("pub mod"):
                without.append(f"{path.name}: {found[1] or found[2]}")
    assert not without


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return guest_copy(tmp_path_factory.mktemp("guest"))


class TestCrate:
    pytestmark = needs_rust

    def test_examples_and_unit_tests(self, guest: Path) -> None:
        output = cargo(guest, "test")
        results = re.findall(r"test result: ok\. (\d+) passed; 0 failed; (\d+) ignored", output)
        assert len(results) == 2, output
        assert int(results[1][0]) > 60
        assert results[1][1] == "0"

    def test_package(self, guest: Path) -> None:
        output = cargo(guest, "package", "--allow-dirty")
        assert "warning: unused" not in output
        [path] = (target_directory() / "package").glob("wasmcp-guest-*.crate")
        with tarfile.open(path) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        assert {"Cargo.toml", "LICENSE", "README.md", "src/lib.rs", "wit/rust.wit", "mcp/types.wit"} <= names
        assert not [name for name in names if name.startswith("target")]

    def test_handlers_run_natively_with_the_fakes(self, guest: Path, tmp_path: Path) -> None:
        source = (FOLDER / "table.rs").read_text("utf-8")
        folder = write_crate(tmp_path / "handlers", guest, source, "handlers")
        output = cargo(folder, "test", "--lib", TABLE_PATH=str(TABLE_PATH))
        assert "4 passed; 0 failed" in output

    def test_a_component_built_by_cargo_alone_composes(self, guest: Path, tmp_path: Path) -> None:
        source = (FOLDER / "table.rs").read_text("utf-8")
        folder = write_crate(tmp_path / "handlers", guest, source, "handlers")
        cargo(folder, "build", "--target", "wasm32-wasip2", PATH=_path_without_python(tmp_path))
        built = target_directory() / "wasm32-wasip2" / "debug" / "handlers.wasm"
        server = tmp_path / "server.wasm"
        command = [*WASMCP, "compose", "server", str(built), "-o", str(server)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with open_server(server) as opened:
            assert {tool.name for tool in opened.list_tools()} == {"rust_http", "rust_kv", "rust_config", "rust_keep"}
            lookups = [{"key": "absent", "kind": "integer", "default": 3}]
            result = opened.call_tool("rust_config", {"case": json.dumps(lookups)})
            assert json.loads(result.text) == [{"gives": 3}]


def _path_without_python(folder: Path) -> str:
    """Return a `PATH` with the programs that cargo needs, and nothing else."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("cargo", "rustc", "cc", "ld"):
        found = shutil.which(name)
        if found is not None:
            (programs / name).symlink_to(found)
    return str(programs)
