from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.compose_inputs import (
    METADATA,
    MIDDLEWARE,
    catalogue,
    dead_end,
    probe,
    spec,
    tool,
    tools_component,
    validate,
)

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import DuplicateEntryError, RequestError
from wasmcp.host import Server, open_server
from wasmcp.package_data import FRAMEWORK_COMPONENTS

ENTRY_POINTS = ("wasi:http/incoming-handler@0.2.8", "wasi:cli/run@0.2.8", "wasmcp:embedding/exchange@0.1.0")


@pytest.fixture
def boot() -> object:
    """Compose components and open the server; it is closed after the test."""
    opened: list[Server] = []

    def boot(*components: ComponentSpec, **options: object) -> Server:
        composed = compose_server(list(components), METADATA, **options)  # type: ignore[arg-type]
        validate(composed.data)
        server = open_server(composed.data, instances=1, quick=True, env={"SECRET": "x"})
        opened.append(server)
        return server.__enter__()

    yield boot
    for server in opened:
        server.__exit__(None, None, None)


Boot = Callable[..., Server]


class TestChain:
    def test_a_segment_lists_and_calls(self, boot: Boot) -> None:
        server = boot(spec("one", "from one", "a", "b"), spec("two", "from two", "c"))
        assert [tool.name for tool in server.list_tools()] == ["a", "b", "c"]
        assert [server.call_tool(name).text for name in "abc"] == ["from one", "from one", "from two"]
        with pytest.raises(RequestError, match="Unknown tool: d"):
            server.call_tool("d")

    def test_lists_of_catalogue_and_dynamic_components(self, boot: Boot) -> None:
        server = boot(
            spec("one", "1", "a"),
            spec("asked", "2", "b", static=False),
            spec("three", "3", "c"),
            spec("four", "4", "d", dynamic=True, grants=MIDDLEWARE),
        )
        assert [tool.name for tool in server.list_tools()] == ["a", "b", "c", "d"]
        assert server.call_tool("a").text == "1"
        assert server.call_tool("c").text == "2", "a dynamic component answers before those downstream"

    def test_recorded_tool_that_its_component_rejects_is_unknown(self, boot: Boot) -> None:
        server = boot(spec("one", None, "a"), spec("two", "2", "b"))
        with pytest.raises(RequestError, match="Unknown tool: a"):
            server.call_tool("a")
        assert server.call_tool("b").text == "2"

    def test_requests_that_a_handler_keeps_do_not_go_downstream(self, boot: Boot) -> None:
        server = boot(
            spec("one", "1", "a"), ComponentSpec("wall", dead_end(), grants=MIDDLEWARE), spec("two", "2", "b")
        )
        assert server.call_tool("a").text == "1"
        with pytest.raises(RequestError):
            server.call_tool("b")

    def test_a_component_with_a_handler_too_has_all_its_capabilities_wrapped(self, boot: Boot) -> None:
        both = ComponentSpec("both", tools_component(None, "b", handler=True), catalogue("b"), MIDDLEWARE)
        server = boot(spec("one", "1", "a"), both, spec("two", "2", "c"))
        assert server.call_tool("a").text == "1"
        with pytest.raises(RequestError):
            server.call_tool("c")

    def test_the_order_of_instances(self) -> None:
        composed = compose_server(
            [spec("one", "1", "a"), ComponentSpec("wall", dead_end(), grants=MIDDLEWARE), spec("two", "2", "b")],
            METADATA,
        )
        order = composed.instances
        assert order.index("catalogue 3") < order.index("wall") < order.index("catalogue 1") < order.index("transport")
        assert order.count("server-io") == 1
        assert order.count("method-not-found") == 1

    def test_three_hundred_tools_in_thirty_components(self, boot: Boot) -> None:
        components = [spec(f"c{number}", str(number), *(f"t{number}-{n}" for n in range(10))) for number in range(30)]
        server = boot(*components)
        assert len(server.list_tools()) == 300
        assert [server.call_tool(f"t{number}-9").text for number in range(30)] == [str(number) for number in range(30)]

    def test_names_that_sort_by_their_bytes(self, boot: Boot) -> None:
        names = ["b", "B", "a.b", "a-b", "a", "ab", "a_b", "Z", "0"]
        server = boot(spec("one", "1", *names[::2]), spec("two", "2", *names[1::2]))
        assert [server.call_tool(name).text for name in names] == ["1", "2"] * 4 + ["1"]


class TestMetadata:
    def test_server_metadata(self) -> None:
        metadata = ServerMetadata("tests", "2.1", "Tests", "For tests", "https://example.org", 'Use "it".\nWell. é')
        composed = compose_server([spec("one", "1", "a")], metadata)
        with open_server(composed.data, instances=1, quick=True) as server:
            found = server.discover()
        assert found["_meta"]["io.modelcontextprotocol/serverInfo"] == {
            "name": "tests",
            "title": "Tests",
            "version": "2.1",
            "description": "For tests",
            "websiteUrl": "https://example.org",
        }
        assert found["instructions"] == 'Use "it".\nWell. é'
        assert found["capabilities"] == dict(composed.capabilities)
        assert "tools" in found["capabilities"]

    def test_catalogue_for_handshake_revisions(self) -> None:
        rich = tool(
            "a", title="A", annotations={"readOnlyHint": True}, outputSchema={"type": "array"}, icons=[{"src": "x:y"}]
        )
        composed = compose_server([ComponentSpec("one", tools_component("1", "a"), Catalogue((rich,)))], METADATA)
        with open_server(composed.data, instances=1, quick=True) as server:
            assert server.list_tools()[0].raw == rich
            hello = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05",'
            server.send(hello + '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}')
            answer = server.send('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
        assert answer is not None
        assert '"tools":[{"name":"a","inputSchema":{"type":"object"}}]' in answer.replace(" ", "")


class TestIsolation:
    def test_print_goes_to_stderr_and_the_environment_is_empty(self, boot: Boot) -> None:
        server = boot(ComponentSpec("probe", probe(), catalogue("probe")))
        assert server.call_tool("probe").text == "probed"
        assert server.stderr == "sees no environment\n"

    def test_granted_interfaces_come_from_the_host(self, boot: Boot) -> None:
        server = boot(ComponentSpec("probe", probe(), catalogue("probe"), frozenset({"env"})))
        assert server.call_tool("probe").text == "probed"
        assert server.stderr == "sees an environment\n"

    def test_grants_are_each_components_own(self, boot: Boot) -> None:
        server = boot(
            ComponentSpec("trusted", probe(), catalogue("probe"), frozenset({"env"})),
            ComponentSpec("other", probe(), catalogue("other")),
        )
        server.list_tools()
        assert sorted(server.stderr.splitlines()) == ["sees an environment", "sees no environment"]

    def test_patch_versions_of_wasi_mix(self, boot: Boot) -> None:
        server = boot(
            ComponentSpec("older", probe("0.2.0"), catalogue("probe")),
            ComponentSpec("newer", probe("0.2.9"), catalogue("other")),
        )
        assert server.call_tool("probe").text == "probed"

    def test_only_granted_interfaces_are_imported(self) -> None:
        def imports(*grants: str) -> set[str]:
            one = ComponentSpec("probe", probe(), catalogue("probe"), frozenset(grants))
            return {name.partition("@")[0] for name in compose_server([one], METADATA).imports}

        assert imports("env") - imports() == {"wasi:cli/environment"}
        assert imports("fs", "http", "sockets", "kv") == imports()
        assert all(name.startswith("wasi:") for name in imports("env"))
        assert not {name for name in imports() if name.startswith(("wasi:filesystem", "wasi:sockets"))}


class TestDuplicates:
    def test_an_error_names_both_and_the_tool(self) -> None:
        with pytest.raises(DuplicateEntryError, match="`one` and `two` both have a tool `b`") as caught:
            compose_server([spec("one", "1", "a", "b"), spec("two", "2", "b")], METADATA)
        assert (caught.value.name, caught.value.components) == ("b", ("one", "two"))

    def test_across_segments(self) -> None:
        wall = ComponentSpec("wall", dead_end(), grants=MIDDLEWARE)
        with pytest.raises(DuplicateEntryError):
            compose_server([spec("one", "1", "a"), wall, spec("two", "2", "a")], METADATA)

    def test_first_component_owns_duplicates(self, boot: Boot) -> None:
        server = boot(spec("one", "1", "a", "b"), spec("two", "2", "b", "c"), on_duplicate="first")
        assert [tool.name for tool in server.list_tools()] == ["a", "b", "c"]
        assert [server.call_tool(name).text for name in "abc"] == ["1", "1", "2"]


class TestResult:
    def test_attributes(self) -> None:
        composed = compose_server([spec("one", "1", "a"), spec("two", "2", "b")], METADATA)
        assert composed.exports == ENTRY_POINTS
        assert composed.size == len(composed.data)
        assert [tool["name"] for tool in composed.tools] == ["a", "b"]
        assert composed.capabilities["tools"] == {}
        assert set(composed.framework) == set(FRAMEWORK_COMPONENTS)

    def test_output_is_deterministic(self) -> None:
        components = [spec("one", "1", "a"), ComponentSpec("probe", probe(), catalogue("probe")), spec("x", "2", "b")]
        first, second = (compose_server(components, METADATA) for _ in range(2))
        assert first.data == second.data

    def test_writing_is_atomic(self, tmp_path: Path) -> None:
        composed = compose_server([spec("one", "1", "a")], METADATA)
        composed.write(tmp_path / "server.wasm")
        assert (tmp_path / "server.wasm").read_bytes() == composed.data
        assert [path.name for path in tmp_path.iterdir()] == ["server.wasm"]
        with pytest.raises(OSError, match="directory"):
            composed.write(tmp_path / "missing" / "server.wasm")
        (tmp_path / "taken").mkdir()
        with pytest.raises(OSError, match=r"taken|directory"):
            composed.write(tmp_path / "taken")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["server.wasm", "taken"]

    def test_a_server_of_one_small_tool_is_small(self) -> None:
        assert compose_server([spec("one", "1", "a")], METADATA, auth="none").size < 400_000
        assert compose_server([spec("one", "1", "a")], METADATA).size < 600_000
