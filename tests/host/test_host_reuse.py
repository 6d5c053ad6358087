"""Lives of instances: `reuse`, exact numbers of instances, and their bound in the log."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.projects import ZIG_PROJECT, write_project
from support.server_processes import WASMCP, free_port, served
from support.waiting import wait_until

from wasmcp.errors import ConfigError, GuestTrapError
from wasmcp.host import Server, open_server
from wasmcp.host.configuration.declared import Configuration
from wasmcp.host.scheduling import dispatch
from wasmcp.project import ensure_built, load
from wasmcp.protocol import LATEST

COUNTER = """\
const mcp = @import("wasmcp");

pub const tools = .{ mcp.tool("count", "Count the calls.", count), mcp.tool("crash", "Trap.", crash) };

var calls: u32 = 0;

fn count(_: struct {}) u32 {
    calls += 1;
    return calls;
}

fn crash(_: struct {}) u32 {
    @trap();
}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tool counts its calls in a variable: one server for each life of instances."""
    files = dict(ZIG_PROJECT)
    declared = files["pyproject.toml"].replace('instructions = "Add."\n', "instances = 1\n")
    files["pyproject.toml"] = declared + '\n[tool.wasmcp.servers.fresh]\ncomponents = ["calc"]\nreuse = "request"\n'
    files["zig/calc.zig"] = COUNTER
    return write_project(tmp_path_factory.mktemp("counter"), files)


@pytest.fixture(scope="module")
def counter(project: Path) -> Path:
    """The server `default` of that project; `fresh.wasm` is next to it."""
    ensure_built(project, "fresh")
    return ensure_built(project, "default")


def count(server: Server) -> int:
    return int(server.call_tool("count").structured_content["result"])


def test_one_instance_keeps_variables(counter: Path) -> None:
    with open_server(counter, instances=1) as server:
        assert [count(server) for _ in range(30)] == list(range(1, 31))


def test_new_instance_for_each_request_has_initial_variables(counter: Path) -> None:
    with open_server(counter, reuse="request") as server:
        assert [count(server) for _ in range(40)] == [1] * 40  # more than calls need to run inline
        with pytest.raises(GuestTrapError):
            server.call_tool("crash")
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(lambda _: count(server), range(80))) == {1}
        server.reload(counter)
        assert [count(server) for _ in range(3)] == [1] * 3


def test_both_choices_together(counter: Path) -> None:
    with open_server(counter, instances=1, reuse="request") as server:
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(lambda _: count(server), range(40))) == {1}
        assert server.pool.instances == 1


def over_http(port: int) -> int:
    meta = {"io.modelcontextprotocol/protocolVersion": LATEST, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "count", "arguments": {}, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    fields = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": LATEST,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "count",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/mcp", body, fields)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return int(answer["result"]["structuredContent"]["result"])


def answers(port: int) -> int | None:
    try:
        return over_http(port)
    except OSError:  # the address was printed just before the process accepts connections
        return None


@pytest.mark.parametrize(
    ("server", "options", "expected"),
    [
        ("default", [], [2, 3, 4]),  # `instances = 1` is declared
        ("fresh", [], [1, 1, 1]),  # `reuse = "request"` is declared
        ("default", ["--reuse", "request"], [1, 1, 1]),
        ("fresh", ["--reuse", "process", "--instances", "1"], [2, 3, 4]),
    ],
)
def test_served_with_declared_values_and_options(
    counter: Path, server: str, options: list[str], expected: list[int]
) -> None:
    port = free_port()
    with served(str(counter.with_name(f"{server}.wasm")), "--port", str(port), *options):
        wait_until(lambda: answers(port))
        assert [over_http(port) for _ in range(3)] == expected


def lines(server: Path, *options: str) -> subprocess.CompletedProcess[str]:
    meta = {"io.modelcontextprotocol/protocolVersion": LATEST, "io.modelcontextprotocol/clientCapabilities": {}}
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "count", "_meta": meta}}
        for number in range(3)
    ]
    text = "".join(json.dumps(call) + "\n" for call in calls)
    command = [*WASMCP, "run", str(server), *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=True)


def counted(ended: subprocess.CompletedProcess[str]) -> list[int]:
    found = [json.loads(line)["result"]["structuredContent"]["result"] for line in ended.stdout.splitlines()]
    return sorted(found)


def test_run_over_stdio_with_declared_values_and_options(counter: Path) -> None:
    assert counted(lines(counter)) == [1, 2, 3]
    assert counted(lines(counter.with_name("fresh.wasm"))) == [1, 1, 1]
    assert counted(lines(counter, "--reuse", "request")) == [1, 1, 1]


def test_bound_of_instances_is_logged_on_request(counter: Path) -> None:
    fresh = counter.with_name("fresh.wasm")
    assert "instances" not in lines(fresh).stderr
    pattern = (
        r"at most ([0-9]+) instances, a new one for each request: one has ([0-9.]+) MiB of memory at its start, "
        r"all of them can use [0-9.]+ MiB"
    )
    found = re.search(pattern, lines(fresh, "-v").stderr)
    assert found is not None
    assert 1 <= int(found[1]) <= dispatch.MOST_INSTANCES
    assert 0 < float(found[2]) < 100
    assert "at most 1 instances: as configured" in lines(counter, "--verbose").stderr
    with served(str(fresh), "--port", "0", "-v") as process:
        process.wait_for("at most ")


def test_bound_of_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch.memory, "total", lambda: 4 << 30)
    assert dispatch.bound_by_memory(64, 2, 1 << 20) == 64
    assert dispatch.bound_by_memory(64, 2, 100 << 20) == 10
    assert dispatch.bound_by_memory(64, 4, 1 << 30) == 4  # instances for computing calls need not fit
    assert dispatch.bound_by_memory(3, 8, 1 << 30) == 3
    assert dispatch.bound_by_memory(64, 2, 0) == 64
    monkeypatch.setattr(dispatch.memory, "total", lambda: None)
    assert dispatch.bound_by_memory(64, 2, 1 << 40) == 64


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("instances = 0", "`tool.wasmcp.servers.default.instances` must be above 0"),
        ("instances = true", "`tool.wasmcp.servers.default.instances` must be an integer"),
        ('reuse = "never"', "`tool.wasmcp.servers.default.reuse` must be one of `process`, `request`"),
    ],
)
def test_invalid_choices_are_refused(tmp_path: Path, line: str, message: str) -> None:
    files = {**ZIG_PROJECT, "pyproject.toml": ZIG_PROJECT["pyproject.toml"] + line + "\n"}
    with pytest.raises(ConfigError) as raised:
        load(write_project(tmp_path, files))
    assert message in str(raised.value)


def test_choices_are_kept_in_the_manifest() -> None:
    chosen = Configuration(instances=1, reuse="request")
    written = json.loads(json.dumps(chosen.to_manifest()))
    assert written == {"instances": 1, "reuse": "request"}
    assert Configuration.of_manifest(written) == chosen
    for wrong in [{"instances": 0}, {"instances": True}, {"instances": "2"}, {"reuse": "never"}, {"reuse": 1}]:
        with pytest.raises(ValueError, match="malformed"):
            Configuration.of_manifest(wrong)
