"""Signature policies against projects and references that could evade them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.registries import namespaces, needs_registry

from wasmcp.errors import IntegrityError, SignatureError
from wasmcp.registry import FetchOptions, lock
from wasmcp.registry.lock import Lock, Pin
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.names.namespace_policy import Policy, load, parse_settings
from wasmcp.registry.oci.references import Place
from wasmcp.registry.oci.transfers import fetch, resolver_for

NO_KEY = '[policy]\nrequire-signature = ["acme"]\n[policy.keys]\nacme = ["missing.pub"]\n'
KEYS = {name: (Path(f"{name}.pub"),) for name in ("acme", "free", "*")}


@pytest.fixture
def demanding(calc_registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A registry whose component is not signed, and a user who wants signatures of `acme`, which is there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    namespaces(monkeypatch, tmp_path, policy=NO_KEY, acme=f"{calc_registry}/t")
    return calc_registry


def project(folder: Path, tables: str) -> FetchOptions:
    root = folder / "project"
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(f"[tool.wasmcp]\n{tables}\n")
    return FetchOptions(root=root)


@needs_registry
@pytest.mark.parametrize(
    "spelling",
    [
        "{host}/t/calc:1.0.0",
        "localhost:{port}/t/calc:1.0.0",
        "LocalHost:0{port}/t/calc:1.0.0",
        "{host}/t/calc@{digest}",
    ],
)
def test_spelling_of_a_place_does_not_evade_a_policy(demanding: str, spelling: str) -> None:
    place = Place(demanding, "t/calc", "1.0.0")
    digest = resolver_for(None).resolve(place).artifact.digest
    reference = spelling.format(host=demanding, port=demanding.partition(":")[2], digest=digest)
    with pytest.raises(SignatureError, match="a signature is required, and it has none"):
        fetch(f"oci://{reference}")


@needs_registry
@pytest.mark.parametrize(
    ("tables", "reference"),
    [
        ("", "acme:calc@1.0.0"),
        ('namespaces.zzz = "{host}/t"', "zzz:calc@1.0.0"),
        ('namespaces.zzz = "{host}/t"', "acme:calc@1.0.0"),
        ('namespaces.zzz = "localhost:{port}/t"', "zzz:calc@1.0.0"),
        ('namespaces.acme = "elsewhere.example/x"', "oci://{host}/t/calc:1.0.0"),
        ('namespaces.acme = "elsewhere.example/x"\nnamespaces.b = "{host}"', "oci://{host}/t/calc:1.0.0"),
        ('namespaces.a = "{host}/t/c"', "oci://{host}/t/calc:1.0.0"),
        ("policy.require-signature = false", "acme:calc@1.0.0"),
        ('policy.require-signature = []\npolicy.keys.acme = ["mine.pub"]', "acme:calc@1.0.0"),
    ],
)
def test_project_does_not_disable_the_users_policy(demanding: str, tmp_path: Path, tables: str, reference: str) -> None:
    names = {"host": demanding, "port": demanding.partition(":")[2]}
    options = project(tmp_path, tables.format(**names))
    with pytest.raises(
        SignatureError, match=r"a signature is required, and it has none.*required by `.*wasmcp-python\.toml`"
    ):
        fetch(reference.format(**names), options)


@needs_registry
def test_namespace_moved_by_a_project_must_be_signed(
    demanding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespaces(monkeypatch, tmp_path, policy=NO_KEY, acme="registry.example.com/team")
    options = project(tmp_path, f'namespaces.acme = "{demanding}/t"')
    with pytest.raises(SignatureError, match="a signature is required, and it has none"):
        fetch("acme:calc@1.0.0", options)
    assert fetch(f"oci://{demanding}/t/calc:1.0.0", options).digest, "by its place it is in no namespace of the user"


@needs_registry
def test_lock_does_not_disable_a_policy(demanding: str, tmp_path: Path) -> None:
    """A project's author also writes its lock, whose places are checked by policies."""
    options = project(tmp_path, "")
    found = resolver_for(None).resolve(Place(demanding, "t/calc", "1.0.0"))
    digests = (found.artifact.digest, found.artifact.layer, found.artifact.size)
    source = f"oci://{demanding}/t/calc"
    assert options.root is not None
    lock.write(options.root, Lock((Pin("free:calc", "^1", "1.0.0", source, *digests),)))
    with pytest.raises(SignatureError):
        fetch("free:calc@^1", options)
    lock.write(options.root, Lock((Pin("oci://other.example/x", "1.0.0", "1.0.0", source, *digests),)))
    with pytest.raises(IntegrityError, match="the lock has another source"):
        fetch("oci://other.example/x:1.0.0", options)
    other = f"sha256:{'0' * 64}"
    lock.write(options.root, Lock((Pin(source, other, "", source, *digests),)))
    with pytest.raises(IntegrityError, match="the lock has `sha256:"):
        fetch(f"{source}@{other}", options)


@pytest.mark.parametrize(
    "url",
    [
        "http://{host}/t/calc.wasm",
        "http://{host}/v2/t/calc/blobs/sha256:00",
        "http://LOCALHOST:0{port}/t/calc.wasm",
        "http://[::1]:{port}/x",
        "https://localhost:{port}/x",
    ],
)
def test_addresses_at_the_host_of_a_signed_namespace_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    namespaces(monkeypatch, tmp_path, policy=NO_KEY, acme="127.0.0.1:5999/t", free="127.0.0.1:5998")
    with pytest.raises(SignatureError, match="which a plain address does not have"):
        fetch(url.format(host="127.0.0.1:5999", port="5999"))
    with pytest.raises(SignatureError, match="which a plain address does not have"):
        fetch(url.format(host="127.0.0.1:5999", port="5999"), project(tmp_path, 'namespaces.acme = "x.example/y"'))


def policy(required: set[str], keys: set[str], **bases: str) -> Policy:
    given = {name: KEYS[name] for name in keys}
    return Policy("p", frozenset(required), given, namespaces=bases)


def names(trusts: tuple[namespace_policy.Trust, ...]) -> list[str]:
    return [file.stem for trust in trusts for file in trust.keys]


def test_each_base_that_contains_a_place_applies() -> None:
    bases = {"acme": "r.example/team", "free": "r.example/team/calc", "other": "r.example/tea"}
    inside, below = Place("r.example", "team/x"), Place("r.example", "team/calc/x")
    strict = policy({"acme"}, {"acme", "free"}, **bases)
    assert names(strict.demands(below, None)) == ["acme"]
    assert names(strict.demands(below, "free")) == ["acme"]
    assert strict.demands(Place("r.example", "tea/x"), None) == ()
    assert names(policy({"acme", "free"}, {"acme", "free"}, **bases).demands(below, None)) == ["acme", "free"]
    everything = policy({"*"}, {"acme", "*"}, **bases)
    assert names(everything.demands(inside, None)) == ["acme"]
    assert names(everything.demands(Place("x.example", "y"), None)) == ["*"]
    assert names(everything.demands(Place("x.example", "y"), "acme")) == ["acme"]
    assert not policy({"acme"}, set(), **bases).demands(inside, None)[0], "required, without trusted signers"


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io:443", "Docker.IO"])
def test_names_of_docker_hub_are_one_place(host: str) -> None:
    found, _ = parse_settings({"namespaces": {"acme": f"{host}/team"}}, "f", Path(), "")
    assert found == {"acme": "docker.io/team"}


def test_each_policy_sees_its_own_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespaces(monkeypatch, tmp_path, acme="r.example/team", both="r.example/user")
    options = project(tmp_path, 'namespaces.both = "r.example/project"\nnamespaces.own = "r.example/own"')
    loaded = load(options.root)
    user, of_project = (dict(one.namespaces) for one in loaded.policies)
    assert user == {"wasmcp": "ghcr.io/wasmcp", "acme": "r.example/team", "both": "r.example/user"}
    assert of_project == loaded.namespaces == {**user, "both": "r.example/project", "own": "r.example/own"}
