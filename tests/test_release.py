"""Our own release: its files describe each other, and the same commit gives the same bytes in another folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/guides/verifying.md").read_text("utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))


def checkout(folder: Path) -> Path:
    """Return a repository with one commit of this checkout, and the built framework."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        source = ROOT / name
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_file():
            shutil.copy2(source, target)
    shutil.copytree(ROOT / "wasmcp/_framework", folder / "wasmcp/_framework")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(folder)]
    dates = {**os.environ, "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], check=True, env=dates)
    return folder


def release(root: Path, output: Path, *, code: int = 0, **variables: str) -> str:
    command = [sys.executable, str(root / ".ci/release.py"), "--output", str(output)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    done = subprocess.run(command, env={**inherited, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkout, and the folder of its release. Slow."""
    root = checkout(tmp_path_factory.mktemp("checkout"))
    output = tmp_path_factory.mktemp("release") / "dist"
    release(root, output)
    return root, output


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_files_of_a_release_are_those_of_the_page(released: tuple[Path, Path]) -> None:
    _, output = released
    named = {name.replace("VERSION", "0.1.0") for name in re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)}
    assert {path.name for path in output.iterdir()} == named
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=output, capture_output=True, text=True, check=True
    )
    assert done.stdout.count(": OK") == len(named) - 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bill_and_provenance_have_the_digests(released: tuple[Path, Path]) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    root, output = released
    bill = (output / "wasmcp-0.1.0.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    document = json.loads(bill)
    wheel = hashlib.sha256((output / "wasmcp-0.1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"][0]["content"] == wheel
    names = {one["name"] for one in document["components"]}
    assert {"wasmtime", "click", "wasmcp/_framework/transport.wasm"} <= names
    statement = json.loads((output / "wasmcp-0.1.0.provenance.json").read_text("utf-8"))
    for subject in statement["subject"]:
        assert subject["digest"]["sha256"] == hashlib.sha256((output / subject["name"]).read_bytes()).hexdigest()
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    revision = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert dependencies[0]["digest"] == {"gitCommit": revision}
    assert {"uri": "pkg:pypi/ziglang@0.17.1"} in dependencies


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_same_commit_gives_the_same_bytes_in_another_folder(released: tuple[Path, Path], tmp_path: Path) -> None:
    root, output = released
    other = Path(shutil.copytree(root, tmp_path / "other" / "place", symlinks=True))
    for path in other.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    release(other, tmp_path / "dist", TZ="Asia/Kolkata", PYTHONHASHSEED="5")
    assert (tmp_path / "dist/SHA256SUMS").read_bytes() == (output / "SHA256SUMS").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_changes_and_other_tags_are_refused(released: tuple[Path, Path], tmp_path: Path) -> None:
    root, _ = released
    tag = {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v9.9.9"}
    assert "the tag is `v9.9.9`, and `pyproject.toml` has version 0.1.0" in release(root, tmp_path, code=1, **tag)
    (root / "README.md").write_text("changed")
    try:
        assert "changes that are not committed" in release(root, tmp_path, code=1)
    finally:
        subprocess.run(["git", "-C", str(root), "checkout", "-q", "README.md"], check=True)


def test_workflow_publishes_what_make_release_builds_with_few_rights() -> None:
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # `on` is a boolean of YAML 1.1
    assert WORKFLOW["permissions"] == {"contents": "read"}
    jobs = WORKFLOW["jobs"]
    runs = [step.get("run") for step in jobs["build"]["steps"]]
    assert "make release" in runs
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "make release" in PAGE
    writing = {name for name, job in jobs.items() if job["permissions"].get("contents") == "write"}
    assert writing == {"attach"}
    for job in jobs.values():
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"[a-z-]+/[a-z-]+@(v\d+|release/v\d+)", step["uses"])
