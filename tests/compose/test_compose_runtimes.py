"""Commands that run a composed server."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, probe, spec
from support.server_processes import free_port, listening, wasmtime

from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.composed_server import FROM_OPERATOR, Runtime, Transport, check_runtime, protection, run_commands
from wasmcp.errors import CompositionError

FILE = Path("my server.wasm")
IO = "wasi:io/streams@0.2.8"


@pytest.mark.parametrize(
    ("runtime", "transport", "imports", "first"),
    [
        ("wasmtime", "http", [IO], "wasmtime serve 'my server.wasm'"),
        ("wasmtime", "stdio", [IO], "wasmtime run -Shttp 'my server.wasm'"),
        ("wasmtime", "http", ["wasi:cli/environment@0.2.8"], "wasmtime serve -Scli 'my server.wasm'"),
        ("wasmtime", "stdio", ["wasi:cli/environment@0.2.8"], "wasmtime run -Shttp 'my server.wasm'"),
        ("wasmtime", "http", ["wasi:filesystem/types@0.2.8"], "wasmtime serve -Scli --dir . 'my server.wasm'"),
        ("wasmtime", "http", ["wasi:keyvalue/store@0.2.0-draft"], "wasmtime serve -Skeyvalue 'my server.wasm'"),
        (
            "wasmtime",
            "http",
            ["wasi:sockets/tcp@0.2.8"],
            "wasmtime serve -Scli -Sinherit-network -Sallow-ip-name-lookup 'my server.wasm'",
        ),
        ("spin", "http", [IO], "spin up -f 'my server.wasm'"),
        ("spin", "stdio", [IO], "wasmcp run 'my server.wasm'"),
        ("wasmcloud", "stdio", [IO], "wasmcp run 'my server.wasm'"),
    ],
)
def test_commands(runtime: Runtime, transport: Transport, imports: list[str], first: str) -> None:
    commands = run_commands(runtime, transport, FILE, imports)
    assert commands[0] == first
    assert commands[-1] == f"wasmcp {'serve' if transport == 'http' else 'run'} 'my server.wasm'"


def test_the_command_for_wasmcloud_makes_a_project_of_wash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command, _, wash = run_commands("wasmcloud", "http", FILE, [])[0].rpartition(" && ")
    assert wash == "wash -C 'my server.wasmcloud' dev"
    subprocess.run(["sh", "-c", command], check=True)
    config = json.loads((tmp_path / "my server.wasmcloud" / ".wash" / "config.yaml").read_text())
    assert config["build"] == {"command": "true", "component_path": str(tmp_path / "my server.wasm")}


@pytest.mark.parametrize("grants", ["", "env", "env fs http sockets kv"])
def test_the_command_for_wasmtime_works(grants: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = [spec("calc", "1", "a"), ComponentSpec("probe", probe(), grants=MIDDLEWARE | frozenset(grants.split()))]
    server = compose_server(parts, METADATA)
    server.write(FILE)
    program, serve, *rest = shlex.split(run_commands("wasmtime", "http", FILE, server.imports)[0])
    assert (program, serve) == ("wasmtime", "serve")
    port = free_port()
    with listening([wasmtime(), serve, "--addr", f"127.0.0.1:{port}", *rest], port):
        pass
    program, *rest = shlex.split(run_commands("wasmtime", "stdio", FILE, server.imports)[0])
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    done = subprocess.run([wasmtime(), *rest], input=ping, capture_output=True, text=True, check=True)
    assert '"id":1' in done.stdout


def test_every_flag_is_one_that_wasmtime_knows() -> None:
    every = [
        "wasi:cli/environment@0.2.8",
        "wasi:filesystem/types@0.2.8",
        "wasi:sockets/tcp@0.2.8",
        "wasi:keyvalue/store@0.2.0-draft",
    ]
    for transport in ("http", "stdio"):
        flags = [word[2:] for word in run_commands("wasmtime", transport, FILE, every)[0].split() if word[:2] == "-S"]
        known = subprocess.run([wasmtime(), "run", "-S", "help"], capture_output=True, text=True, check=True).stdout
        for flag in flags:
            assert f" {flag}[=y|n]" in known


def test_another_draft_of_keyvalue() -> None:
    check_runtime("wasmtime", ["wasi:keyvalue/store@0.2.0-draft", IO])
    check_runtime("spin", ["wasi:keyvalue/store@0.2.0-draft2", IO])
    with pytest.raises(CompositionError, match=r"0\.2\.0-draft of `wasi:keyvalue`: compose for `--runtime spin`"):
        check_runtime("wasmtime", ["wasi:keyvalue/store@0.2.0-draft2"])
    with pytest.raises(CompositionError, match="none of the runtimes does"):
        check_runtime("spin", ["wasi:keyvalue/atomics@0.2.0"])


OURS = "WASMCP_AUTH_MODE=oauth wasmcp serve 'my server.wasm'"
ENVIRONMENT = ["wasi:cli/environment@0.2.8"]


@pytest.mark.parametrize(
    ("runtime", "command"),
    [
        (
            "wasmtime",
            f"wasmtime serve -Scli --env WASMCP_AUTH_MODE=oauth --env {' --env '.join(FROM_OPERATOR)} 'my server.wasm'",
        ),
        (
            "spin",
            "spin up -f 'my server.wasm' --env WASMCP_AUTH_MODE=oauth"
            + "".join(f' --env {name}="${name}"' for name in FROM_OPERATOR),
        ),
    ],
)
def test_protected_commands_pass_the_settings(runtime: Runtime, command: str) -> None:
    found = protection(runtime, FILE, ENVIRONMENT, auth="operator", environment=True, settings={})
    assert (found.commands, found.problem) == ((command, OURS), "")
    assert found.lines() == (
        "protect it, with WASMCP_SERVER_URI, JWT_ISSUER and JWT_JWKS in the environment:",
        f"  {command}",
        f"  {OURS}",
    )


@pytest.mark.parametrize(
    ("runtime", "auth", "environment", "problem"),
    [
        ("wasmtime", "operator", False, "wasmtime passes it no settings, and it is public there: bake them in"),
        ("spin", "required", False, "spin passes it no settings, and it answers 401 there: bake them in"),
        ("wasmcloud", "required", True, "wash passes it no environment: bake them in"),
    ],
)
def test_a_runtime_that_passes_no_settings_is_named(runtime, auth, environment, problem) -> None:
    found = protection(runtime, FILE, ENVIRONMENT, auth=auth, environment=environment, settings={})
    assert found.commands == (OURS,)
    assert found.problem.startswith(problem)
    assert found.lines()[-1] == f"  {found.problem}"


def test_servers_without_authorization_of_the_operator_have_no_protected_command() -> None:
    baked = {"WASMCP_AUTH_MODE": "OAuth"}
    assert not protection("wasmtime", FILE, [], auth="required", environment=False, settings=baked).lines()
    assert not protection("wasmtime", FILE, [], auth="none", environment=True, settings={}).lines()
