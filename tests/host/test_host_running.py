"""Stdio server processes, from their start to the end of their input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.compose_inputs import METADATA, spec
from support.server_processes import WASMCP
from wasmtime import wat2wasm

from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.compose import compose_server
from wasmcp.compose.interfaces import ENTRY_POINTS
from wasmcp.errors import ArtifactError
from wasmcp.host import Limits, open_server
from wasmcp.host.engine import logs
from wasmcp.host.engine.logs import Echo, Log, write_lines
from wasmcp.host.transports.stdio_server import find_server, find_servers

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def call(identifier: int, name: str, arguments: dict[str, object]) -> str:
    params = {"name": name, "arguments": arguments, "_meta": META}
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params}) + "\n"


def listing(identifier: int) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "tools/list", "params": {"_meta": META}}) + "\n"


def run(
    *arguments: str, text: str | bytes = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run(
        [*WASMCP, "run", *arguments],
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )


def test_session_over_stdio(zig_server: Path) -> None:
    text = listing(1) + call(2, "add", {"a": 1, "b": 2}) + "\xff not json\n" + call(3, "crash", {}) + listing(4)
    done = run(str(zig_server), text=text)
    assert done.returncode == 0, done.stderr
    answers = {answer.get("id"): answer for answer in map(json.loads, done.stdout.splitlines())}
    assert set(answers) == {1, 2, 3, 4, None}
    assert [tool["name"] for tool in answers[1]["result"]["tools"]] == ["add", "spin", "crash"]
    assert answers[2]["result"]["structuredContent"] == {"result": 3}
    assert answers[3]["error"]["code"] == -32603
    assert answers[None]["error"]["code"] == -32700
    assert str(zig_server.parent) not in done.stdout.decode()
    assert re.search(rb"calc: [\w.]*call\b", done.stderr.partition(b"backtrace")[2]), done.stderr


def test_handshake_and_requests_in_one_write(zig_server: Path) -> None:
    initialize = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    lines = [initialize, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    lines += [{"jsonrpc": "2.0", "id": n, "method": "tools/list"} for n in range(1, 6)]
    done = run(str(zig_server), text="".join(json.dumps(line) + "\n" for line in lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["result"]["protocolVersion"] == "2025-06-18"
    assert sorted(answer["id"] for answer in answers) == [0, 1, 2, 3, 4, 5]
    assert all("resultType" not in answer["result"] for answer in answers)


def test_empty_input(zig_server: Path) -> None:
    done = run(str(zig_server))
    assert (done.returncode, done.stdout) == (0, b"")


def test_lists_are_answered_during_compilation(zig_server: Path, tmp_path: Path) -> None:
    text = call(1, "add", {"a": 1, "b": 2}) + listing(2)
    done = run(str(zig_server), text=text, env={"WASMCP_CACHE_DIR": str(tmp_path)})
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [2, 1]
    assert b"compiling default.wasm" in done.stderr
    again = run(str(zig_server), text=text, env={"WASMCP_CACHE_DIR": str(tmp_path)})
    assert b"compiling" not in again.stderr
    assert sorted(json.loads(line)["id"] for line in again.stdout.splitlines()) == [1, 2]


_HELD = """\
import importlib.machinery, os, sys, time
class Held:
    def find_spec(self, name, path=None, target=None):
        if name == "wasmtime._ffi":
            while not os.path.exists(os.environ["LOADS"]):
                time.sleep(0.01)
sys.meta_path.insert(0, Held())
"""
"""A `sitecustomize` that holds the import of wasmtime until a file exists."""


def test_lists_are_answered_before_wasmtime_is_imported(zig_server: Path, tmp_path: Path) -> None:
    run(str(zig_server), text=call(1, "add", {"a": 1, "b": 2}))  # compiled now
    (tmp_path / "sitecustomize.py").write_text(_HELD)
    loads = tmp_path / "loads"
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with subprocess.Popen(
        [*WASMCP, "run", str(zig_server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "LOADS": str(loads)},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(call(1, "add", {"a": 1, "b": 2}) + listing(2))
        process.stdin.flush()
        listed = json.loads(process.stdout.readline())
        loads.touch()
        added = json.loads(process.stdout.readline())
        process.stdin.write(listing(3))
        process.stdin.close()
        of_server = json.loads(process.stdout.readline())
    assert (listed["id"], added["id"], of_server["id"]) == (2, 1, 3)
    assert added["result"]["structuredContent"] == {"result": 3}
    assert listed["result"] == of_server["result"]
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist"),
        (b"hello", "is not WebAssembly"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (b"\0asm\x0d\0\x01\0\x07\x05", "is not a valid component"),
    ],
)
def test_invalid_servers_are_reported(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "x.wasm"
    if content is not None:
        path.write_bytes(content)
    done = run(str(path), text=listing(1))
    assert done.returncode == 1
    assert expected in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""


def test_error_is_reported_before_the_end_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(b"\0asm\x0d\0\x01\0\x07\x05")
    with subprocess.Popen([*WASMCP, "run", str(path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(30) == 1


def test_wrong_usage() -> None:
    for arguments in (
        [],
        ["x.wasm", "--timeout", "-1"],
        ["x.wasm", "--timeout", "nan"],
        ["x.wasm", "--memory", "1_0"],
        ["x.wasm", "--env", "=x"],
        ["x.wasm", "--dir", "/no/where"],
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert b"usage: wasmcp run" in done.stderr


def test_interrupt_ends_without_a_message(zig_server: Path) -> None:
    with subprocess.Popen(
        [*WASMCP, "run", str(zig_server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(listing(1).encode())
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == b""


def test_closed_output_ends_the_process(zig_server: Path) -> None:
    with subprocess.Popen(
        [*WASMCP, "run", str(zig_server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(listing(1).encode())
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(listing(2).encode())
        process.stdin.flush()
        assert process.wait(10) == 0


def test_console_script(zig_server: Path, tmp_path: Path) -> None:
    package = tmp_path / "a_package"
    shipped = package / "_wasmcp"
    shipped.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('the package is not imported')")
    (shipped / "default.wasm").write_bytes(zig_server.read_bytes())
    (shipped / "other.wasm").write_bytes(zig_server.read_bytes())
    script = "from wasmcp.host import run; run('a_package')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=listing(1).encode(),
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parent.parent.parent}"},
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["result"]["tools"]) == 3


def test_finding_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("found_package/_wasmcp", "empty_package"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name.split("/")[0] / "__init__.py").touch()
    for name in ("default", "other"):
        (tmp_path / "found_package" / "_wasmcp" / f"{name}.wasm").touch()
    (tmp_path / "found_space" / "inside" / "_wasmcp").mkdir(parents=True)
    (tmp_path / "found_space" / "inside" / "_wasmcp" / "default.wasm").touch()
    assert find_server("found_space.inside") == tmp_path / "found_space" / "inside" / "_wasmcp" / "default.wasm"
    assert find_server("found_package").name == "default.wasm"
    assert find_server("found_package", "other").name == "other.wasm"
    assert [path.stem for path in find_servers("found_package")] == ["default", "other"]
    with pytest.raises(ArtifactError, match="does not ship a server `third`: it has `default`, `other`"):
        find_server("found_package", "third")
    with pytest.raises(ArtifactError, match="hatch build"):
        find_server("empty_package")
    with pytest.raises(ArtifactError, match="neither a file nor"):
        find_server("no_such_package_anywhere")
    with pytest.raises(ArtifactError, match="neither a file nor"):
        find_server("..")
    with pytest.raises(ArtifactError, match="does not exist"):
        find_server(tmp_path / "x.wasm")
    with pytest.raises(ArtifactError, match="is not a file"):
        find_server(f"{tmp_path}{os.sep}")


def test_environment_and_directory_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from wasmcp.host.configuration.command_options import directory, environment, limits

    monkeypatch.setenv("GIVEN", "yes=no")
    monkeypatch.delenv("MISSING", raising=False)
    assert environment(["GIVEN", "A=b=c", "EMPTY="]) == {"GIVEN": "yes=no", "A": "b=c", "EMPTY": ""}
    with pytest.raises(ValueError, match="MISSING"):
        environment(["MISSING"])
    assert directory(str(tmp_path)) == (str(tmp_path), str(tmp_path), True)
    assert directory(f"{tmp_path}:/data") == (str(tmp_path), "/data", True)
    assert directory(f"{tmp_path}:/data:ro") == (str(tmp_path), "/data", False)
    assert directory(f"{tmp_path}:ro") == (str(tmp_path), str(tmp_path), False)
    for bad in ("", ":", f"{tmp_path}:", f"{tmp_path}:a:b", "ro"):
        with pytest.raises(ValueError, match="--dir"):
            directory(bad)
    assert limits(1.5, 2).timeout == 1.5
    assert limits(1.5, 2).memory == 2 << 20
    with pytest.raises(ValueError, match="--memory"):
        limits(None, 0)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1_0", " 5", "5 ", "+5", "1e3", "0x5", "", "-", ".", "²", "1.2.3", "--5"]
)
def test_invalid_numbers_of_options(text: str) -> None:
    from wasmcp.host.configuration.command_options import count, number

    with pytest.raises(ValueError, match=re.escape(f"`{text}` is not a number")):
        number(text)
    with pytest.raises(ValueError, match=re.escape(f"`{text}` is not an integer")):
        count(text)


def test_numbers_of_options() -> None:
    from wasmcp.host.configuration.command_options import count, limits, number

    assert [number(text) for text in ("5", "0.5", ".5", "-1", "5.")] == [5.0, 0.5, 0.5, -1.0, 5.0]
    assert [count(text) for text in ("5", "-1", "007")] == [5, -1, 7]
    for bad in (float("nan"), float("inf"), 0, -1):
        with pytest.raises(ValueError, match="--timeout must be a number of seconds above 0"):
            limits(bad, None)


@pytest.mark.parametrize("name", ["timeout", "memory", "response", "request", "answer", "cancel_grace"])
def test_ineffective_limit_is_rejected(name: str) -> None:
    for bad in (float("nan"), float("inf"), 0, -1, "60", True):
        with pytest.raises(ValueError, match=f"the limit `{name}` must be a finite number above 0, not "):
            Limits(**{name: bad})
    if name in ("request", "cancel_grace"):
        with pytest.raises(ValueError, match="not None"):
            Limits(**{name: None})
    else:
        assert getattr(Limits(**{name: None}), name) is None


def test_start_imports_only_used_modules(zig_server: Path) -> None:
    code = (
        "import sys; from wasmcp.cli import main; sys.argv = ['wasmcp', 'run', sys.argv[1]]; main(); "
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    # Measuring the coverage of subprocesses imports more modules.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", code, str(zig_server)]
    done = subprocess.run(command, input=listing(1).encode(), capture_output=True, check=True, env=environment)
    imported = done.stderr.decode()
    for name in ("click", "asyncio", "platformdirs", "filelock", "uvicorn", "tomllib", "hatchling"):
        assert f"'{name}'" not in imported


def test_unread_standard_error_does_not_block(zig_server: Path) -> None:
    """A pipe takes 64 KiB; each failure reports more than 100 bytes."""
    failures = 1000
    with subprocess.Popen(
        [*WASMCP, "run", str(zig_server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for number in range(failures):
            process.stdin.write(call(number, "crash", {}).encode())
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert (answer["id"], answer["error"]["code"]) == (number, -32603)
        process.stdin.close()
        assert process.wait(timeout=30) == 0
        written = process.stderr.read()
    assert 40_000 < len(written) < 70_000


def test_dropped_bytes_are_counted() -> None:
    reading, writing = os.pipe()
    log = Log(writing, most=100_000)
    for _ in range(30):
        log.write(b"x" * 9_999 + b"\n")
    assert not log.flush(0.05)
    read = bytearray()
    while b"dropped" not in read:
        read += os.read(reading, 65536)
    log.write(b"later\n")
    assert log.flush(10)
    read += os.read(reading, 65536)
    kept = read.count(b"x" * 9_999 + b"\n")
    assert f"wasmcp: {(30 - kept) * 10_000} bytes for standard error were dropped".encode() in read
    assert 10 <= kept < 30
    assert read.endswith(b"later\n")
    os.close(reading)
    os.close(writing)


@pytest.mark.usefixtures("no_handlers")
def test_components_cannot_forge_lines_of_the_host_or_control_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    echo = Echo()
    echo.write(b"wasmcp: Guest")
    echo.write("TrapError: forged\r\n\x1b]0;OWNED\x07\n\u202ereversed\nhonest\ttext é\n\xff".encode() + b"\xff")
    echo.close()
    write_lines("Error: first\nserver: \x9b2J")
    logs.flush()
    assert capfd.readouterr().err.splitlines() == [
        "server: wasmcp: GuestTrapError: forged\\r",
        "server: \\x1b]0;OWNED\\x07",
        "server: \\u202ereversed",
        "server: honest\ttext é",
        "server: ÿ\\xff",
        "wasmcp: Error: first",
        "wasmcp: server: \\x9b2J",
    ]


@pytest.mark.usefixtures("no_handlers")
def test_overlong_line_is_split(capfd: pytest.CaptureFixture[str]) -> None:
    echo = Echo()
    echo.write(b"x" * 20_000)
    echo.close()
    logs.flush()
    assert capfd.readouterr().err == f"server: {'x' * 20_000}\n"


def test_library_warnings_do_not_block() -> None:
    script = """
import sys, warnings
from wasmcp.host.engine.logs import replace_stream
replace_stream()
for _ in range(300):
    print("x" * 999, file=sys.stderr)
sys.stderr.write("no end")
print("done")
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"done\n"
        assert process.wait(timeout=30) == 0


def importing(path: Path, imports: str) -> Path:
    """Return a server's file with the additional imports of a component in text form."""
    graph = Graph()
    graph.instantiate(graph.add("imports", bytes(wat2wasm(f"(component {imports})"))))
    server = graph.instantiate(graph.add("server", compose_server([spec("calc", "a", "add")], METADATA).data))
    for entry_point in ENTRY_POINTS:
        value = server.export(entry_point)
        graph.export(value.name, value)
    path.write_bytes(encode(graph).to_bytes())
    return path


FOREIGN = (
    '(import "wasi:io/poll@0.2.0-rc-2023-12-05" (instance (export "use" (func))))'
    '(import "acme:db/store@1.0.0" (instance (export "get" (func))))'
)


def test_server_with_unknown_imports_is_not_started(tmp_path: Path) -> None:
    path = importing(tmp_path / "server.wasm", FOREIGN)
    for text in ("", listing(1)):
        done = run(str(path), text=text)
        assert (done.returncode, done.stdout) == (1, b"")
        stderr = done.stderr.decode()
        assert "`wasi:io/poll@0.2.0-rc-2023-12-05`, a release candidate" in stderr
        assert "it imports `acme:db/store@1.0.0`, which is not an interface of WASI 0.2" in stderr
    with pytest.raises(ArtifactError, match="cannot be run: it imports"):
        open_server(path)


def test_server_that_cannot_boot_fails_at_the_end(tmp_path: Path) -> None:
    path = importing(tmp_path / "server.wasm", '(import "wasi:io/poll@0.2.0" (instance (export "unheard-of" (func))))')
    done = run(str(path), text=listing(1))
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == -32603
    assert "cannot be instantiated" in done.stderr.decode()


@pytest.mark.parametrize("command", ["run", "serve"])
def test_unusable_options_are_rejected(zig_server: Path, tmp_path: Path, command: str) -> None:
    options = ["--env", "TOKEN=secret", "--dir", f"{tmp_path}:/work", "--keyvalue", "memory:"]
    done = subprocess.run(
        [*WASMCP, command, str(zig_server), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    for text in (
        "`--env TOKEN`: no component",
        "`--dir /work`: no component",
        "store `memory`: the server does not",
    ):
        assert text in done.stderr
    assert "secret" not in done.stderr
    assert str(tmp_path) not in done.stderr
