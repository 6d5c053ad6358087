"""Attestations: signed statements attached to components."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.registries import docker_registry, namespaces, needs_registry, publish, resolver
from support.signing_keys import make_keys

from wasmcp.cli.group import commands
from wasmcp.errors import SignatureError
from wasmcp.registry.names.namespace_policy import Trust
from wasmcp.registry.oci.references import Place
from wasmcp.registry.signing import signatures

pytestmark = needs_registry
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "default.wasm", "digest": {"sha256": "11" * 32}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {"buildDefinition": {}},
}
CALC = "acme:calc@1.0.0"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Place]:
    """Yield the place of `acme:calc` 1.0.0; the current directory has the keys `ann` and `bob` and a statement."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WASMCP_KEY_PASSWORD", raising=False)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statement.json").write_text(json.dumps(STATEMENT))
    make_keys(tmp_path, "ann")
    make_keys(tmp_path, "bob")
    with docker_registry(tmp_path / "registry") as host:
        namespaces(monkeypatch, tmp_path, acme=f"{host}/team")
        yield publish(tmp_path, "1.0.0")["1.0.0"].place


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_attested_statements_are_verified(place: Place) -> None:
    assert "no attestation" in run("verify", CALC, "--attestation", "--key", "ann.pub", code=1)
    run("attest", CALC, "--key", "ann.key", "--statement", "statement.json")
    (line,) = run("verify", CALC, "--attestation", "--key", "bob.pub", "--key", "ann.pub").splitlines()
    found = json.loads(line)
    assert found["predicate"] == STATEMENT["predicate"]
    mine, theirs = found["subject"]
    assert mine == {"name": f"{place.host}/team/calc", "digest": {"sha256": str(place.digest)[7:]}}
    assert [theirs] == STATEMENT["subject"]
    assert "no attestation" in run("verify", CALC, "--attestation", "--key", "bob.pub", code=1)
    run("attest", CALC, "--key", "bob.key", "--statement", "statement.json")
    both = run("verify", CALC, "--attestation", "--key", "bob.pub", "--key", "ann.pub")
    assert len(both.splitlines()) == 2


def test_artifact_has_the_form_of_cosign(place: Place, tmp_path: Path) -> None:
    run("attest", CALC, "--key", "ann.key", "--statement", "statement.json")
    tag = f"sha256-{str(place.digest)[7:]}.att"
    bare = replace(place, tag=None, digest=None)
    (layer,) = json.loads(resolver().manifest(bare, tag, ""))["layers"]
    assert layer["mediaType"] == "application/vnd.dsse.envelope.v1+json"
    assert layer["annotations"]["predicateType"] == STATEMENT["predicateType"]
    envelope = json.loads(b"".join(resolver().client(place.host).blob(place, layer["digest"])))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = serialization.load_pem_public_key((tmp_path / "ann.pub").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(hashes.SHA256()))


def test_attestation_of_another_component_does_not_count(place: Place, tmp_path: Path) -> None:
    run("attest", CALC, "--key", "ann.key", "--statement", "statement.json")
    other = publish(tmp_path, "2.0.0")["2.0.0"].place
    bare = replace(place, tag=None, digest=None)
    stolen = resolver().manifest(bare, signatures.attestation_tag(str(place.digest)), "")
    resolver().client(place.host).push_manifest(other, signatures.attestation_tag(str(other.digest)), stolen)
    with pytest.raises(SignatureError, match="about it"):
        signatures.verify_attestations(other, Trust((tmp_path / "ann.pub",)), resolver())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"_type":"https://in-toto.io/Statement/v1","predicateType":1}'])
def test_invalid_statements_are_refused(place: Place, tmp_path: Path, text: str) -> None:
    (tmp_path / "statement.json").write_text(text)
    assert "an in-toto statement" in run("attest", CALC, "--key", "ann.key", "--statement", "statement.json", code=1)
