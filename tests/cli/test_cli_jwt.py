"""`wasmcp jwt`: keys, tokens and a local issuer on the command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.issuers import document, issuer_process

from wasmcp.auth.access_tokens import ALGORITHMS
from wasmcp.cli import jwt as module
from wasmcp.cli.group import commands


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(commands, ["jwt", *map(str, arguments)], input=stdin)


def output(*arguments: object, stdin: str | None = None) -> str:
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def key(tmp_path: Path) -> Path:
    output("keygen", tmp_path / "key.pem")
    return tmp_path / "key.pem"


def test_keygen_writes_a_key_pair_and_a_key_set(tmp_path: Path) -> None:
    key, jwks = tmp_path / "key.pem", tmp_path / "jwks.json"
    shown = output("keygen", key, "--algorithm", "EdDSA", "--jwks", jwks)
    public = tmp_path / "key.pem.pub"
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"BEGIN PRIVATE KEY" in key.read_bytes()
    assert b"BEGIN PUBLIC KEY" in public.read_bytes()
    assert "PRIVATE" not in shown
    (found,) = json.loads(jwks.read_text())["keys"]
    assert (found["alg"], found["use"]) == ("EdDSA", "sig")
    assert found["kid"] in shown
    assert "d" not in found


def test_keygen_replaces_no_file_without_force(key: Path) -> None:
    before = key.read_bytes()
    done = run("keygen", key)
    assert done.exit_code == 1
    assert "exists: `--force` replaces it" in done.output
    assert "Traceback" not in done.output
    assert key.read_bytes() == before
    assert key.with_name("key.pem.pub").exists()
    output("keygen", key, "--force")
    assert key.read_bytes() != before
    assert run("keygen", key, "--public", key).exit_code == 2


def test_keys_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.pem"
    monkeypatch.setenv("WASMCP_KEY_PASSWORD", "secret")
    output("keygen", key, "--algorithm", "RS256", "--bits", "3072")
    assert b"ENCRYPTED" in key.read_bytes()
    output("mint", key, "--issuer", "https://a.test")
    monkeypatch.delenv("WASMCP_KEY_PASSWORD")
    done = run("mint", key, "--issuer", "https://a.test")
    assert done.exit_code == 1
    assert "set WASMCP_KEY_PASSWORD" in done.output


def test_a_token_is_minted_decoded_and_verified(key: Path) -> None:
    token = output(
        *("mint", key, "--issuer", "https://a.test", "--audience", "https://b.test/mcp", "--scope", "read write"),
        *(
            "--scope",
            "admin",
            "--subject",
            "alice",
            "--lifetime",
            "60",
            "--claim",
            'roles=["x"]',
            "--claim",
            "team=red",
        ),
    ).strip()
    decoded = run("decode", token)
    assert "not verified" in decoded.stderr
    found = json.loads(decoded.stdout)
    assert found["header"]["typ"] == "at+jwt"
    assert found["claims"]["scope"] == "read write admin"
    assert (found["claims"]["roles"], found["claims"]["team"]) == (["x"], "red")
    assert found["claims"]["exp"] - found["claims"]["iat"] == 60
    checks = (
        "--keys",
        f"{key}.pub",
        "--issuer",
        "https://a.test",
        "--audience",
        "https://b.test/mcp",
        "--scope",
        "admin",
    )
    for arguments, stdin in (((token,), None), ((), f"{token}\n")):
        assert json.loads(output("verify", *arguments, *checks, stdin=stdin))["sub"] == "alice"
    changed = token[:-8] + "AAAAAAAA"
    assert json.loads(run("decode", changed).stdout) == found
    done = run("verify", changed, *checks)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the token is not valid: Signature verification failed" in done.stderr


def test_text_of_a_token_is_escaped_before_it_is_printed(key: Path) -> None:
    token = output("mint", key, "--issuer", "https://a.test", "--subject", "\x1b[2J", "--header", "kid=\x1b[2J").strip()
    for arguments in (("decode", token), ("verify", token, "--keys", f"{key}.pub"), ("verify", token, "--keys", key)):
        assert "\x1b" not in run(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("mint", "missing.pem", "--issuer", "x"), 1, "`missing.pem` cannot be read"),
        (("mint", "missing.pem", "--issuer", "x", "--claim", "x"), 2, "is not NAME=VALUE"),
        (("decode", "x.y"), 1, "it is not a JSON Web Token"),
        (("verify", "x.y.z"), 2, "name the keys with `--keys FILE|URL`"),
        (("verify", "x.y.z", "--keys", "http://example.com/jwks"), 1, "must begin with `https://`"),
        (("serve", "--client", "x"), 2, "--client must be ID=SECRET"),
    ],
)
def test_a_mistake_is_one_message(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, message in done.output) == (code, True), done.output
    assert "Traceback" not in done.output


def test_the_command_offers_the_algorithms_of_the_library() -> None:
    assert module._ALGORITHMS == ALGORITHMS


def test_other_commands_do_not_load_the_libraries() -> None:
    code = (
        "import sys\nfrom wasmcp.cli.group import commands\n"
        "try: commands(['jwt', 'mint', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'jwt', 'cryptography', 'wasmcp.auth', 'http.server'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_missing_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['jwt'] = None\nfrom wasmcp.cli.group import commands\n"
        "commands(['jwt', 'decode', 'x'], prog_name='wasmcp')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == 'Error: `jwt` is not installed: `pip install "wasmcp[auth]"`\n'


def test_the_local_issuer_issues_tokens_to_its_clients_and_rotates_its_key(tmp_path: Path) -> None:
    output("keygen", tmp_path / "key.pem", "--algorithm", "RS256")
    options = ("--client", "app=s%cret", "--key", str(tmp_path / "key.pem"), "--lifetime", "120")
    with issuer_process(*options) as (url, process):
        for path in ("oauth-authorization-server", "openid-configuration"):
            status, metadata, _ = document(f"{url}/.well-known/{path}")
            assert (status, metadata["issuer"]) == (200, url)
        form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s%cret", "scope": "read"}
        status, answer, _ = document(metadata["token_endpoint"], {**form, "resource": "https://b.test/mcp"})
        assert (status, answer["token_type"], answer["expires_in"], answer["scope"]) == (200, "Bearer", 120, "read")
        first = answer["access_token"]
        checks = ("--issuer", url, "--audience", "https://b.test/mcp", "--scope", "read")
        claims = json.loads(output("verify", first, *checks))
        assert (claims["sub"], claims["client_id"], claims["aud"]) == ("app", "app", "https://b.test/mcp")
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("the key is now"))
        second = document(metadata["token_endpoint"], form)[1]["access_token"]
        kids = [json.loads(run("decode", token).stdout)["header"]["kid"] for token in (first, second)]
        assert (kids[0] != kids[1], kids[1]) == (True, line.split()[-1])
        assert [key["kid"] for key in document(metadata["jwks_uri"])[1]["keys"]] == kids[::-1]
        for token in (first, second):
            output("verify", token, "--keys", metadata["jwks_uri"])
        assert document(metadata["introspection_endpoint"], {**form, "token": first})[1]["active"] is True
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_a_secret_is_made_and_shown_if_none_is_given() -> None:
    with issuer_process("--opaque") as (url, process):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        secret = re.search(r"client: wasmcp secret (\S{22})", "".join(lines))
        assert secret is not None
        form = {"grant_type": "client_credentials", "client_id": "wasmcp", "client_secret": secret[1]}
        token: Any = document(f"{url}/token", form)[1]["access_token"]
        assert token.count(".") == 0
        found = document(f"{url}/introspect", {**form, "token": token})[1]
        assert (found["active"], found["iss"], found["sub"]) == (True, url, "wasmcp")
        done = run("serve", "--port", url.rpartition(":")[2])
        assert done.exit_code == 1
        assert "cannot listen on 127.0.0.1" in done.output
