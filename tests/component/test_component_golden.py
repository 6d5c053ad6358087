from __future__ import annotations

import os
from pathlib import Path

import pytest
import wasmtime
from support import golden_cases
from wasmtime.component import Component

from wasmcp.errors import ComponentError, CompositionError

CASES = sorted(folder for folder in golden_cases.ROOT.iterdir() if (folder / "graph.json").is_file())
UPDATE = os.environ.get("WASMCP_UPDATE_GOLDEN") == "1"


def check(path: Path, text: str) -> None:
    if UPDATE:
        for name in ("encoded.wat", "error.txt"):
            (path.parent / name).unlink(missing_ok=True)
        path.write_text(text)
    assert path.is_file(), f"not expected: {text}"
    assert path.read_text() == text


@pytest.fixture(scope="module")
def engine() -> wasmtime.Engine:
    return wasmtime.Engine()


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_case(folder: Path, engine: wasmtime.Engine, tmp_path: Path) -> None:
    try:
        data = golden_cases.compose(folder)
    except (ComponentError, CompositionError) as error:
        check(folder / "error.txt", f"{type(error).__name__}: {error}\n")
        return
    file = tmp_path / "out.wasm"
    file.write_bytes(data)
    golden_cases.wasm_tools("validate", str(file))
    refusal = golden_cases.engine_refusal(folder)
    if refusal:
        with pytest.raises(wasmtime.WasmtimeError, match=refusal):
            Component(engine, data)
    else:
        Component(engine, data)
    check(folder / "encoded.wat", golden_cases.wasm_tools("print", str(file)).decode())
    assert golden_cases.compose(folder) == data, "the same inputs gave other bytes"
