from __future__ import annotations

from pathlib import Path

from wasmcp.package_data import ADAPTERS, BUILD_COMPONENTS, FRAMEWORK_COMPONENTS
from wasmcp.storage import digest_of_bytes, digest_of_file, digest_of_own_code, digest_of_value, digests_of_framework


def test_order_of_keys_does_not_change_the_digest() -> None:
    assert digest_of_value({"a": 1, "b": [2]}) == digest_of_value({"b": [2], "a": 1})
    assert digest_of_value({"a": 1}) != digest_of_value({"a": "1"})


def test_digest_of_a_file_equals_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert digest_of_file(tmp_path / "x") == digest_of_bytes(b"abc")
    assert digest_of_bytes(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_own_code_depends_on_the_parts() -> None:
    parts = {digest_of_own_code(*parts) for parts in (("errors",), ("errors", "package_data.py"), ("project",))}
    assert len(parts) == 3


def test_changed_adapter_changes_the_framework_digest() -> None:
    assert set(digests_of_framework()) == {*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS}
