"""Attribution of backtrace frames to the components of a server."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import METADATA, spec

from wasmcp.component.topology import read_topology
from wasmcp.compose import compose_server
from wasmcp.host.engine.frame_owners import Frames, owners

SERVER = compose_server([spec("calc", "a", "add"), spec("text", "b", "count")], METADATA).data


def line(number: int, offset: int, function: str = "<unknown>!<wasm function 3>") -> str:
    return f"{number}: {offset:#8x} - {function}"


def test_components_own_their_byte_ranges() -> None:
    found = owners(SERVER)
    assert [owner.name for owner in found if owner.is_component] == ["calc", "text"]
    assert {"transport", "server-io", "catalogue"} <= {owner.name for owner in found if not owner.is_component}
    assert all(SERVER[owner.start : owner.start + 4] == b"\0asm" for owner in found)
    assert len(found) <= len(read_topology(SERVER).instances)


def test_frames_are_attributed_to_components() -> None:
    calc, text = (owner for owner in owners(SERVER) if owner.is_component)
    component, frames = Frames(SERVER).attribute(
        "\n".join([line(0, 2), line(1, text.start + 9), line(2, calc.start + 9, "main!act"), "(no frame)"])
    )
    assert component == "text"
    assert frames.splitlines() == [
        line(0, 2),
        line(1, text.start + 9, "text: <wasm function 3>"),
        line(2, calc.start + 9, "calc: main!act"),
        "(no frame)",
    ]


def test_changed_file_is_not_read(tmp_path: Path) -> None:
    server = tmp_path / "server.wasm"
    server.write_bytes(SERVER)
    (calc, _) = (owner for owner in owners(SERVER) if owner.is_component)
    unchanged, changed, missing = Frames(server), Frames(server), Frames(tmp_path / "missing.wasm")
    assert unchanged.attribute(line(0, calc.start))[0] == "calc"
    server.write_bytes(SERVER + b"\0\1\0")
    assert changed.attribute(line(0, calc.start)) == ("", line(0, calc.start))
    assert unchanged.attribute(line(0, calc.start))[0] == "calc"
    assert missing.attribute(line(0, calc.start)) == ("", line(0, calc.start))


@given(st.binary(max_size=200), st.integers(0, len(SERVER)))
def test_other_files_have_no_owners(junk: bytes, cut: int) -> None:
    assert owners(SERVER[:cut]) == [] or cut == len(SERVER)
    assert isinstance(owners(b"\0asm\x0d\0\x01\0" + junk), list)
