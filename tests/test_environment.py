"""The table of environment variables, and every entry point that refuses names that are not in it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.server_processes import WASMCP, wasmtime_serve

from wasmcp import environment
from wasmcp.environment import AUTH_MODE, BOUND_TO, ELSEWHERE, KNOWN, SERVER, TESTS, TOOLS, UNSUPPORTED, problems
from wasmcp.errors import InvalidSettingError
from wasmcp.host import open_server

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"(?<![A-Za-z_])(?:WASMCP|JWT)_[A-Z][A-Z_]*[A-Z]\b")


def names_in(folder: str) -> set[str]:
    files = [path for path in (ROOT / folder).rglob("*.py") if path.name != "environment.py"]
    return {name for path in files for name in NAME.findall(path.read_text("utf-8"))}


class TestTable:
    def test_every_name_in_the_source_is_in_it(self) -> None:
        found = names_in("wasmcp") | names_in("hatch_wasmcp") | names_in("pytest_wasmcp")
        assert found - KNOWN - {BOUND_TO} == set()
        assert found >= {*TOOLS}

    def test_every_name_of_the_test_suite_is_in_it(self) -> None:
        found = {
            name
            for path in (ROOT / "tests").rglob("*.py")
            for name in re.findall(r"environ(?:\.get\(|\[)\"(WASMCP_\w+)", path.read_text("utf-8"))
        }
        assert found == {"WASMCP_CACHE_DIR", *TESTS}

    def test_every_name_is_documented(self) -> None:
        page = (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
        rows = re.findall(r"^\| `((?:WASMCP|JWT)_\w+)` \| [^|]+ \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
        assert rows == list(SERVER)
        described = {name for line in page.splitlines() if line.startswith("| `WASMCP_") for name in NAME.findall(line)}
        assert described >= {*TOOLS, *TESTS, *ELSEWHERE}
        assert set(NAME.findall(page)) >= {*UNSUPPORTED, AUTH_MODE}


class TestProblems:
    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("WASMCP_AUTH_MODE", "on", "`WASMCP_AUTH_MODE` must be `public` or `oauth`, not `on`"),
            ("WASMCP_AUTH_MODE", "\x1b[2Jnone", r"must be `public` or `oauth`, not `\x1b[2Jnone`"),
            (
                "WASMCP_ALOWED_ORIGINS",
                "x",
                "`WASMCP_ALOWED_ORIGINS` is unknown: did you mean `WASMCP_ALLOWED_ORIGINS`?",
            ),
            ("WASMCP_ALLOWED_HOST", "x", "did you mean `WASMCP_ALLOWED_HOSTS`?"),
            ("wasmcp_allowed_hosts", "x", "did you mean `WASMCP_ALLOWED_HOSTS`?"),
            ("WASMPC_ALLOWED_HOSTS", "x", "did you mean `WASMCP_ALLOWED_HOSTS`?"),
            ("WASM_CP_ALLOWED_HOSTS", "x", "did you mean `WASMCP_ALLOWED_HOSTS`?"),
            ("WASMCP_OFLINE", "1", "did you mean `WASMCP_OFFLINE`?"),
            ("WASMCP_BOUND_TO", "x", "`WASMCP_BOUND_TO` is unknown"),
            ("WASMCP_", "x", "`WASMCP_` is unknown"),
            ("WASMCP_X\n\x1b[1m", "x", r"`WASMCP_X\n\x1b[1m` is unknown"),
            ("WASMCP_SESSION_BUCKET", "x", "`WASMCP_SESSION_BUCKET` is not supported yet"),
            ("JWT_ISSUR", "x", "did you mean `JWT_ISSUER`?"),
            ("JWT_AUDIENSE", "x", "did you mean `JWT_AUDIENCE`?"),
            ("jwt_issuer", "x", "did you mean `JWT_ISSUER`?"),
            ("WASMCP_SKIP_BUILD", "no", "must be `1`, `true`, `0` or `false`, not `no`"),
            ("WASMCP_CACHE_BYTES", "2 GiB", "`WASMCP_CACHE_BYTES` must be a number of bytes, not `2 GiB`"),
        ],
    )
    def test_wrong_ones(self, name: str, value: str, said: str) -> None:
        (found,) = problems({"PATH": "/", name: value, "WASMCP_CACHE_DIR": "/x"})
        assert said in found
        assert found.isprintable()

    def test_right_ones(self) -> None:
        others = ("WASMCP_CACHE_DIR", "WASM", "W", "_WASMCP_COMPLETE", "MY_JWT_KEY")
        given = dict.fromkeys([*SERVER, *ELSEWHERE, *others], "x")
        values = {AUTH_MODE: "public", "WASMCP_LOCKED": "TRUE", "WASMCP_OFFLINE": "", "WASMCP_CACHE_BYTES": "1000"}
        assert problems({**given, **values}) == []

    def test_all_at_once(self) -> None:
        with pytest.raises(InvalidSettingError) as caught:
            environment.check({"WASMCP_A": "", "JWT_B": "", "WASMCP_AUTH_MODE": "on"})
        named = [problem.split("`")[1] for problem in caught.value.problems]
        assert named == ["JWT_B", "WASMCP_AUTH_MODE", "WASMCP_A"]
        assert all(problem in str(caught.value) for problem in caught.value.problems)

    def test_what_components_see_may_be_called_as_they_like(self) -> None:
        environment.check({"JWT_SECRET": "x"}, passed=["JWT_SECRET"])
        with pytest.raises(InvalidSettingError, match="WASMCP_X"):
            environment.check({"WASMCP_X": "x"}, passed=["WASMCP_X"])
        with pytest.raises(InvalidSettingError, match="JWT_SECRET"):
            environment.check({"JWT_SECRET": "x"})
        environment.check_ours({"JWT_SECRET": "x"})


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WASMCP, *arguments],
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **variables},
    )


WRONG = {"WASMCP_AUTH_MODE": "on", "JWT_ISUER": "https://issuer.test", "WASMCP_ALOWED_HOSTS": "a.test"}


class TestEntryPoints:
    @pytest.mark.parametrize("command", [["run"], ["serve", "--port", "0"]], ids=["run", "serve"])
    def test_a_server_that_would_be_too_open_does_not_start(self, zig_server: Path, command: list[str]) -> None:
        done = run(command[0], str(zig_server), *command[1:], **WRONG)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        for name in WRONG:
            assert f"`{name}" in done.stderr

    def test_a_variable_for_components_is_passed_on(self, zig_server: Path) -> None:
        done = run("run", str(zig_server), "--env", "JWT_ISSUER", JWT_ISSUER="x")
        assert "`--env JWT_ISSUER`: no component of the server is granted `env`" in done.stderr
        assert "JWT_ISSUER is" not in done.stderr
        for options in (["--env", "WASMCP_ALLOWED_HOSTS=*"], ["--env", "WASMCP_X=1"]):
            done = run("run", str(zig_server), *options)
            assert done.returncode == 1
            assert "cannot be passed to components" in done.stderr

    def test_other_commands_judge_what_is_theirs(self, tmp_path: Path) -> None:
        done = run("build", "--project", str(tmp_path), WASMCP_LOCKD="1")
        assert done.returncode == 1
        assert "did you mean `WASMCP_LOCKED`?" in done.stderr
        assert "WASMCP_LOCKD" not in run("build", "--help", WASMCP_LOCKD="1").stderr
        assert "JWT" not in run("build", "--project", str(tmp_path), JWT_ISSUER="1").stderr

    def test_doctor_lists_what_is_wrong(self) -> None:
        done = run("doctor", "--offline", WASMCP_LOCKD="1")
        assert "did you mean `WASMCP_LOCKED`?" in done.stdout

    def test_a_program_that_opens_a_server(self, zig_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for given in (
            {"settings": {"WASMCP_ALLOWED_HOST": "a.test"}},
            {"settings": {"WASMCP_CACHE_DIR": "/x"}},
            {"settings": {"ALLOWED_HOSTS": "a.test"}},
            {"settings": {AUTH_MODE: "on"}},
            {"env": {"WASMCP_ALLOWED_HOSTS": "a.test"}},
        ):
            with pytest.raises(InvalidSettingError):
                open_server(zig_server, **given)  # type: ignore[arg-type]
        open_server(zig_server, settings={AUTH_MODE: "public"}, env={"JWT_SECRET": "x"}).close()
        monkeypatch.setenv("JWT_SECRET", "x")
        open_server(zig_server).close()
        monkeypatch.setenv(AUTH_MODE, "on")
        with pytest.raises(InvalidSettingError, match="must be `public` or `oauth`"):
            open_server(zig_server)

    def test_the_server_itself_refuses_what_another_embedder_gives_it(self, zig_server: Path) -> None:
        with open_server(zig_server) as server:
            server.pool.program = server.pool.program._replace(settings=(("WASMCP_ALLOWED_HOST", "a.test"),))
            with pytest.raises(InvalidSettingError, match="did you mean WASMCP_ALLOWED_HOSTS"):
                server.boot()

    def test_a_run_of_pytest(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        pytester.makepyfile("def test_nothing(): pass")
        monkeypatch.setenv("WASMCP_OFLINE", "1")
        result = pytester.runpytest_subprocess()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*did you mean `WASMCP_OFFLINE`*"])

    def test_a_foreign_runtime(self, tmp_path: Path) -> None:
        import http.client

        from support.zig_servers import asker

        server = asker(tmp_path, environment=True)
        for given, wanted in (("WASMCP_AUTH_MODE=oauth", 500), ("JWT_ISSUR=x", 500), ("WASMCP_CACHE_DIR=/x", 400)):
            with wasmtime_serve(server, "-Scli", "--env", given) as port:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("POST", "/mcp", "{}", {"Content-Type": "application/json"})
                assert connection.getresponse().status == wanted


def test_a_policy_in_rego_is_refused_where_a_server_starts() -> None:
    with pytest.raises(InvalidSettingError, match=r"`POLICY` has a policy in Rego.*docs/guides/policy.md"):
        environment.check({"POLICY": "\npackage mcp.authorization\nallow := true"})
    environment.check({"POLICY": "strict"})
    environment.check_ours({"POLICY": "package mcp.authorization"})
