from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, WIT, catalogue, dummy, spec, tools_component

from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.composition import compose_handler
from wasmcp.errors import CompositionError, InvalidComponentError
from wasmcp.package_data import framework_component


def wit_with(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """Return a copy of wasmcp's WIT with one text replaced in one file (`*`: in all of the package)."""
    copy = tmp_path / "wit"
    shutil.copytree(WIT, copy)
    for path in copy.glob(file):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    return copy


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "empty file"),
            (b"hello", "not WebAssembly"),
            (b"(component)", "text form"),
            (b"\0asm\x01\0\0\0", "core module.*wasm-tools component new"),
            (b"\0asm\x0d\0\x01\0\x07", "at byte"),
        ],
    )
    def test_invalid_component(self, data: bytes, message: str) -> None:
        with pytest.raises(InvalidComponentError, match=f"component `calc`: .*{message}") as caught:
            compose_server([ComponentSpec("calc", data)], METADATA)
        assert caught.value.component == "calc"

    def test_a_truncated_file_anywhere(self) -> None:
        data = tools_component("1", "a")
        for end in range(8, len(data), 97):
            with pytest.raises(InvalidComponentError):
                compose_server([ComponentSpec("calc", data[:end])], METADATA)

    def test_files(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidComponentError, match=r"`none\.wasm` cannot be read: No such file") as caught:
            compose_server([ComponentSpec("calc", tmp_path / "none.wasm")], METADATA)
        assert str(tmp_path) not in str(caught.value)
        (tmp_path / "bad.wasm").write_text("hello")
        with pytest.raises(InvalidComponentError, match=r"`bad\.wasm` is not usable"):
            compose_server([ComponentSpec("calc", tmp_path / "bad.wasm")], METADATA)

    def test_component_without_known_exports(self) -> None:
        with pytest.raises(
            InvalidComponentError, match=r"exports `wasmcp:mcp-v20260728/messages@0.1.0`.*one of `.*/tools@"
        ):
            compose_server([ComponentSpec("io", dummy("server-io"))], METADATA)

    def test_another_version_of_the_contract(self, tmp_path: Path) -> None:
        old = "package wasmcp:mcp-v20260728@0.1.0;"
        wit = wit_with(tmp_path, "*.wit", old, old.replace("0.1.0", "0.7.0"))
        with pytest.raises(InvalidComponentError, match=r"exports `wasmcp:mcp-v20260728/tools@0.7.0`, but") as caught:
            compose_server([ComponentSpec("calc", dummy("tools-component", wit), catalogue("a"))], METADATA)
        assert (caught.value.interface, caught.value.wanted, caught.value.found) == (
            "wasmcp:mcp-v20260728/tools",
            "0.1.0",
            "0.7.0",
        )

    def test_other_types_in_an_export(self, tmp_path: Path) -> None:
        wit = wit_with(tmp_path, "handler.wit", "    other(json),", "    other(json),\n    later(json),")
        with pytest.raises(InvalidComponentError, match=r"exports `.*tools.*` with other types.*case") as caught:
            compose_server([ComponentSpec("calc", dummy("tools-component", wit), catalogue("a"))], METADATA)
        assert "later" in str(caught.value)

    def test_other_types_in_an_import(self, tmp_path: Path) -> None:
        wit = wit_with(tmp_path, "messages.wit", "    method: func() -> method;", "    method: func() -> string;")
        with pytest.raises(InvalidComponentError, match=r"imports `.*messages.*` with other types"):
            compose_server([ComponentSpec("calc", dummy("tools-component", wit), catalogue("a"))], METADATA)

    def test_import_that_is_not_provided(self, tmp_path: Path) -> None:
        world = "world tools-component {\n"
        wit = wit_with(tmp_path, "worlds.wit", world, world + "  import server-metadata;\n")
        with pytest.raises(
            InvalidComponentError, match=r"imports `.*server-metadata@0.1.0`, which nothing in the server"
        ):
            compose_server([ComponentSpec("calc", dummy("tools-component", wit), catalogue("a"))], METADATA)

    def test_an_unknown_grant(self) -> None:
        with pytest.raises(InvalidComponentError, match="unknown grant `network`; the families are `env`, `fs`"):
            compose_server([spec("calc", "1", "a", grants=frozenset({"network"}))], METADATA)

    def test_two_components_with_one_name(self) -> None:
        with pytest.raises(InvalidComponentError, match="two components have this name"):
            compose_server([spec("calc", "1", "a"), spec("calc", "2", "b")], METADATA)

    def test_no_components(self) -> None:
        with pytest.raises(CompositionError, match="at least one"):
            compose_server([], METADATA)

    def test_a_broken_component_of_the_framework(self) -> None:
        with pytest.raises(InvalidComponentError, match="component `transport`: this framework component"):
            compose_server([spec("calc", "1", "a")], METADATA, framework={"transport": b"x"})

    def test_missing_file_of_a_framework_component(self, tmp_path: Path) -> None:
        with pytest.raises(
            InvalidComponentError, match=r"component `transport`: `none\.wasm` cannot be read"
        ) as caught:
            compose_server([spec("calc", "1", "a")], METADATA, framework={"transport": tmp_path / "none.wasm"})
        assert str(tmp_path) not in str(caught.value)

    def test_a_service_cannot_use_the_chain_that_uses_it(self, tmp_path: Path) -> None:
        world = "world server-io {\n"
        wit = wit_with(tmp_path, "wire.wit", world, world + "  import server-handler;\n")
        with pytest.raises(CompositionError, match=r"imports `.*server-handler@.*`, which is not provided there"):
            compose_server([spec("calc", "1", "a")], METADATA, framework={"server-io": dummy("server-io", wit)})


def test_components_of_the_framework_may_be_given_as_files(tmp_path: Path) -> None:
    ours = compose_server([spec("calc", "1", "a")], METADATA)
    copy = tmp_path / "transport.wasm"
    copy.write_bytes(framework_component("transport").read_bytes())
    given = compose_server([spec("calc", "1", "a")], METADATA, framework={"transport": copy})
    assert given.data == ours.data
    copy.write_bytes(dummy("transport"))
    other = compose_server([spec("calc", "1", "a")], METADATA, framework={"transport": copy})
    assert other.framework["transport"] != ours.framework["transport"]
    assert other.data != ours.data


@pytest.mark.parametrize("compose", ["server", "handler"])
def test_component_with_empty_catalogue_is_refused(compose: str) -> None:
    parts = [spec("one", "1", "a"), ComponentSpec("empty", tools_component("2"), Catalogue())]
    with pytest.raises(InvalidComponentError) as caught:
        compose_server(parts, METADATA) if compose == "server" else compose_handler(parts)
    assert caught.value.component == "empty"
    for words in (
        "exports `tools` and lists nothing",
        "`dynamic = true`",
        "`--dynamic empty --grant empty=middleware`",
    ):
        assert words in str(caught.value)


def test_dynamic_component_can_have_an_empty_catalogue() -> None:
    asked = ComponentSpec("empty", tools_component("2"), Catalogue(), MIDDLEWARE, dynamic=True)
    assert compose_server([asked], METADATA).capabilities == {"tools": {}}
