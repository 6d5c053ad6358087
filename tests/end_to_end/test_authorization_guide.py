"""The guide "Authorization": its commands, run in a shell, at the entry points that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.entry_points import Served, mirrored, request
from support.server_processes import free_port, listening, wasmtime
from support.tokens import compose, whoami_component

from wasmcp.auth.issuer import serving
from wasmcp.host import open_server

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "authorization.md").read_text("utf-8")


CALL = request("tools/call", {"name": "whoami", "arguments": {}})


def commands_of(heading: str) -> list[tuple[str, str]]:
    """Return the commands of the first console block below a heading, each with its documented output."""
    block = re.search(r"```console\n(.*?)```", GUIDE[GUIDE.index(heading) :], flags=re.DOTALL)
    assert block is not None
    steps: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = 1
        while lines[length - 1].endswith("\\") or "\n".join(lines[:length]).count("'") % 2:
            length += 1
        steps.append(("\n".join(lines[:length]), "\n".join(lines[length:])))
    return steps


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whoami_component(tmp_path_factory.mktemp("whoami"))


def status(port: int, token: str | None = None) -> int:
    head = mirrored(CALL) | ({} if token is None else {"Authorization": f"Bearer {token}"})
    return Served(port).http("POST", "/mcp", head, json.dumps(CALL)).status


def run(folder: Path, text: str, **environment: str) -> str:
    """Run a script in bash, with our commands in the search path, and return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -e; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{text}"],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_with_tokens_for_development(component: bytes, tmp_path: Path) -> None:
    (tmp_path / "server.wasm").write_bytes(compose(component))
    port = str(free_port())
    script, expected = [], []
    for command, output in commands_of("## Tokens for development"):
        script.append(command)
        expected.append(output)
        if command.endswith("&"):
            script.append("for n in $(seq 300); do curl -s http://127.0.0.1:8000/ >/dev/null && break; sleep 0.2; done")
    text = "\n".join(script).replace("8000", port)
    shown = run(tmp_path, text.replace("wasmcp serve server.wasm", f"wasmcp serve --port {port} server.wasm"))
    lines = [line for line in shown.splitlines() if not line.startswith(("wasmcp: ", "key.pem"))]
    assert lines == "\n".join(filter(None, expected)).splitlines()


def test_printed_commands_protect_a_server_under_each_runtime(component: bytes, tmp_path: Path) -> None:
    """The commands of the guide and those that `wasmcp compose` prints are the same, and they protect."""
    (tmp_path / "whoami.wasm").write_bytes(component)
    issuer, uri = "https://auth.example.com", "http://127.0.0.1:8080/mcp"
    run(tmp_path, "wasmcp jwt keygen key.pem --algorithm RS256 --jwks jwks.json")
    token = run(tmp_path, f"wasmcp jwt mint key.pem --issuer {issuer} --audience {uri} --subject alice").strip()
    (make, _), (export, _), (documented, _) = commands_of("Under a foreign runtime, the settings come from")
    dynamic = "--grant whoami=middleware --dynamic whoami"
    printed = run(tmp_path, f"{make} {dynamic}")
    commands = [line.strip() for line in printed.partition("protect it")[2].splitlines()[1:]]
    assert commands == [documented, "WASMCP_AUTH_MODE=oauth wasmcp serve server.wasm"]
    run(tmp_path, f"{export}\nprintf '%s\\n' $WASMCP_SERVER_URI $JWT_ISSUER > settings; test -n \"$JWT_JWKS\"")
    assert (tmp_path / "settings").read_text().split() == [uri, issuer]
    for command in commands:
        port = free_port()
        where = f"--addr 127.0.0.1:{port}" if command.startswith("wasmtime") else f"--port {port}"
        # The wheel's command is not executable: see `support.server_processes.wasmtime`.
        text = command.replace("server.wasm", f"{where} server.wasm").replace("wasmtime serve", f"{wasmtime()} serve")
        text = text.replace("wasmcp serve", f"{sys.executable} -m wasmcp serve")
        with listening(
            [
                "bash",
                "-c",
                f"{export}\nexport WASMCP_AUTH_MODE=oauth\nexec {text.removeprefix('WASMCP_AUTH_MODE=oauth ')}",
            ],
            port,
            cwd=tmp_path,
        ):
            assert status(port) == 401
            assert status(port, token) == 200
            assert status(port, f"{token}x") == 401


def test_keys_are_discovered_from_an_issuer(component: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of "Keys of an issuer", with free ports."""
    (tmp_path / "server.wasm").write_bytes(compose(component))
    issuer, own = free_port(), free_port()
    steps = [
        step.replace("9000", str(issuer)).replace("8000", str(own)) for step, _ in commands_of("## Keys of an issuer")
    ]
    serve_issuer, export, serve, request_token = (step.removesuffix(" &") for step in steps)
    wasmcp = f"{sys.executable} -m wasmcp"
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # not for this machine

    def token() -> str:
        return str(json.loads(run(tmp_path, f"{export}\n{request_token} --noproxy '*'"))["access_token"])

    command = ["bash", "-c", f"exec {serve_issuer.replace('wasmcp', wasmcp, 1)}"]
    with listening(command, issuer), ExitStack() as stack:
        line = serve.replace("wasmcp serve", f"exec {wasmcp} serve --port {own}").removeprefix(
            "WASMCP_AUTH_MODE=oauth "
        )
        script = f"{export}\nexport WASMCP_AUTH_MODE=oauth\n{line}"
        stack.enter_context(listening(["bash", "-c", script], own, cwd=tmp_path))
        first = token()
        assert (status(own), status(own, first), status(own, f"{first}x")) == (401, 200, 401)


def test_keys_are_fetched_by_a_server_under_wasmtime(component: bytes, tmp_path: Path) -> None:
    """The commands of "Keys under other runtimes", with free ports."""
    (tmp_path / "whoami.wasm").write_bytes(component)
    issuer, own = free_port(), free_port()
    steps = [
        step.replace("9000", str(issuer)).replace("8080", str(own))
        for step, _ in commands_of("## Keys under other runtimes")
    ]
    make, serve_issuer, export, serve, request_token = (step.removesuffix(" &") for step in steps)
    run(tmp_path, f"{make} --grant whoami=middleware --dynamic whoami")
    serve_issuer = serve_issuer.replace("wasmcp", f"exec {sys.executable} -m wasmcp", 1)
    serve = serve.replace("wasmtime serve", f"exec {wasmtime()} serve --addr 127.0.0.1:{own}")
    with (
        listening(["bash", "-c", serve_issuer], issuer),
        listening(["bash", "-c", f"{export}\n{serve}"], own, cwd=tmp_path),
    ):
        token = json.loads(run(tmp_path, f"{export}\n{request_token} --noproxy '*'"))["access_token"]
        assert (status(own), status(own, token), status(own, f"{token}x")) == (401, 200, 401)


def test_opaque_tokens_of_an_issuer_are_introspected(component: bytes, tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    path.write_bytes(compose(component))
    with serving(clients={"notes": "secret"}) as issuer:
        settings = {
            "WASMCP_AUTH_MODE": "oauth",
            "WASMCP_SERVER_URI": issuer.audience,
            "JWT_ISSUER": issuer.url,
            "JWT_JWKS_URI": issuer.jwks_uri,
            "JWT_INTROSPECTION_URI": f"{issuer.url}/introspect",
            "JWT_INTROSPECTION_CLIENT_ID": "notes",
            "JWT_INTROSPECTION_CLIENT_SECRET": "secret",
        }
        with open_server(path, settings=settings, instances=1) as server:

            def statuses(*tokens: str) -> list[int]:
                heads = [mirrored(CALL) | {"host": "127.0.0.1", "authorization": f"Bearer {one}"} for one in tokens]
                return [server.http("POST", "/mcp", head, json.dumps(CALL)).status for head in heads]

            assert statuses(issuer.opaque_token(), issuer.token(), "unknown") == [200, 200, 401]
            revoked = issuer.opaque_token()
            issuer.revoke(revoked)
            assert statuses(revoked) == [401]
            issuer.rotate()
            assert statuses(issuer.token()) == [200]
