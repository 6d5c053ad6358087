"""A project with pydantic 2 and a native module for WASI: built by hatchling, locked, and called.

The package index is PyPI, or its mirror in the settings of pip; without it the tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime
from support.memory_images import memory_image
from support.projects import write_project
from support.python_packages import wheel

from wasmcp.errors import GuestTrapError
from wasmcp.host import Server, open_server
from wasmcp.registry import lock
from wasmcp.toolchains.python.native_modules import ABI, SHARED_FUNCTIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PYPROJECT = """\
[build-system]
requires = ["hatchling", "wasmcp[build]"]
build-backend = "hatchling.build"

[project]
name = "shop"
version = "1.0"

[tool.hatch.build.targets.wheel]
packages = ["src/shop"]

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.tools]
source = "src/shop/tools.py"
dependencies = ["pydantic>=2", "answers"]

[tool.wasmcp.servers.default]
components = ["tools"]
"""
TOOLS = '''\
from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import answers
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_serializer, field_validator
from wasmcp.guest import tool


class Order(BaseModel):
    name: str = Field(max_length=20)
    prices: list[float]
    parent: Order | None = None


class Endless(BaseModel):
    x: int

    @field_serializer("x")
    def again(self, _: int) -> Any:
        return self.model_dump()


class Checked(BaseModel):
    x: int

    @field_validator("x")
    @classmethod
    def again(cls, value: int) -> Any:
        return cls.model_validate({"x": value})


class Shown:
    def __repr__(self) -> str:
        return repr([self])

    def __eq__(self, other: object) -> bool:
        return [self] == [other]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deepcopy([self])


@tool
def checkout(order: dict) -> dict:
    """Check an order."""
    found = Order.model_validate(order)
    return {"total": sum(found.prices), "order": json.loads(found.model_dump_json(exclude_none=True))}


@tool
def problems(order: dict) -> list[str]:
    """Return the problems of an order."""
    try:
        Order.model_validate(order)
    except ValidationError as error:
        return [".".join(map(str, one["loc"])) + ": " + one["msg"] for one in error.errors()]
    return []


def sort(value: int) -> Any:
    return sorted([value], key=sort)


RECURSIONS = {
    "serializer": lambda: Endless(x=1).model_dump(),
    "json": lambda: Endless(x=1).model_dump_json(),
    "adapter": lambda: TypeAdapter(list[Endless]).dump_python([Endless(x=1)]),
    "validator": lambda: Checked(x=1),
    "repr": lambda: repr(Shown()),
    "eq": lambda: Shown() == Shown(),
    "copy": lambda: deepcopy(Shown()),
    "sort": lambda: sort(1),
    "nested": lambda: json.loads("[" * 100_000),
}


@tool
def recurse(kind: str) -> str:
    """Recurse without an end."""
    try:
        RECURSIONS[kind]()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it ended"


@tool
def version() -> list[str]:
    """Return versions of packages, and the name of a missing one."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return [version("answers"), version("pydantic_core").partition(".")[0], version("missing")]
    except PackageNotFoundError as error:
        return [version("answers"), version("pydantic_core").partition(".")[0], str(error.name)]


@tool
def answer() -> int:
    """Return a constant of a native module."""
    return answers.ANSWER
'''


def module_with_all_shared_functions() -> bytes:
    """Return an extension module `answers` that imports each function of `SHARED_FUNCTIONS`."""
    imports = []
    for name, type_ in SHARED_FUNCTIONS.items():
        params, _, results = (part.strip() for part in type_.partition("->"))
        signature = (f"(param {params})" if params else "") + (f" (result {results})" if results else "")
        imports.append(f'(import "env" "{name}" (func {signature}))')
    # A `PyModuleDef` of 52 bytes: reference count 1, then at 20 the name, at 28 the size of the state, none.
    zeros = r"\00" * 52
    text = f"""(module (@dylink.0 (mem-info (memory 80 2)))
      {" ".join(imports)}
      (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))
      (import "env" "PyModule_AddIntConstant" (func $add (param i32 i32 i32) (result i32)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global $base i32))
      (func (export "PyInit_answers") (result i32) (local $module i32)
        (i32.store (global.get $base) (i32.const 1))
        (i32.store offset=20 (global.get $base) (i32.add (global.get $base) (i32.const 52)))
        (i32.store offset=28 (global.get $base) (i32.const -1))
        (local.set $module (call $create (global.get $base) (i32.const 1013)))
        (drop (call $add (local.get $module) (i32.add (global.get $base) (i32.const 60)) (i32.const 42)))
        (local.get $module))
      (data (global.get $base) "{zeros}answers\\00ANSWER\\00"))"""
    return bytes(wasmtime.wat2wasm(text))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the project; return the project."""
    links = tmp_path_factory.mktemp("links")
    tag = f"{ABI.interpreter}-{ABI.interpreter}-wasi_wasm32"
    wheel(links, "answers", "1.0", {f"answers{ABI.suffix}": module_with_all_shared_functions()}, tag=tag)
    files = {"pyproject.toml": PYPROJECT, "src/shop/__init__.py": "", "src/shop/tools.py": TOOLS}
    root = write_project(tmp_path_factory.mktemp("native") / "shop", files)
    environment = {**os.environ, "PIP_FIND_LINKS": str(links)}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if "No matching distribution found for pydantic" in output:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, output
    return root


@pytest.fixture(scope="module")
def server(shop: Path) -> Iterator[Server]:
    with open_server(shop / "src/shop/_wasmcp/default.wasm") as opened:
        yield opened


def call(server: Server, name: str, /, **arguments: object) -> object:
    result = server.call_tool(name, arguments)
    assert not result.is_error, result
    assert result.structured_content is not None
    return result.structured_content.get("result", result.structured_content)


def test_models_of_pydantic_2_validate_and_serialize(server):
    order = {"name": "tea", "prices": [1.5, "2"], "parent": {"name": "all", "prices": []}}
    assert call(server, "checkout", order=order) == {"total": 3.5, "order": {**order, "prices": [1.5, 2.0]}}
    wrong = {"name": "x" * 21, "prices": [None], "parent": {"prices": 7}}
    assert call(server, "problems", order=wrong) == [
        "name: String should have at most 20 characters",
        "prices.0: Input should be a valid number",
        "parent.name: Field required",
        "parent.prices: Input should be a valid list",
    ]


def test_a_native_module_for_wasi_is_imported(server):
    assert call(server, "answer") == 42


@pytest.mark.parametrize("kind", ["serializer", "json", "adapter", "validator", "repr", "eq", "copy", "sort"])
def test_endless_recursion_is_an_error_of_python(server, kind):
    assert "Recursion" in str(call(server, "recurse", kind=kind))
    assert call(server, "answer") == 42, "the same instance goes on"


def test_recursion_of_compiled_code_that_is_too_deep_ends_that_call_alone(server):
    with pytest.raises(GuestTrapError, match="call stack exhausted"):
        server.call_tool("recurse", {"kind": "nested"})
    assert call(server, "answer") == 42


def test_metadata_of_packages_is_read_in_a_call(server):
    assert call(server, "version") == ["1.0", "2", "missing"]


def test_the_lock_file_has_the_files_of_the_index(shop):
    (needed,) = lock.read(shop).dependencies
    found = {one.name: one for one in needed.distributions}
    core = found["pydantic-core"]
    assert core.file.endswith(f"-{ABI.interpreter}-{ABI.interpreter}-{ABI.emscripten}.whl")
    assert core.license == "MIT"
    assert len(core.bundled) > 50
    assert found["answers"].file == f"answers-1.0-{ABI.interpreter}-{ABI.interpreter}-wasi_wasm32.whl"


def test_the_bill_of_materials_has_the_libraries_inside(shop):
    with zipfile.ZipFile(next((shop / "dist").glob("*.whl"))) as archive:
        (name,) = [name for name in archive.namelist() if ".dist-info/sboms/" in name]
        bom = json.loads(archive.read(name))
    purls = {one.get("purl"): one for one in bom["components"]}
    crate = next(one for purl, one in purls.items() if purl and purl.startswith("pkg:cargo/pyo3@"))
    assert crate["licenses"]
    core = next(one for purl, one in purls.items() if purl and purl.startswith("pkg:pypi/pydantic-core@"))
    assert core["licenses"] == [{"license": {"id": "MIT"}}]
    (text,) = core["evidence"]["licenses"]
    assert "Permission is hereby granted" in text["license"]["text"]["content"]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    assert crate["bom-ref"] in needs[core["bom-ref"]]


def test_the_component_stays_below_its_size(shop):
    megabytes = (shop / "src/shop/_wasmcp/default.wasm").stat().st_size / 1e6
    assert megabytes < 32
    image, data = memory_image((shop / "src/shop/_wasmcp/default.wasm").read_bytes())
    assert image < 2 * data, "wasmtime maps an image of the memory; a sparse one is copied for each instance"
