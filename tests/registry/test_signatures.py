"""Signatures in cosign's format, and policies that require them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from support.compose_inputs import tools_component
from support.projects import write_project
from support.registries import docker_registry, namespaces, needs_registry, proxy
from support.signing_keys import make_keys

from wasmcp.cli.group import commands
from wasmcp.errors import RegistryError, SignatureError
from wasmcp.registry import FetchOptions
from wasmcp.registry.oci import manifests, references, transfers
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch
from wasmcp.registry.signing import signatures, signers

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
CALC = "acme:calc@1.0.0"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def place(registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A namespace `acme` with `calc` in 1.0.0, not signed, and a user with an empty cache and the keys `ann`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WASMCP_KEY_PASSWORD", raising=False)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)
    where = f"{registry}/t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    namespaces(monkeypatch, tmp_path / "publisher", acme=where)
    (tmp_path / "calc.wasm").write_bytes(tools_component("signed", "add"))
    transfers.push(tmp_path / "calc.wasm", CALC, resolver())
    namespaces(monkeypatch, tmp_path, acme=where)
    make_keys(tmp_path, "ann")
    return where


def resolver() -> Resolver:
    return transfers.resolver_for(None)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == code, done.output
    return done.output


def require(monkeypatch: pytest.MonkeyPatch, folder: Path, place: str, required: str, **trusted: str) -> None:
    listed = "".join(f'"{name}" = "{file}"\n' for name, file in trusted.items())
    policy = f"[policy]\nrequire-signature = {required}\n[policy.keys]\n{listed}"
    namespaces(monkeypatch, folder, policy=policy, acme=place)


@needs_registry
def test_signed_component_is_verified(place: str, tmp_path: Path) -> None:
    run("verify", CALC, "--key", "ann.pub", code=1)
    assert "signed acme:calc@1.0.0@sha256:" in run("sign", CALC, "--key", "ann.key")
    assert run("verify", CALC, "--key", "ann.pub").endswith("is signed by ann.pub\n")
    make_keys(tmp_path, "bob")
    assert "none of them for it by a trusted signer (`bob.pub`)" in run("verify", CALC, "--key", "bob.pub", code=1)
    run("sign", CALC, "--key", "bob.key")
    assert run("verify", CALC, "--key", "bob.pub", "--key", "ann.pub").endswith("is signed by bob.pub\n")
    assert run("verify", CALC, "--key", "ann.pub"), "the first signature is still there"


@needs_registry
def test_sum_of_signatures_is_limited(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("sign", CALC, "--key", "ann.key")
    monkeypatch.setattr(manifests, "TOTAL_LIMIT", 100)
    assert "have more than 100 bytes together" in run("verify", CALC, "--key", "ann.pub", code=1)


@needs_registry
def test_artifact_has_the_form_of_cosign(place: str, tmp_path: Path) -> None:
    run("sign", CALC, "--key", "ann.key")
    found = resolver().resolve(references.parse(CALC))
    tag = f"sha256-{str(found.place.digest).removeprefix('sha256:')}.sig"
    document = json.loads(resolver().manifest(found.place, tag, ""))
    (layer,) = document["layers"]
    assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
    payload = b"".join(resolver().client(found.place.host).blob(found.place, layer["digest"]))
    critical = json.loads(payload)["critical"]
    assert critical["type"] == "cosign container image signature"
    assert critical["image"] == {"docker-manifest-digest": found.artifact.digest}
    assert critical["identity"] == {"docker-reference": f"{place}/calc"}
    public = serialization.load_pem_public_key((tmp_path / "ann.pub").read_bytes())
    signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
    from cryptography.hazmat.primitives import hashes

    public.verify(signature, payload, ec.ECDSA(hashes.SHA256()))


@needs_registry
def test_signature_of_another_component_does_not_count(place: str, tmp_path: Path) -> None:
    (tmp_path / "other.wasm").write_bytes(tools_component("other", "add"))
    transfers.push(tmp_path / "other.wasm", "acme:calc@2.0.0", resolver())
    run("sign", "acme:calc@2.0.0", "--key", "ann.key")
    one, two = (resolver().resolve(references.parse(f"acme:calc@{number}.0.0")) for number in (1, 2))
    # An attacker with write access attaches the signature of another component to this one.
    stolen = resolver().manifest(two.place, signatures.tag_of(two.artifact.digest), "")
    resolver().client(one.place.host).push_manifest(one.place, signatures.tag_of(one.artifact.digest), stolen)
    assert "1 signature, none of them for it" in run("verify", CALC, "--key", "ann.pub", code=1)


def copy(source: str, target: Place) -> None:
    """Put a component with its signatures under another name, as an attacker with write access can."""
    found = resolver().resolve(references.parse(source))
    client, store = resolver().client(target.host), resolver().store
    digest = str(found.place.digest)
    for tag, version in ((digest, str(target.tag)), (signatures.tag_of(digest), signatures.tag_of(digest))):
        data = resolver().manifest(found.place, tag, "")
        document = json.loads(data)
        for layer in [document["config"], *document["layers"]]:
            pieces = client.blob(found.place, layer["digest"])
            client.push_blob(target, layer["digest"], store.put(layer["digest"], pieces))
        client.push_manifest(target, version, data)


@needs_registry
def test_signature_counts_only_for_the_signed_version(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old version with a valid signature is rejected under a new number."""
    host, _, path = place.partition("/")
    run("sign", CALC, "--key", "ann.key")
    copy(CALC, Place(host, f"{path}/calc", "2.0.0"))
    require(monkeypatch, tmp_path, place, "true", acme=str(tmp_path / "ann.pub"))
    assert fetch(CALC).digest
    for reference in ("acme:calc@2.0.0", "acme:calc", f"oci://{place}/calc:2.0.0"):
        with pytest.raises(SignatureError, match=r"signed as version `1\.0\.0`, and found as `2\.0\.0`"):
            fetch(reference)
        assert "signed as version `1.0.0`" in run("verify", reference, "--key", "ann.pub", code=1)
    digest = resolver().resolve(references.parse(CALC)).artifact.digest
    assert fetch(f"oci://{place}/calc@{digest}").digest, "a digest identifies the content by itself"


@needs_registry
def test_signature_counts_only_for_the_signed_name(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, path = place.partition("/")
    run("sign", CALC, "--key", "ann.key")
    copy(CALC, Place(host, f"{path}/text", "1.0.0"))
    copy(CALC, Place(host, f"{path}/mirror/calc", "1.0.0"))
    require(monkeypatch, tmp_path, place, "true", acme=str(tmp_path / "ann.pub"))
    for reference in ("acme:text@1.0.0", f"oci://{place}/text:1.0.0"):
        with pytest.raises(SignatureError, match=rf"it is signed as `{place}/calc`, not as `{place}/text`"):
            fetch(reference)
    with pytest.raises(SignatureError, match=rf"not as `{place}/mirror/calc`"):
        fetch(f"oci://{place}/mirror/calc:1.0.0")
    require(monkeypatch, tmp_path, f"{place}/mirror", "true", acme=str(tmp_path / "ann.pub"))
    assert fetch(CALC).digest, "on a mirror the manifest, which is signed, names the package"


@needs_registry
@pytest.mark.parametrize("required", ["true", '["acme"]'])
def test_policy_is_enforced(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    require(monkeypatch, tmp_path, place, required)
    with pytest.raises(SignatureError, match=r"no signer is trusted for it.*required by `.*wasmcp-python\.toml`"):
        fetch(CALC)
    require(monkeypatch, tmp_path, place, required, acme=str(tmp_path / "ann.pub"))
    for reference in (CALC, "acme:calc", f"oci://{place}/calc:1.0.0"):
        with pytest.raises(SignatureError, match="a signature is required, and it has none"):
            fetch(reference)
    run("sign", CALC, "--key", "ann.key")
    for reference in (CALC, "acme:calc", f"oci://{place}/calc:1.0.0"):
        assert fetch(reference).path.read_bytes() == tools_component("signed", "add")


@needs_registry
def test_known_signature_suffices_offline(
    place: str, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(registry) as front:
        require(monkeypatch, tmp_path, place.replace(registry, front.host), "true", acme=str(tmp_path / "ann.pub"))
        run("sign", CALC, "--key", "ann.key")
        fetch(CALC)
        front.seen.clear()
        assert fetch(CALC, FetchOptions(offline=True)).digest
        assert front.seen == []
        fetch(CALC)
        assert front.count(".sig") == 0, "a good signature stays good"
        require(monkeypatch, tmp_path, place.replace(registry, front.host), "true")
        with pytest.raises(SignatureError):
            fetch(CALC, FetchOptions(offline=True))


@needs_registry
def test_project_can_require_signatures_in_addition(place: str, tmp_path: Path) -> None:
    tables = '[tool.wasmcp.policy]\nrequire-signature = ["acme"]\nkeys = { acme = "trusted.pub" }\n'
    (tmp_path / "pyproject.toml").write_text(tables)
    (tmp_path / "trusted.pub").write_bytes((tmp_path / "ann.pub").read_bytes())
    assert fetch(CALC).digest
    inside = FetchOptions(root=tmp_path)
    with pytest.raises(SignatureError, match=r"required by `pyproject\.toml`"):
        fetch(CALC, inside)
    run("sign", CALC, "--key", "ann.key")
    assert fetch(CALC, inside).digest


@needs_registry
def test_policy_applies_to_up_to_date_builds(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        '[project]\nname = "shop"\nversion = "1"\n[tool.wasmcp]\npackage = "shop"\n[tool.wasmcp.components.calc]\n'
        'package = "acme:calc@^1"\n[tool.wasmcp.servers.default]\ncomponents = ["calc"]\n'
    )
    root = write_project(tmp_path / "shop", {"pyproject.toml": text, "shop/__init__.py": ""})
    run("build", "--project", str(root))
    run("build", "--project", str(root), "--offline")
    require(monkeypatch, tmp_path, place, "true", acme=str(tmp_path / "ann.pub"))
    assert "a signature is required, and it has none" in run("build", "--project", str(root), code=1)
    run("sign", CALC, "--key", "ann.key")
    run("build", "--project", str(root))
    run("build", "--project", str(root), "--offline", "--force")


def test_plain_address_does_not_satisfy_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(monkeypatch, tmp_path, "localhost:1/x", "true")
    with pytest.raises(SignatureError, match="a plain address does not have"):
        fetch("https://localhost:1/x.wasm")


@needs_registry
def test_push_with_a_key_signs(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, _ = make_keys(tmp_path, "eve", b"hidden")
    arguments = ["push", "calc.wasm", "acme:calc@3.0.0", "--sign", str(private), "--json", "--licence", "MIT"]
    assert "has a password, which is not given" in run(*arguments, code=1)
    monkeypatch.setenv("WASMCP_KEY_PASSWORD", "wrong")
    assert "cannot be used" in run(*arguments, code=1)
    monkeypatch.setenv("WASMCP_KEY_PASSWORD", "hidden")
    assert json.loads(run(*arguments))["signatures"].endswith(".sig")
    run("verify", "acme:calc@3.0.0", "--key", "eve.pub")
    found = resolver().resolve(references.parse("acme:calc@3.0.0"))
    assert found.artifact.annotations["org.opencontainers.image.licenses"] == "MIT"


def test_invalid_keys_are_reported(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    pem = serialization.Encoding.PEM
    (tmp_path / "p384.pub").write_bytes(
        other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "text.pub").write_text("hello")
    for name, message in (
        ("p384.pub", "on the curve P-256"),
        ("text.pub", "not a public key"),
        ("none.pub", "No such"),
    ):
        with pytest.raises(RegistryError, match=message):
            signers.public_key(tmp_path / name)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300), st.binary(min_size=24, max_size=24), st.binary(min_size=32, max_size=32))
def test_encryption_equals_that_of_nacl(text: bytes, nonce: bytes, key: bytes) -> None:
    secret = pytest.importorskip("nacl.secret")
    box = signers.seal_box(text, nonce, key)
    assert box == secret.SecretBox(key).encrypt(text, nonce).ciphertext
    assert signers.open_box(box, nonce, key) == text
    with pytest.raises(ValueError, match="password is wrong"):
        signers.open_box(box[:-1] + bytes([box[-1] ^ 1]), nonce, key)


def test_key_file_of_cosign_is_read(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path, "ann")
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    sealed = tmp_path / "cosign.key"
    sealed.write_bytes(signers.encrypt(der, b"word", bytes(32), bytes(24), n=1024))
    assert sealed.read_text().startswith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    signature = signers.sign(b"text", sealed, b"word")
    assert signers.verifies(b"text", signature, public)
    assert not signers.verifies(b"other", signature, public)
    with pytest.raises(RegistryError, match="the password is wrong"):
        signers.sign(b"text", sealed, b"other")
    with pytest.raises(RegistryError, match="has a password, which is not given"):
        signers.sign(b"text", sealed, None)
    written = sealed.read_text()
    sealed.write_text(written.replace("\n", "\r\n"))
    assert signers.verifies(b"text", signers.sign(b"text", sealed, b"word"), public)
    sealed.write_text(written.replace("KEY-----\n", "KEY-----\n!!!!", 1))
    with pytest.raises(RegistryError, match="corrupt"):
        signers.sign(b"text", sealed, b"word")
    sealed.write_text(written.replace("ey", "e!"))
    with pytest.raises(RegistryError, match="corrupt"):
        signers.sign(b"text", sealed, b"word")
