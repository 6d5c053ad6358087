"""A registry with one package, and a proxy that spoils what it answers, for the tests of what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_inputs import tools_component
from registries import Proxy, docker_registry, namespaces, proxy

from wasmcp.registry import oci_client, settings
from wasmcp.registry.publishing import push
from wasmcp.registry.resolving import Resolver
from wasmcp.registry.store import Store


@pytest.fixture(scope="module")
def calc_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with `t/calc` in version 1.0.0."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as host, pytest.MonkeyPatch.context() as patch:
        namespaces(patch, folder, acme=f"{host}/t")
        (folder / "calc.wasm").write_bytes(tools_component("registry", "add"))
        push(folder / "calc.wasm", "acme:calc@1.0.0", Resolver(settings.load(), Store()))
        yield host


@pytest.fixture
def broken(calc_registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy in front of it, in which the namespace is; nobody waits for another try."""
    monkeypatch.setenv("HOME", str(tmp_path))
    pauses: list[float] = []
    monkeypatch.setattr(oci_client.time, "sleep", pauses.append)
    monkeypatch.setattr(oci_client.Client.__init__, "__kwdefaults__", {"sleep": pauses.append})
    with proxy(calc_registry) as front:
        namespaces(monkeypatch, tmp_path, acme=f"{front.host}/t")
        front.pauses = pauses  # type: ignore[attr-defined]
        yield front
