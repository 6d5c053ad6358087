"""Our own distribution: what is in it, and that it works where only it is."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from benchmarks.sizes import CHAIN
from wasmcp.bindgen.protocol_table import GUEST_SOURCES, PYTHON_SOURCE
from wasmcp.package_data import ADAPTERS, BUILD_COMPONENTS, FRAMEWORK_COMPONENTS, GUARDS, TEST_COMPONENTS

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


LINK = "guests/rust/mcp"
"""Link to the WIT: not in a source distribution, a folder in a wheel."""


def tracked(*folders: str) -> set[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    names = set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    return names - {LINK}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our sdist and wheel; what the build needs is installed already."""
    output = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(output),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


def test_the_wheel_is_for_every_platform(wheel: Path) -> None:
    assert wheel.name == "wasmcp-0.1.0-py3-none-any.whl"


def test_the_wheel_has_the_framework_wit_guests_and_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    packages = tracked("wasmcp", "hatch_wasmcp", "pytest_wasmcp")
    components = (*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS, *TEST_COMPONENTS, "scripted-adapter")
    framework = {f"wasmcp/_framework/{name}.wasm" for name in components}
    framework.add("wasmcp/_framework/wit.d.ts")
    wit = {name.replace("wit/", "wasmcp/_wit/", 1) for name in tracked("wit")}
    guests = {name.replace("guests/", "wasmcp/_guests/", 1) for name in tracked("guests")}
    guests |= {f"wasmcp/_guests/{name}" for name in GUEST_SOURCES}
    linked = {name.replace("wit/", f"wasmcp/_{LINK}/", 1) for name in tracked("wit")}
    assert names == packages | {PYTHON_SOURCE} | framework | wit | guests | linked


def test_the_wheel_offers_its_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("wasmcp-0.1.0.dist-info/entry_points.txt").decode()
    assert "[hatch]\nwasmcp = hatch_wasmcp.hooks" in text
    assert "[pytest11]\nwasmcp = pytest_wasmcp.plugin" in text
    assert "[console_scripts]\nwasmcp = wasmcp.cli:main" in text


def test_the_sdist_has_what_the_wheel_is_built_from_and_nothing_built(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert tracked("wasmcp", "hatch_wasmcp", "pytest_wasmcp", "wit", "guests", "framework", "hatch_build.py") <= names
    assert not [name for name in names if name.endswith(".wasm") or "/_framework/" in name]
    assert not {PYTHON_SOURCE, *(f"guests/{name}" for name in GUEST_SOURCES)} & names


def test_the_sdist_builds_the_same_wheel(distributions: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    tree = next(tmp_path.iterdir())
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path / "out"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(next((tmp_path / "out").glob("*.whl"))) as second:
        assert {info.filename: info.CRC for info in first.infolist()} == {
            info.filename: info.CRC for info in second.infolist()
        }


def test_the_wheel_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - a wheel of our own
    code = (
        "from wasmcp.package_data import *\n"
        "print(wit_directory())\n"
        "for language in ('typescript', 'rust', 'zig'): print(guest_directory(language))\n"
        "for name in FRAMEWORK_COMPONENTS: print(framework_component(name))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,  # `-c` looks there first
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(line.startswith(str(tmp_path)) for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == 4 + len(FRAMEWORK_COMPONENTS)


def test_the_framework_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {
            Path(info.filename).stem: info.file_size for info in archive.infolist() if "_framework/" in info.filename
        }
    # Stores are composed where a component keeps something, adapters where it is another tool's; a dynamic component
    # has another middleware instead. Access control is composed where there are filters, skills and tasks where there
    # are any.
    sessions = ("session-store", "stored-sessions", "stored-sessions-draft")
    stores = ("kv-store", "kv-store-draft", *sessions, "insecure-seed")
    fetching = ("key-fetcher", "issuer-storage", "issuer-storage-draft")
    extensions = ("skills", "apps", "tasks", "tasks-draft")
    only_where_used = (*stores, *fetching, "dynamic-tools-middleware", "access-control", *extensions, *GUARDS)
    assert {*CHAIN, *only_where_used, "authorization"} == set(FRAMEWORK_COMPONENTS)
    assert sizes.pop("authorization") < 200_000, sizes
    assert sum(sizes.pop(name) for name in CHAIN) < 300_000, sizes
    assert all(size < 70_000 for size in sizes.values()), sizes
    assert all(sizes[name] < 40_000 for name in ("access-control", "key-fetcher", *GUARDS)), sizes
