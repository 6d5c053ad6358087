"""Dependencies of components, and `wasmcp.lock`. The index is a folder of generated wheels."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.projects import write_project
from support.python_packages import wheel

from wasmcp.cli.group import commands
from wasmcp.errors import LockDriftError, MissingToolchainError, ToolchainError
from wasmcp.project import load, lock_entries, plan, resolve
from wasmcp.project.build_plan import plan_component, resolve_component
from wasmcp.registry import lock
from wasmcp.toolchains.python import dependencies

PYPROJECT = """\
[project]
name = "shop"
version = "1.0"

[tool.wasmcp.components.tools]
source = "src/shop/tools.py"
dependencies = [{requirements}]

[tool.wasmcp.servers.default]
components = ["tools"]
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "cache"))
    wheel(
        index=folder,
        name="greet",
        version="1.0",
        needs="polite>=2; python_version >= '3.14' and sys_platform == 'wasi'",
    )
    wheel(index=folder, name="greet", version="2.0")
    wheel(index=folder, name="polite", version="2.5")
    return folder


def project(tmp_path: Path, *requirements: str) -> Path:
    text = PYPROJECT.format(requirements=", ".join(map(json.dumps, requirements)))
    return write_project(
        tmp_path / "shop",
        {"pyproject.toml": text, "src/shop/__init__.py": "", "src/shop/tools.py": "import greet\n"},
    )


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == code, done.output
    return done.output


def test_dependencies_are_resolved_for_the_component_and_locked(tmp_path, index):
    root = project(tmp_path, "greet>=1,<2")
    step = plan_component(load(root), resolve_component(load(root), load(root).components["tools"]))
    assert step.source is not None
    assert [(one.name, one.version, one.license) for one in step.source.dependencies] == [
        ("greet", "1.0", "MIT"),
        ("polite", "2.5", "MIT"),  # by a marker that is true only inside a component
    ]
    assert root / "wasmcp.lock" in step.files, "a source distribution must carry it"
    (needed,) = lock.read(root).dependencies
    assert (needed.component, needed.language, needed.requirements) == ("tools", "python", ("greet>=1,<2",))
    assert needed.distributions == step.source.dependencies
    digest = hashlib.sha256((index / "greet-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert needed.distributions[0].digest == f"sha256:{digest}"


def test_dependencies_are_part_of_the_digest(tmp_path, index):
    root = project(tmp_path, "greet")
    before = plan(resolve(load(root))).servers["default"].inputs
    assert plan(resolve(load(root))).servers["default"].inputs == before
    wheel(index, "greet", "3.0")
    assert plan(resolve(load(root))).servers["default"].inputs == before, "a newer version changes nothing"
    assert "tools: greet: 2.0" in run("lock", "--project", str(root), "--upgrade", "greet")
    assert plan(resolve(load(root))).servers["default"].inputs != before


def test_locked_and_offline(tmp_path, index, monkeypatch):
    root = project(tmp_path, "greet")
    locked = lock_entries.options_for(root, locked=True)
    with pytest.raises(LockDriftError, match="the dependencies of component `tools` are missing in it"):
        plan(resolve(load(root), fetching=locked))
    with pytest.raises(ToolchainError, match=r"are not in `wasmcp\.lock`, and the build is offline"):
        plan(resolve(load(root), fetching=lock_entries.options_for(root, offline=True)))
    assert not (root / "wasmcp.lock").exists()
    assert "1 packages of components" in run("lock", "--project", str(root))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    plan(resolve(load(root), fetching=lock_entries.options_for(root, locked=True, offline=True)))
    run("lock", "--project", str(root), "--check")


@pytest.mark.parametrize("damage", ["change", "add", "remove", "link", "record"])
def test_unpacked_packages_that_were_changed_are_not_used(tmp_path, index, damage):
    root = project(tmp_path, "greet")
    run("lock", "--project", str(root))
    step = plan_component(load(root), resolve_component(load(root), load(root).components["tools"]))
    assert step.source is not None
    cache = tmp_path / "cache" / "toolchains" / "python"
    folder = dependencies.install(step.source, cache, lambda _: None)
    module = folder / "greet" / "__init__.py"
    before = module.read_bytes()
    if damage == "change":
        module.write_bytes(before + b"# evil")
    elif damage == "add":
        (folder / "sitecustomize.py").write_text("evil")
    elif damage == "remove":
        module.unlink()
    elif damage == "link":
        module.rename(tmp_path / "elsewhere.py")
        module.symlink_to(tmp_path / "elsewhere.py")
    else:
        folder.with_name(f"{folder.name}.digest").unlink()
    told: list[str] = []
    offline = replace(step.source, offline=True)
    with pytest.raises(ToolchainError, match="changed in the cache since they were unpacked, and the build is offline"):
        dependencies.install(offline, cache, told.append)
    assert dependencies.install(step.source, cache, told.append) == folder
    assert told == ["fetching 1 packages for component `tools`"]
    assert module.read_bytes() == before
    assert not (folder / "sitecustomize.py").exists()
    assert dependencies.install(offline, cache, told.append) == folder
    assert len(told) == 1


def test_drift(tmp_path, index):
    root = project(tmp_path, "greet")
    run("lock", "--project", str(root))
    project(tmp_path, "greet>1")
    assert "of component `tools` are missing in it, or differ" in run("lock", "--project", str(root), "--check", code=1)
    project(tmp_path)
    assert "which has none" in run("lock", "--project", str(root), "--check", code=1)
    assert "tools: greet" in run("lock", "--project", str(root))
    assert lock.read(root).dependencies == ()


def test_invalid_requirement(tmp_path, index):
    root = project(tmp_path, "./vendor/greet")
    with pytest.raises(ToolchainError, match=r"`dependencies` names `\./vendor/greet`, which is not a requirement"):
        plan(resolve(load(root)))


def test_unknown_package(tmp_path, index):
    with pytest.raises(ToolchainError, match="pip finds no packages for its `dependencies` \\(`gone`\\)") as caught:
        plan(resolve(load(project(tmp_path, "gone"))))
    assert "No matching distribution found for gone" in str(caught.value)


def test_index_that_does_not_answer(tmp_path, index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ToolchainError, match=r"the package index does not respond to pip .* `PIP_INDEX_URL`") as caught:
        plan(resolve(load(project(tmp_path, "gone"))))
    assert "build-from-source" not in str(caught.value)


def test_native_code_in_a_wheel_for_every_platform(tmp_path, index):
    wheel(index, "fast", "1.0", {"fast/__init__.py": "", "fast/_speed.cpython-314-x86_64-linux-gnu.so": "ELF"})
    with pytest.raises(ToolchainError) as caught:
        plan(resolve(load(project(tmp_path, "fast"))))
    message = "its dependency `fast` is native code (`fast/_speed.cpython-314-x86_64-linux-gnu.so`)"
    assert message in str(caught.value)
    assert not (tmp_path / "shop/wasmcp.lock").exists()


def test_a_wheel_for_this_machine_alone(tmp_path, index):
    import sysconfig

    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    name = f"quick-1.0-py3-none-{platform}.whl"
    wheel(index, "quick", "1.0").rename(index / name)
    with pytest.raises(ToolchainError, match=f"its dependency `quick` is native code \\(`{name}`\\)"):
        plan(resolve(load(project(tmp_path, "quick"))))


BACKEND = """\
import json
import os
import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "plain-1.0-py3-none-any.whl"
    info = "plain-1.0.dist-info/"
    with open({seen!r}, "w") as file:
        json.dump(dict(os.environ), file)
    {fails}
    with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as archive:
        archive.writestr("plain.py", "X = 1\\n")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: plain\\nVersion: 1.0\\nLicense: BSD\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", "plain.py,,\\n")
    return name
"""


def source_distribution(index: Path, *, fails: str = "") -> Path:
    """Create a source distribution; return the file that its build code writes its environment to."""
    seen = index.parent / "seen.json"
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(seen=str(seen), fails=fails),
        "PKG-INFO": "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n",
    }
    with tarfile.open(index / "plain-1.0.tar.gz", "w:gz") as archive:
        for inner, text in files.items():
            member = tarfile.TarInfo(f"plain-1.0/{inner}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return seen


def allow_plain(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace("dependencies =", 'build-from-source = ["Plain"]\ndependencies ='))


def test_no_code_of_a_source_distribution_runs_unless_it_is_named(tmp_path, index):
    seen = source_distribution(index)
    with pytest.raises(ToolchainError) as caught:
        plan(resolve(load(project(tmp_path, "plain"))))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(
        "component `tools`: pip finds no packages for its `dependencies` (`plain`). Where it has"
    )
    assert lines[0].endswith('allow it with `build-from-source = ["plain"]`')
    assert len(lines) < 10
    assert not seen.exists()


def test_a_source_distribution_on_request_is_built_without_secrets(tmp_path, index, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://user:hunter2@localhost:9/simple")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    seen = source_distribution(index)
    root = project(tmp_path, "plain")
    allow_plain(root)
    plan(resolve(load(root)))
    (one,) = lock.read(root).dependencies[0].distributions
    assert (one.file, one.license) == ("plain-1.0.tar.gz", "BSD")
    environment = json.loads(seen.read_text())
    assert "hunter2" not in str(environment)
    assert not {"AWS_SECRET_ACCESS_KEY", "PIP_EXTRA_INDEX_URL", "SSH_AUTH_SOCK"} & set(environment)
    assert environment["CC"] == "false"


def test_a_locked_source_distribution_is_refused_without_the_request(tmp_path, index, monkeypatch):
    source_distribution(index)
    root = project(tmp_path, "plain")
    before = (root / "pyproject.toml").read_text()
    allow_plain(root)
    plan(resolve(load(root)))
    (root / "pyproject.toml").write_text(before)
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "another-cache"))
    step = plan_component(load(root), resolve_component(load(root), load(root).components["tools"]))
    with pytest.raises(ToolchainError, match=r"`wasmcp\.lock` has source distributions of `plain`; building one runs"):
        dependencies.install(step.source, tmp_path / "another-cache", lambda _: None)


def test_failed_build_is_reported_in_a_few_lines(tmp_path, index):
    source_distribution(index, fails="print('noise\\n' * 200); raise SystemExit('no compiler')")
    root = project(tmp_path, "plain")
    allow_plain(root)
    with pytest.raises(ToolchainError) as caught:
        plan(resolve(load(root)))
    message = "component `tools`: its dependency `plain` cannot be built from source as Python alone"
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) <= 10


def test_invalid_package_name(tmp_path, index):
    root = project(tmp_path, "greet")
    allow_plain(root)
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text().replace('"Plain"', '":all:", "x>=1"'))
    with pytest.raises(ToolchainError, match="`build-from-source` names `:all:`, `x>=1`: expected names of packages"):
        plan(resolve(load(root)))


def test_without_pip(tmp_path, index, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    root = project(tmp_path, "greet")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(MissingToolchainError, match=r"pip is not installed next to wasmcp: add the extra"):
        plan(resolve(load(root)))


def test_a_lock_with_mistakes(tmp_path):
    (tmp_path / "wasmcp.lock").write_text('version = 1\n[[dependencies]]\ncomponent = "a"\n')
    with pytest.raises(Exception, match=r"`dependencies\[0\]`: a member is missing or invalid"):
        lock.read(tmp_path)
