"""Credentials and TLS, against a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.registries import docker_registry, forget, namespaces, needs_registry, publish

from wasmcp.errors import RegistryDeniedError, RegistryUnreachableError
from wasmcp.registry.oci.transfers import fetch

pytestmark = needs_registry


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(tmp_path / "private", users={"ann": "secret"}) as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        with pytest.raises(
            RegistryDeniedError, match=r"requires credentials \(401\).*no credentials were found.*docker login"
        ) as caught:
            publish(tmp_path, "1.0.0")
        assert caught.value.status == 401
        login = tmp_path / "docker" / "config.json"
        login.parent.mkdir()
        login.write_text(json.dumps({"auths": {host: {"auth": "YW5uOnNlY3JldA=="}}}))
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        forget(tmp_path, monkeypatch)
        login.write_text(json.dumps({"auths": {host: {"auth": "YW5uOndyb25n"}}}))
        with pytest.raises(RegistryDeniedError, match=r"rejects those of `.*config\.json`"):
            fetch("acme:calc@1.0.0")
        monkeypatch.setenv("WASMCP_REGISTRY_USER", "ann")
        monkeypatch.setenv("WASMCP_REGISTRY_PASSWORD", "secret")
        monkeypatch.setenv("WASMCP_REGISTRY_HOST", "elsewhere.example")
        with pytest.raises(RegistryDeniedError):
            fetch("acme:calc@1.0.0")
        monkeypatch.setenv("WASMCP_REGISTRY_HOST", host)
        assert fetch("acme:calc@1.0.0").digest == pushed.digest
        login.write_text("{")
        monkeypatch.delenv("WASMCP_REGISTRY_HOST")
        forget(tmp_path / "again", monkeypatch)
        with pytest.raises(
            RegistryDeniedError, match=r"no credentials were found.*config\.json` has no credentials.*not JSON"
        ):
            fetch("acme:calc@1.0.0")


def test_credential_helper_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    helper.write_text('#!/bin/sh\necho \'{"Username": "ann", "Secret": "secret"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
    with docker_registry(tmp_path / "private", users={"ann": "secret"}) as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"credHelpers": {host: "test"}}))
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        assert fetch("acme:calc@^1").digest == pushed.digest


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]) -> None:
    with docker_registry(tmp_path / "tls", tls=certificate) as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        with pytest.raises(RegistryUnreachableError, match=r"TLS failed.*certificate"):
            publish(tmp_path, "1.0.0")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        assert fetch("acme:calc@^1").digest == pushed.digest
