"""Credentials in the files of Docker and Podman, and from credential helpers."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path

import pytest

from wasmcp.registry.oci import credentials
from wasmcp.registry.oci.credentials import Found, find

ANN = base64.b64encode(b"ann:secret").decode()
HOST = "registry.example.com"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, and no other place that may have some."""
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("WASMCP_REGISTRY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def docker(home: Path, document: object) -> Path:
    path = home / ".docker" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path


def helper(home: Path, name: str, script: str) -> None:
    path = home / "bin" / f"docker-credential-{name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def looked_up(host: str = HOST, repository: str = "team/calc") -> Found:
    return find(host, repository, 443)


def user(found: Found) -> str | None:
    return found.credentials.user if found.credentials is not None else None


@pytest.mark.parametrize(
    "key",
    [
        HOST,
        "Registry.Example.com",
        f"{HOST}:443",
        f"{HOST}/",
        f"https://{HOST}",
        f"http://{HOST}",
        f"https://{HOST}/v1/",
        f"https://{HOST}/v2/",
        f"https://{HOST}/any/path",
        f"{HOST}/v1/",
        f"{HOST}/v2",
        f"{HOST}/team",
        f"{HOST}/team/",
        f"{HOST}/team/calc",
    ],
)
def test_keys_that_apply_to_a_repository(home: Path, key: str) -> None:
    docker(home, {"auths": {key: {"auth": ANN}}})
    assert user(looked_up()) == "ann"


@pytest.mark.parametrize(
    "key",
    ["registry.example.org", f"{HOST}:5000", f"{HOST}/tea", f"{HOST}/team/calculator", f"x.{HOST}", "", "/", "::"],
)
def test_keys_that_do_not_apply_to_a_repository(home: Path, key: str) -> None:
    docker(home, {"auths": {key: {"auth": ANN}}})
    assert looked_up() == Found(None)


def test_longest_path_wins(home: Path) -> None:
    names = {HOST: "host", f"{HOST}/team": "team", f"{HOST}/team/calc": "calc", f"{HOST}/other": "other"}
    entries = {key: {"auth": base64.b64encode(f"{name}:x".encode()).decode()} for key, name in names.items()}
    docker(home, {"auths": entries})
    assert [user(looked_up(repository=one)) for one in ("team/calc", "team/text", "x", "team", "")] == [
        "calc",
        "team",
        "host",
        "team",
        "host",
    ]


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io", "docker.io/team"]
)
def test_keys_of_docker_hub(home: Path, key: str) -> None:
    docker(home, {"auths": {key: {"auth": ANN}}})
    assert user(looked_up("docker.io")) == "ann"


def test_default_port_is_that_of_the_scheme(home: Path) -> None:
    docker(home, {"auths": {"127.0.0.1": {"auth": ANN}}})
    assert user(find("127.0.0.1:80", "", 80)) == "ann"
    assert user(find("127.0.0.1:443", "", 443)) == "ann"
    assert user(find("127.0.0.1:5000", "", 80)) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": ANN}, ("ann", "secret", "", "")),
        ({"auth": f" {ANN[:4]}\n{ANN[4:]}\n"}, ("ann", "secret", "", "")),
        ({"auth": base64.b64encode(b"ann:se:cret\0").decode()}, ("ann", "se:cret", "", "")),
        ({"username": "ann", "password": "secret"}, ("ann", "secret", "", "")),
        ({"auth": ANN, "identitytoken": "t"}, ("ann", "secret", "t", "")),
        ({"auth": base64.b64encode(b"0000:").decode(), "identitytoken": "t"}, ("0000", "", "t", "")),
        ({"registrytoken": "r"}, ("", "", "", "r")),
    ],
)
def test_forms_of_entries(home: Path, entry: dict[str, str], expected: tuple[str, ...]) -> None:
    docker(home, {"auths": {HOST: entry}})
    found = looked_up().credentials
    assert found is not None
    assert (found.user, found.password, found.identity_token, found.registry_token) == expected
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"auths": 1}', "`auths` of"),
        (b'{"credHelpers": []}', None),
        (b'{"credHelpers": [1]}', "`credHelpers` of"),
        ({"auths": {HOST: 1}}, "is not an object"),
        ({"auths": {HOST: {"auth": 1}}}, "not a string"),
        ({"auths": {HOST: {"auth": "!!"}}}, "not `USER:PASSWORD` in base64"),
        ({"auths": {HOST: {"auth": base64.b64encode(b"ann").decode()}}}, "not `USER:PASSWORD` in base64"),
        ({"auths": {HOST: {}}}, None),
        ({"credsStore": "../evil"}, "by something that is not the end of its name"),
        ({"credsStore": 7}, "by something that is not the end of its name"),
        ({"credsStore": "desktop.exe"}, "`docker-credential-desktop.exe`, named in .*, is not installed"),
    ],
)
def test_unreadable_files_are_reported_without_an_error(home: Path, document: object, problem: str | None) -> None:
    path = docker(home, document)
    found = looked_up()
    assert found.credentials is None
    if problem is None:
        assert found.problems == ()
    else:
        (said,) = found.problems
        assert re.search(problem, said)
        assert str(path) in said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_utf16_files_of_powershell(home: Path, encoding: str) -> None:
    docker(home, json.dumps({"auths": {HOST: {"auth": ANN}}}).encode(encoding))
    assert user(looked_up()) == "ann"


def test_file_without_read_permission(home: Path) -> None:
    docker(home, {}).unlink()
    (home / ".docker" / "config.json").mkdir()
    (problem,) = looked_up().problems
    assert "cannot be read: Is a directory" in problem


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo hello", "answers with something that is not JSON"),
        ("echo '[]'", "answers without the strings `Username` and `Secret`"),
        ("""echo '{"Username": "ann"}'""", "answers without the strings `Username` and `Secret`"),
        ("echo 'credentials not found in native keychain'; exit 1", None),
        ("echo 'credentials not found in native keychain' >&2; exit 1", None),
        (r"printf 'no \033[31mkeychain\nmore'; exit 3", r"fails with exit code 3: no \\x1b[31mkeychain"),
        ("exit 3", "fails with exit code 3"),
        ("exec sleep 30", "does not answer within 1 s"),
    ],
)
def test_helper_that_fails(home: Path, script: str, problem: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "HELPER_SECONDS", 1.0 if "sleep" in script else 60.0)
    helper(home, "test", script)
    docker(home, {"credsStore": "test"})
    found = looked_up()
    assert found.credentials is None
    if problem is None:
        assert found.problems == ()
    else:
        (said,) = found.problems
        assert said.endswith(f", {problem}".replace("\\\\", "\\"))


def test_helper_that_cannot_be_executed(home: Path) -> None:
    helper(home, "wsl", "")
    (home / "bin" / "docker-credential-wsl").write_bytes(b"\x7fXYZ")
    docker(home, {"credsStore": "wsl", "auths": {HOST: {}}})
    (said,) = looked_up().problems
    assert "cannot be run: Exec format error" in said


def test_helpers_are_queried_with_each_spelling_of_a_registry(home: Path) -> None:
    script = f"""
        server=$(cat); echo "$server" >> {home}/queried
        case "$server" in
            {HOST}:443|docker.io) echo '{{"Username": "ann", "Secret": "s"}}';;
            *) echo 'credentials not found'; exit 1;;
        esac"""
    helper(home, "test", script)
    docker(home, {"credHelpers": {HOST: "test", "index.docker.io": "test"}})
    assert user(looked_up()) == "ann"
    assert user(looked_up("docker.io")) == "ann"
    assert (home / "queried").read_text().split() == [HOST, f"{HOST}:443", "https://index.docker.io/v1/", "docker.io"]


def test_order_of_helpers_and_store(home: Path) -> None:
    helper(home, "one", """echo '{"Username": "one", "Secret": "s"}'""")
    helper(home, "all", """echo '{"Username": "all", "Secret": "s"}'""")
    entries = {"b.example": {"auth": ANN}, HOST: {"auth": ANN}, "c.example": {}}
    docker(home, {"credHelpers": {HOST: "one"}, "credsStore": "all", "auths": entries})
    assert [user(looked_up(host)) for host in (HOST, "b.example", "c.example")] == ["one", "ann", "all"]


def test_files_of_podman_are_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, name: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        auth = base64.b64encode(f"{name}:x".encode()).decode()
        path.write_text(json.dumps({"auths": {f"{HOST}/team": {"auth": auth}}}))

    write(home / ".config" / "containers" / "auth.json", "config")
    assert user(looked_up()) == "config"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    write(home / "run" / "containers" / "auth.json", "session")
    assert user(looked_up()) == "session"
    write(home / ".docker" / "config.json", "docker")
    assert user(looked_up()) == "docker"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "named.json"))
    write(home / "named.json", "named")
    assert user(looked_up()) == "named"


@pytest.mark.parametrize(
    ("host", "expected"),
    [(HOST, "env"), (f"https://{HOST}/", "env"), ("REGISTRY.example.com:443", "env"), ("other.example", "ann")],
)
def test_environment_takes_precedence_for_its_host(
    home: Path, monkeypatch: pytest.MonkeyPatch, host: str, expected: str
) -> None:
    docker(home, {"auths": {HOST: {"auth": ANN}}})
    for name, value in (("HOST", host), ("USER", "env"), ("PASSWORD", "x")):
        monkeypatch.setenv(f"WASMCP_REGISTRY_{name}", value)
    assert user(looked_up()) == expected


def test_incomplete_credentials_in_the_environment_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_REGISTRY_USER", "ann")
    (problem,) = looked_up().problems
    assert problem == "credentials of the environment need `WASMCP_REGISTRY_HOST`, `WASMCP_REGISTRY_PASSWORD` too"
