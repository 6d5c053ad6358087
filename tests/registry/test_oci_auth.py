"""Credentials and TLS, against a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from registries import docker_registry, forget, namespaces, needs_registry, publish

from wasmcp.errors import RegistryDenied, RegistryError, RegistryUnreachable
from wasmcp.registry.oci import fetch

pytestmark = needs_registry


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(tmp_path / "private", users={"ann": "secret"}) as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        with pytest.raises(RegistryDenied, match=r"401.*no credentials.*docker login") as caught:
            publish(tmp_path, "1.0.0")
        assert caught.value.status == 401
        login = tmp_path / "docker" / "config.json"
        login.parent.mkdir()
        login.write_text(json.dumps({"auths": {host: {"auth": "YW5uOnNlY3JldA=="}}}))
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        forget(tmp_path, monkeypatch)
        login.write_text(json.dumps({"auths": {host: {"auth": "YW5uOndyb25n"}}}))
        with pytest.raises(RegistryDenied, match="credentials that there are do not do"):
            fetch("acme:calc@1.0.0")
        monkeypatch.setenv("WASMCP_REGISTRY_USER", "ann")
        monkeypatch.setenv("WASMCP_REGISTRY_PASSWORD", "secret")
        monkeypatch.setenv("WASMCP_REGISTRY_HOST", "elsewhere.example")
        with pytest.raises(RegistryDenied):
            fetch("acme:calc@1.0.0")
        monkeypatch.setenv("WASMCP_REGISTRY_HOST", host)
        assert fetch("acme:calc@1.0.0").digest == pushed.digest
        login.write_text("{")
        monkeypatch.delenv("WASMCP_REGISTRY_HOST")
        forget(tmp_path / "again", monkeypatch)
        with pytest.raises(RegistryError, match=r"config\.json` cannot be read"):
            fetch("acme:calc@1.0.0")


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        with pytest.raises(RegistryUnreachable, match=r"TLS failed.*certificate"):
            publish(tmp_path, "1.0.0")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        pushed = publish(tmp_path, "1.0.0")["1.0.0"]
        assert fetch("acme:calc@^1").digest == pushed.digest


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    import datetime as dt
    import ipaddress

    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"
