from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from wasmcp.cli.group import commands


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands, list(arguments))
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_next_steps_are_printed() -> None:
    code, said = invoke("new", "my-server", "--language", "python")
    assert code == 0, said
    assert said.splitlines() == [
        "created my-server: an MCP server with a component in Python (src/my_server/tools.py)",
        "",
        "next:",
        "  cd my-server",
        "  python -m venv .venv",
        "  . .venv/bin/activate",
        '  pip install -e ".[test]"  # also installs the compiler',
        "  pytest                    # builds the server and calls it",
        "  my-server                 # serves over standard input and output",
        "  make                      # writes the component to my-server.wasm, for `wasmcp compose`",
    ]


def test_short_options_and_another_folder() -> None:
    code, said = invoke("new", "my-server", "-l", "python", "-t", "prompts", "-o", "deep/down")
    assert code == 0, said
    assert "  cd deep/down/my-server\n" in said
    assert Path("deep/down/my-server/src/my_server/prompts.py").is_file()


def test_existing_folder_is_refused() -> None:
    assert invoke("new", "my-server", "-l", "zig")[0] == 0
    code, said = invoke("new", "my-server", "-l", "zig")
    assert (code, said) == (
        1,
        "Error: `my-server` already exists, and is not empty: `--force` overwrites files of the same names\n",
    )
    assert invoke("new", "my-server", "-l", "zig", "--force")[0] == 0


def test_invalid_usage_is_reported() -> None:
    code, said = invoke("new", "my-server")
    assert code == 2
    assert "Missing option '-l' / '--language'" in said
    code, said = invoke("new", "my-server", "-l", "cobol")
    assert code == 2
    assert "'cobol' is not one of 'python'" in said
    code, said = invoke("new", "json", "-l", "python")
    assert code == 1
    assert "which is a module of Python's standard library" in said
    assert list(Path().iterdir()) == []


def test_add_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("new", "my-server", "-l", "python")
    monkeypatch.chdir("my-server/src/my_server")  # the project is the one around
    code, said = invoke("add", "component", "calc", "-l", "zig")
    assert code == 0, said
    assert said.splitlines() == [
        "added the component calc to the server default:",
        "  tests/test_calc.py",
        "  zig/calc.zig",
        "  pyproject.toml (changed)",
        "",
        "next:",
        '  pip install "wasmcp[zig]"  # its compiler, unless installed',
        "  pytest",
    ]
    code, said = invoke("add", "component", "calc", "-l", "zig")
    assert (code, said) == (1, "Error: `tool.wasmcp.components.calc` already exists in `pyproject.toml`\n")


def test_add_without_a_project() -> None:
    code, said = invoke("add", "component", "calc", "-l", "zig")
    assert code == 1
    assert "`pyproject.toml` not found in" in said
    code, said = invoke("add", "component", "calc", "-l", "zig", "--project", "nowhere")
    assert code == 2


def test_missing_compiler_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The project is created, and the missing tools are listed."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("WASMCP_CARGO", raising=False)
    code, said = invoke("new", "my-server", "-l", "rust")
    assert code == 0, said
    assert "to build it, `cargo` is needed (not installed): install Rust from https://rustup.rs" in said
    assert "also installs the compiler" not in said
    monkeypatch.chdir("my-server")
    code, said = invoke("add", "component", "calc", "-l", "rust")
    assert code == 0, said
    assert "to build it, `cargo` is needed (not installed)" in said
    assert "pip install" not in said
