"""Commands of the guide to publishing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.projects import write_project
from support.registries import docker_registry, namespaces, needs_registry

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "publishing.md"


def blocks(language: str) -> list[str]:
    parts = GUIDE.read_text("utf-8").split(f"```{language}\n")[1:]
    return [part.partition("```")[0] for part in parts]


@needs_registry
def test_every_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(tmp_path / "registry") as host:
        namespaces(monkeypatch, tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"):
            monkeypatch.delenv(name, raising=False)
        tables = "\n".join(block for block in blocks("toml") if "policy" not in block)
        policy, by_identity = (block for block in blocks("toml") if "policy" in block)
        text = '[project]\nname = "shop"\nversion = "1.0.0"\n' + tables.replace("registry.example.com", host)
        root = write_project(tmp_path / "shop", {"pyproject.toml": text, "shop/__init__.py": ""})
        (root / "calc.wasm").write_bytes(tools_component("one", "add"))
        commands = [line for block in blocks("sh") for line in block.splitlines() if not line.startswith("pip ")]
        assert len(commands) == 21
        for line in commands:
            line, _, output = line.partition(" > ")  # noqa: PLW2901 - what a shell does
            program, *arguments = shlex.split(line)
            assert program in {"wasmcp", "openssl"}
            command = [sys.executable, "-m", "wasmcp"] if program == "wasmcp" else [program]
            done = subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True, check=False)
            if "--sign-keyless" in arguments:  # outside of CI without an identity token
                assert "no identity for the signature was found" in done.stderr
                continue
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if output:
                (root / output).write_text(done.stdout)
        assert (root / "wasmcp.lock").is_file()
        # The policy of the guide: what is signed is taken, what is not is refused.
        (root / "pyproject.toml").write_text(text + policy)
        pull = [sys.executable, "-m", "wasmcp", "pull"]
        assert subprocess.run([*pull, "acme:calc@1.1.0"], cwd=root, capture_output=True, check=False).returncode == 0
        subprocess.run([*command, "push", "calc.wasm", "acme:calc@1.2.0"], cwd=root, capture_output=True, check=True)
        done = subprocess.run([*pull, "acme:calc@1.2.0"], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "a signature is required, and it has none" in done.stderr
        # The other one takes no key's signature.
        (root / "pyproject.toml").write_text(text + by_identity)
        done = subprocess.run([*pull, "acme:calc@1.1.0"], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "none of them for it by a trusted signer (`https://github.com/acme/tools/" in done.stderr
