"""Signatures by identity, with an instance of Sigstore made for the tests, and without an identity."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.compose_inputs import tools_component
from support.registries import Answer, docker_registry, namespaces, needs_registry, proxy

from wasmcp.cli.group import commands
from wasmcp.errors import ConfigError, RegistryError, SignatureError
from wasmcp.registry import FetchOptions
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci import manifests, transfers
from wasmcp.registry.oci.client import INDEX
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch
from wasmcp.registry.signing import signers
from wasmcp.registry.signing.signers import Identity, Verifier, statement_of

pytest.importorskip("sigstore")
from support.sigstore_instance import Instance

CALC = "acme:calc@1.0.0"
WORKFLOW = "https://github.com/acme/calc/.github/workflows/release.yml@refs/tags/v1"
PATTERN = "https://github.com/acme/calc/.github/workflows/release.yml@refs/tags/*"
ACTIONS = "https://token.actions.githubusercontent.com"
DIGEST = "sha256:" + "ab" * 32
TRUSTED = [Identity(PATTERN, ACTIONS)]


@pytest.fixture(scope="module")
def instance() -> Instance:
    return Instance()


@pytest.fixture
def verifier(instance: Instance, tmp_path: Path) -> Verifier:
    return Verifier(instance.trusted_root(tmp_path / "root.json"))


def test_signature_by_identity_is_verified(instance: Instance, verifier: Verifier) -> None:
    bundle = instance.sign(statement_of(DIGEST, "calc"), WORKFLOW, ACTIONS)
    found = verifier.statement(bundle, [Identity("ann@example.com", ACTIONS), *TRUSTED])
    assert not isinstance(found, str), found
    who, statement = found
    assert who == f"{WORKFLOW} ({ACTIONS})"
    assert statement["subject"] == [{"name": "calc", "digest": {"sha256": "ab" * 32}}]
    mail = instance.sign(statement_of(DIGEST), "ann@example.com", "https://id.example")
    assert not isinstance(verifier.statement(mail, [Identity("ann@example.com", "https://id.example")]), str)


@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        ("https://github.com/evil/*", ACTIONS),
        (PATTERN, "https://id.example"),
        (PATTERN.removesuffix("*"), ACTIONS),
        (WORKFLOW.replace(".", "?"), ACTIONS),
        ("ann@example.com", ACTIONS),
    ],
)
def test_another_identity_is_not_trusted(instance: Instance, verifier: Verifier, identity: str, issuer: str) -> None:
    bundle = instance.sign(statement_of(DIGEST), WORKFLOW, ACTIONS)
    found = verifier.statement(bundle, [Identity(identity, issuer)])
    assert found == f"it is signed by `{WORKFLOW}`; trusted: `{identity} ({issuer})`"


def test_another_instance_is_not_trusted(instance: Instance, verifier: Verifier) -> None:
    assert isinstance(verifier.statement(Instance().sign(statement_of(DIGEST), WORKFLOW, ACTIONS), TRUSTED), str)
    bundle = instance.sign(statement_of(DIGEST), WORKFLOW, ACTIONS)
    assert isinstance(Verifier(offline=True).statement(bundle, TRUSTED), str), "the public one"


def _payload(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(statement_of("sha256:" + "cd" * 32)).decode()


def _log(bundle: dict[str, Any]) -> None:
    bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1700000000"


def _tree(bundle: dict[str, Any]) -> None:
    bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["rootHash"] = base64.b64encode(
        bytes(32)
    ).decode()


def _unlogged(bundle: dict[str, Any]) -> None:
    bundle["verificationMaterial"]["tlogEntries"] = []


@pytest.mark.parametrize("change", [_payload, _log, _tree, _unlogged])
def test_changed_bundle_is_refused(instance: Instance, verifier: Verifier, change: Any) -> None:
    bundle = json.loads(instance.sign(statement_of(DIGEST), WORKFLOW, ACTIONS))
    change(bundle)
    assert isinstance(verifier.statement(json.dumps(bundle).encode(), TRUSTED), str)


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[]", b"\xff", b'{"mediaType": "x"}'])
def test_invalid_bundles_are_refused(verifier: Verifier, bundle: bytes) -> None:
    found = verifier.statement(bundle, TRUSTED)
    assert isinstance(found, str)
    assert found.startswith("not a Sigstore bundle: ")


def test_invalid_statements_are_refused(instance: Instance, verifier: Verifier) -> None:
    found = verifier.statement(instance.sign(b"{}", WORKFLOW, ACTIONS, kind="text/plain"), TRUSTED)
    assert found == "it signs `text/plain`, not an in-toto statement"


def test_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.errors", None)
    with pytest.raises(RegistryError, match=r"need `sigstore`: install `wasmcp\[sigstore\]`"):
        Verifier(offline=True)


def test_invalid_root_of_trust_is_reported(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}")
    with pytest.raises(RegistryError, match=r"the root of trust `.*root\.json` cannot be read"):
        Verifier(tmp_path / "root.json")


def test_signing_without_an_identity_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_NAME", "")
    with pytest.raises(RegistryError, match="no identity for the signature was found"):
        signers.sign_as_identity(statement_of(DIGEST))
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "no.token.atall")
    with pytest.raises(RegistryError, match="signing by identity failed"):
        signers.sign_as_identity(statement_of(DIGEST))


def test_workflow_without_token_permission_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGSTORE_ID_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    with pytest.raises(RegistryError, match="signing by identity failed: GitHub: missing or insufficient"):
        signers.sign_as_identity(statement_of(DIGEST))


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("[policy.identities]\nacme = 1\n", "identities.acme` must be a list of tables"),
        ('[[policy.identities.acme]]\nidentity = "x"\n', "identities.acme` must be a list of tables"),
        ('[[policy.identities.acme]]\nidentity = "*"\nissuer = "x"\n', "identities.acme` must be a list of tables"),
        ("[policy]\ntrusted-root = 1\n", "trusted-root` must be a file"),
    ],
)
def test_policy_with_mistakes(policy: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespaces(monkeypatch, tmp_path, policy=policy)
    with pytest.raises(ConfigError, match=problem):
        namespace_policy.load()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def place(registry: str, instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """`acme:calc` in 1.0.0, not signed; the instance's root of trust is `root.json`."""
    monkeypatch.chdir(tmp_path)
    instance.trusted_root(tmp_path / "root.json")
    where = f"{registry}/i{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    namespaces(monkeypatch, tmp_path, acme=where)
    (tmp_path / "calc.wasm").write_bytes(tools_component("signed", "add"))
    return transfers.push(tmp_path / "calc.wasm", CALC, resolver()).place


def resolver() -> Resolver:
    return transfers.resolver_for(None)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == code, done.output
    return done.output


VERIFY = ["verify", CALC, "--identity", PATTERN, "--issuer", ACTIONS, "--trusted-root", "root.json"]


@needs_registry
def test_verify_command(place: Place, instance: Instance) -> None:
    assert "a signature is required, and it has none" in run(*VERIFY, code=1)
    stolen = instance.sign(statement_of(DIGEST), WORKFLOW, ACTIONS)
    manifests.add_referrer(place, stolen, signers.BUNDLE, resolver())
    assert "a statement is about another digest" in run(*VERIFY, code=1)
    other = instance.sign(statement_of(str(place.digest)), "ann@example.com", ACTIONS)
    manifests.add_referrer(place, other, signers.BUNDLE, resolver())
    assert "it is signed by `ann@example.com`" in run(*VERIFY, code=1)
    bundle = instance.sign(statement_of(str(place.digest)), WORKFLOW, ACTIONS)
    assert manifests.add_referrer(place, bundle, signers.BUNDLE, resolver()).startswith("sha256:")
    assert run(*VERIFY).endswith(f"is signed by {WORKFLOW} ({ACTIONS})\n")
    assert "--identity and --issuer must be given together" in run("verify", CALC, "--identity", PATTERN, code=2)


@needs_registry
@pytest.mark.parametrize("name", ["", "{place}", "{mirror}", "{other}"])
def test_statement_counts_only_for_the_signed_name(place: Place, instance: Instance, name: str) -> None:
    repository = f"{place.host}/{place.repository}"
    names = {"place": repository, "mirror": "mirror.example/calc", "other": "mirror.example/other"}
    statement = statement_of(str(place.digest), name.format(**names))
    manifests.add_referrer(place, instance.sign(statement, WORKFLOW, ACTIONS), signers.BUNDLE, resolver())
    by_place = ["verify", f"oci://{repository}:1.0.0", *VERIFY[2:]]
    if name in ("", "{place}"):
        assert "is signed by" in run(*by_place)
    else:
        assert f"it is signed as `{name.format(**names)}`, not as `{repository}`" in run(*by_place, code=1)
    # By its name it is the package whose title is in the manifest.
    assert "is signed by" in run(*VERIFY)
    resolver().client(place.host).push_manifest(place, "2.0.0", resolver().manifest(place, str(place.digest), ""))
    newer = ["verify", "acme:calc@2.0.0", *VERIFY[2:]]
    assert "it is signed as version `1.0.0`, and found as `2.0.0`" in run(*newer, code=1)


@needs_registry
def test_attestation_by_identity_is_verified(place: Place, instance: Instance) -> None:
    statement = {**json.loads(statement_of(str(place.digest))), "predicateType": "https://slsa.dev/provenance/v1"}
    bundle = instance.sign(json.dumps(statement).encode(), WORKFLOW, ACTIONS)
    manifests.add_referrer(place, bundle, signers.BUNDLE, resolver())
    assert json.loads(run(*VERIFY, "--attestation")) == statement
    assert "none of them for it" in run(*VERIFY, code=1), "an attestation does not count as a signature"


@needs_registry
def test_policy_is_enforced_also_offline(
    place: Place, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"{place.host}/{place.repository.rpartition('/')[0]}"
    policy = '[policy]\nrequire-signature = ["acme"]\ntrusted-root = "../../root.json"\n[[policy.identities.acme]]\n'
    namespaces(monkeypatch, tmp_path, policy=f'{policy}identity = "{PATTERN}"\nissuer = "{ACTIONS}"\n', acme=where)
    with pytest.raises(SignatureError, match="a signature is required, and it has none"):
        fetch(CALC)
    bundle = instance.sign(statement_of(str(place.digest)), WORKFLOW, ACTIONS)
    manifests.add_referrer(place, bundle, signers.BUNDLE, resolver())
    assert fetch(CALC).digest
    assert fetch(CALC, FetchOptions(offline=True)).digest
    assert "is signed by" in run("verify", CALC)


@needs_registry
def test_registry_with_the_referrers_api(
    place: Place, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[dict[str, Any]] = []

    def lists(method: str, path: str, answer: Answer) -> Answer:
        status, headers, body = answer
        if f"/referrers/{place.digest}" in path:
            return 200, {"Content-Type": INDEX}, json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
        if method == "PUT" and "/manifests/sha256:" in path:
            return status, {**headers, "OCI-Subject": str(place.digest)}, body
        return answer

    with proxy(place.host) as front:
        front.spoil = lists
        namespaces(monkeypatch, tmp_path, acme=f"{front.host}/{place.repository.rpartition('/')[0]}")
        near = Place(front.host, place.repository, digest=place.digest)
        bundle = instance.sign(statement_of(str(place.digest)), WORKFLOW, ACTIONS)
        digest = manifests.add_referrer(near, bundle, signers.BUNDLE, resolver())
        assert front.count(f"PUT /v2/{place.repository}/manifests/sha256-") == 0, "it needs no index of ours"
        listed.append({"digest": digest, "artifactType": signers.BUNDLE})
        assert list(manifests.read_referrers(near, signers.BUNDLE, resolver())) == [bundle]
        offline = Resolver(namespace_policy.load(), resolver().store, offline=True)
        assert list(manifests.read_referrers(near, signers.BUNDLE, offline)) == [bundle]
        listed[:] = [{"digest": digest, "artifactType": "text/plain"}, {"digest": "x"}]
        assert list(manifests.read_referrers(near, signers.BUNDLE, resolver())) == []


@needs_registry
@pytest.mark.parametrize("flags", [[], ["--key", "ann.key", "--keyless"]])
def test_sign_requires_a_key_or_an_identity(place: Place, flags: list[str]) -> None:
    assert "`--key FILE` or `--keyless`" in run("sign", CALC, *flags, code=2)


@needs_registry
def test_command_requires_an_identity(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_NAME", "")
    assert "no identity for the signature was found" in run("sign", CALC, "--keyless", code=1)
    Path("statement.json").write_bytes(statement_of(str(place.digest)))
    assert "no identity" in run("attest", CALC, "--keyless", "--statement", "statement.json", code=1)
    assert "no identity" in run("push", "calc.wasm", "acme:calc@2.0.0", "--sign-keyless", code=1)
