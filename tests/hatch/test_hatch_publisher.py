"""`hatch publish -p oci`, as hatch runs it: the built servers are in a registry afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.registries import docker_registry, needs_registry

from hatch_wasmcp.publisher import read_options
from wasmcp.errors import ConfigError
from wasmcp.registry.oci import transfers
from wasmcp.registry.oci.references import parse

PAGE = (Path(__file__).parents[2] / "docs/guides/publishing.md").read_text("utf-8")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def built(zig_project: Path, zig_server: Path, registry: str, tmp_path: Path) -> Path:
    """A project with its built server, and a registry for the namespace `acme`."""
    root = Path(shutil.copytree(zig_project, tmp_path / "project", ignore=shutil.ignore_patterns("dist")))
    with (root / "pyproject.toml").open("a") as file:
        file.write(f'\n[tool.wasmcp.namespaces]\nacme = "{registry}/{tmp_path.name}"\n')
    return root


def publish(root: Path, *arguments: str, code: int = 0) -> str:
    """Run the command of the guide; return its output in one line."""
    (command,) = re.findall(r"^\$ hatch (publish .*)$", PAGE, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "hatch", *command.split(), *arguments],
        cwd=root,
        env={**os.environ, "HOME": str(root.parent), "NO_COLOR": "1", "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    output = re.sub(r"\s+", " ", done.stdout + done.stderr)
    assert done.returncode == code, output
    assert "Traceback" not in output
    return output


def manifest(root: Path, reference: str) -> dict[str, Any]:
    resolver = transfers.resolver_for(root)
    place = transfers.target(reference, resolver)
    data, _ = resolver.client(place.host).manifest(place, str(place.tag))
    found: dict[str, Any] = json.loads(data)
    return found


@needs_registry
def test_built_server_is_published_with_the_version_of_the_project(built: Path, registry: str) -> None:
    table = next(text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "hatch.publish" in text)
    with (built / "pyproject.toml").open("a") as file:
        file.write(f"\n{table}")
    output = publish(built)
    assert f"oci://{registry}/" in output
    assert "/weather:1.2.3@sha256:" in output
    annotations = manifest(built, "acme:weather@1.2.3")["annotations"]
    assert annotations["org.opencontainers.image.description"] == "A calculator"
    layer = manifest(built, "acme:weather@1.2.3")["layers"][0]
    assert layer["size"] == (built / "src/zig_project/_wasmcp/default.wasm").stat().st_size
    assert "/weather:1.2.3@" in publish(built)  # the same content can be published again


@needs_registry
def test_other_server_and_plain_address(built: Path, registry: str) -> None:
    reference = f"oci://{registry}/{built.parent.name}/plain"
    assert "plain:1.2.3@sha256:" in publish(built, "-o", f"reference={reference}")
    assert parse(f"{reference}:1.2.3")
    assert "names the server `other`; the project has `default`" in _with(
        built, '[tool.hatch.publish.oci]\nservers = { other = "acme:x" }'
    )


@needs_registry
def test_two_servers_with_one_place_are_refused(built: Path, registry: str) -> None:
    references = f'default = "acme:calc", more = "oci://{registry}/{built.parent.name}/calc"'
    tables = '[tool.wasmcp.servers.more]\ncomponents = ["calc"]\n\n[tool.hatch.publish.oci]\n'
    output = _with(built, f"{tables}servers = {{ {references} }}")
    assert "the servers `default` and `more` have one place" in output


def _with(root: Path, table: str) -> str:
    with (root / "pyproject.toml").open("a") as file:
        file.write(f"\n{table}\n")
    return publish(root, code=1)


@needs_registry
def test_nothing_is_published_without_an_up_to_date_server(built: Path) -> None:
    reference = ("-o", "reference=acme:calc")
    source = built / "zig/calc.zig"
    source.write_text(source.read_text("utf-8").replace("Add two numbers.", "Add two."))
    assert "the sources of `default` changed since it was built" in publish(built, *reference, code=1)
    pyproject = built / "pyproject.toml"
    pyproject.write_text(pyproject.read_text("utf-8").replace('"1.2.3"', '"1.2.4"'))
    assert "was built as version 1.2.3, and the wheel has version 1.2.4" in publish(built, *reference, code=1)
    shutil.rmtree(built / "src/zig_project/_wasmcp")
    output = publish(built, *reference, code=1)
    assert "`src/zig_project/_wasmcp/default.wasm` does not exist build them with `hatch build`" in output


@needs_registry
def test_wrong_uses_are_refused(built: Path) -> None:
    assert "`tool.hatch.publish.oci.reference` is needed" in publish(built, code=1)
    assert "has a version; the project's is added to it" in publish(built, "-o", "reference=acme:a@1.0.0", code=1)
    assert "`dist/x.whl`: the publisher `oci` pushes the servers in the tree" in publish(
        built, "-o", "reference=acme:a", "dist/x.whl", code=1
    )


@pytest.mark.parametrize(
    ("table", "given", "problem"),
    [
        ({"reference": 1}, {}, "`tool.hatch.publish.oci.reference` must be a string, not 1"),
        ({"reference": 1}, {}, "1 mistake in `pyproject.toml`:"),
        ({"servers": {"a": 1}}, {}, "must be a table of references by server"),
        ({"references": "a:b"}, {}, "`tool.hatch.publish.oci.references` is unknown"),
        ({}, {"force": "yes"}, "`-o force` must be `true` or `false`, not `yes`"),
        ({}, {"servers": "x"}, "`-o servers` is unknown"),
        ({"reference": 1}, {"force": "no", "x": "y"}, "2 mistakes in `hatch publish -p oci`:\n  * `-o force` must be"),
    ],
)
def test_wrong_options(table: dict[str, Any], given: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(table, given)
    assert problem in str(caught.value)


def test_options_of_the_command_line_replace_those_of_the_table() -> None:
    table = {"reference": "a:b", "sign": "key.pem", "force": True, "disable": False}
    given = {"reference": "a:c", "force": "false", "no_prompt": True, "initialize_auth": False}
    assert read_options(table, given) == {"reference": "a:c", "sign": "key.pem", "force": False}
