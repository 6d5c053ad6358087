from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wasmcp import package_data
from wasmcp.errors import MissingPackageDataError

ROOT = Path(package_data.__file__).parent.parent


def test_the_wit_is_that_of_the_checkout() -> None:
    assert (package_data.wit_directory() / "worlds.wit").is_file()
    assert (package_data.wit_directory() / "deps" / "wasmcp-embedding").is_dir()


def test_an_unknown_component_names_the_known_ones() -> None:
    with pytest.raises(MissingPackageDataError, match="the framework has `transport`, `server-io`") as caught:
        package_data.framework_component("transprot")
    assert caught.value.path.endswith("transprot.wasm")


@pytest.mark.parametrize("name", [*package_data.FRAMEWORK_COMPONENTS, *package_data.ADAPTERS])
def test_the_framework_is_built(name: str) -> None:
    assert package_data.framework_component(name).read_bytes()[:8] == b"\0asm\x0d\0\x01\0"


def installed(tmp_path: Path, *, complete: bool) -> str:
    """Return the output of a copy of the package, with the layout of a wheel, about its own files."""
    package = tmp_path / "site" / "wasmcp"
    package.mkdir(parents=True)
    for name in ("__init__.py", "package_data.py", "terminal.py"):
        shutil.copy(ROOT / "wasmcp" / name, package / name)
    shutil.copytree(ROOT / "wasmcp" / "errors", package / "errors")
    if complete:
        shutil.copytree(ROOT / "wit", package / "_wit")
        (package / "_framework").mkdir()
        (package / "_framework" / "transport.wasm").write_bytes(b"")
    code = (
        "from wasmcp.package_data import *; from wasmcp.errors import MissingPackageDataError\n"
        "for ask in (wit_directory, lambda: framework_component('transport')):\n"
        "    try: print(ask())\n"
        "    except MissingPackageDataError as error: print('missing:', error)\n"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(package.parent)}, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    return done.stdout


def test_a_wheel_carries_its_own(tmp_path: Path) -> None:
    package = tmp_path / "site" / "wasmcp"
    out = installed(tmp_path, complete=True)
    assert out.split() == [str(package / "_wit"), str(package / "_framework" / "transport.wasm")]


def test_an_incomplete_installation_says_so(tmp_path: Path) -> None:
    first, second = installed(tmp_path, complete=False).splitlines()
    assert first.endswith("the installation of wasmcp is incomplete; install it again")
    assert "`python hatch_build.py`" in second
