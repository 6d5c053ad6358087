"""Fixtures of registry tests: a registry with one package, and a proxy that modifies its responses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compose_inputs import tools_component
from support.registries import Proxy, docker_registry, namespaces, proxy
from support.signing_keys import self_signed_certificate

from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.transfers import push
from wasmcp.registry.oci.transport import Retry


@pytest.fixture(scope="module")
def calc_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with `t/calc` in version 1.0.0."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as host, pytest.MonkeyPatch.context() as patch:
        namespaces(patch, folder, acme=f"{host}/t")
        (folder / "calc.wasm").write_bytes(tools_component("registry", "add"))
        push(folder / "calc.wasm", "acme:calc@1.0.0", Resolver(namespace_policy.load(), Store()))
        yield host


@pytest.fixture
def broken(calc_registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """Yield a proxy of the registry with the namespace; retries do not wait."""
    monkeypatch.setenv("HOME", str(tmp_path))
    pauses: list[float] = []
    monkeypatch.setattr(Retry, "pause", staticmethod(pauses.append))
    with proxy(calc_registry) as front:
        namespaces(monkeypatch, tmp_path, acme=f"{front.host}/t")
        front.pauses = pauses  # type: ignore[attr-defined]
        yield front


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    return self_signed_certificate(tmp_path_factory.mktemp("certificate"))
