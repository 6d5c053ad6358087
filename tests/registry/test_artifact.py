"""Manifests with arbitrary content, as a registry could send them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.compose_inputs import tools_component

from wasmcp import apps_section
from wasmcp.errors import InvalidArtifactError, SignatureError
from wasmcp.registry.oci import manifests, transfers
from wasmcp.registry.oci.manifests import (
    APPS,
    CONFIG,
    LAYER,
    SIZE_LIMIT,
    SKILLS,
    YANKED,
    make_manifest,
    read_manifest,
    yanked_manifest,
)
from wasmcp.registry.oci.references import DIGEST, Place
from wasmcp.registry.signing import signatures
from wasmcp.registry.signing.signatures import Signature
from wasmcp.storage import digest_of_bytes

DATA = tools_component("one", "add")
_scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_json = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def manifest(**annotations: str) -> bytes:
    return make_manifest(DATA, annotations, "x")[1]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, one in items for inner in paths(one, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 100_000)
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArtifactError):  # the shortest manifest is longer than these
        read_manifest(data, "x")


@given(st.data())
def test_arbitrary_json_is_a_manifest_or_refused(data: st.DataObject) -> None:
    document = json.loads(manifest(a="b"))
    spoilt = changed(document, data.draw(st.sampled_from(paths(document))), data.draw(_json))
    with contextlib.suppress(InvalidArtifactError):
        found = read_manifest(json.dumps(spoilt).encode(), "x")
        assert DIGEST.fullmatch(found.layer)
        assert 0 <= found.size <= SIZE_LIMIT
        assert spoilt["schemaVersion"] == 2
        assert spoilt["config"]["mediaType"] == CONFIG
        assert [layer["mediaType"] for layer in spoilt["layers"]] == [LAYER]


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_written_manifests_are_read(annotations: dict[str, str]) -> None:
    data = manifest(x="y") if not annotations else make_manifest(DATA, annotations, "x")[1]
    found = read_manifest(data, "x")
    assert found.digest == digest_of_bytes(data)
    assert (found.layer, found.size) == (digest_of_bytes(DATA), len(DATA))
    assert annotations.items() <= found.annotations.items()
    withdrawn = yanked_manifest(data, "why")
    assert read_manifest(withdrawn, "x").yanked == "why"
    assert YANKED in json.loads(withdrawn)["annotations"]
    assert yanked_manifest(withdrawn, None) == data


@given(_json, _json)
def test_arbitrary_documents_are_not_signatures(payload: Any, envelope: Any) -> None:
    assert not Signature(json.dumps(payload).encode(), b"").names("sha256:1")
    assert not list(signatures._signed(json.dumps(envelope).encode(), []))


@given(st.binary(max_size=50) | _json.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"layers":[{"mediaType":"m","digest":"sha256:' + b"0" * 64 + b'","size":-1}]}')
def test_arbitrary_attached_documents(data: bytes) -> None:
    resolver = transfers.Resolver(
        transfers.namespace_policy.Settings({}), transfers.Store(Path("/nonexistent")), offline=True
    )
    resolver.manifest = lambda *_: data  # type: ignore[method-assign]
    with contextlib.suppress(SignatureError):
        assert list(manifests.read_layers(Place("localhost", "x"), "tag", "m", resolver)) == []


@pytest.mark.parametrize("epoch", ["0", "1700000000", "99999999999999999", "-1", "soon"])
def test_creation_date_is_that_of_the_sources(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    created = json.loads(make_manifest(DATA, {}, "x")[0])["created"]
    assert created == ("2023-11-14T22:13:20Z" if epoch == "1700000000" else "1970-01-01T00:00:00Z")


def test_a_manifest_names_the_apps_of_a_component() -> None:
    pages = [apps_section.AppPage(f"ui://one/{name}", {}, "<p>") for name in ("a", "b")]
    found = json.loads(make_manifest(DATA + apps_section.section(pages), {}, "x")[1])["annotations"]
    assert found[APPS] == "ui://one/a ui://one/b"
    assert SKILLS not in found
    assert APPS not in json.loads(manifest())["annotations"]
