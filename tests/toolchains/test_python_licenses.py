"""Texts of the licences of packages: found in wheels, kept in components, read in servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, uleb128
from wasmcp.component.custom_sections import LICENSES, custom_section, license_section, license_texts, strip
from wasmcp.toolchains.base import Distribution
from wasmcp.toolchains.python import dependencies

MIT = {"pkg:pypi/fast@1.0": {"licenses/LICENSE": "Permission is hereby granted, “free” of charge"}}
BSD = {"pkg:pypi/slow@2": {"LICENSE.txt": "Redistribution"}}


def nested(*components: bytes) -> bytes:
    return COMPONENT_PREAMBLE + b"".join(b"\4" + uleb128(len(one)) + one for one in components)


def distribution(name: str, version: str = "1.0") -> Distribution:
    return Distribution(name, version, f"{name}.whl", "sha256:" + "0" * 64)


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    for name, content in {
        "fast_core-1.0.dist-info/licenses/LICENSE": b"MIT\r\n",
        "fast_core-1.0.dist-info/licenses/vendor/zlib/COPYING": "Gailly \xa9".encode("latin-1"),
        "fast_core-1.0.dist-info/METADATA": b"Name: fast-core",
        "old-1.0.dist-info/LICENSE.txt": b"BSD",
        "old-1.0.dist-info/NOTICE": b"Ours",
        "old-1.0.dist-info/AUTHORS.rst": b"\0\1",
        "old-1.0.dist-info/top_level.txt": b"old",
        "none-1.0.dist-info/METADATA": b"Name: none",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_licence_files_of_wheels(fetched):
    packages = [distribution(name) for name in ("fast-core", "old", "none", "missing")]
    assert dependencies.license_texts(fetched, packages) == {
        "pkg:pypi/fast-core@1.0": {"licenses/LICENSE": "MIT\n", "licenses/vendor/zlib/COPYING": "Gailly \ufffd"},
        "pkg:pypi/old@1.0": {"LICENSE.txt": "BSD", "NOTICE": "Ours"},
    }


def test_a_large_file_is_cut(fetched):
    (file,) = fetched.glob("old-1.0.dist-info/LICENSE.txt")
    file.write_text("BSD" * (100 << 10))
    found = dependencies.license_texts(fetched, [distribution("old")])
    assert found["pkg:pypi/old@1.0"]["LICENSE.txt"] == ("BSD" * (100 << 10))[: 256 << 10]


def test_a_server_has_the_texts_of_its_components():
    one, other = (COMPONENT_PREAMBLE + license_section(texts) for texts in (MIT, BSD))
    assert license_texts(one) == MIT
    assert license_texts(nested(nested(one), other)) == {**MIT, **BSD}
    assert license_texts(strip(nested(one))) == MIT


def test_no_texts_need_no_section():
    assert license_section({}) == license_section({"pkg:pypi/none@1.0": {}}) == b""


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": 1}', b'{"a": {"b": 1}}', b"\xff", b"[" * 100_000])
def test_a_malformed_section_is_ignored(content):
    found = license_texts(nested(COMPONENT_PREAMBLE + custom_section(LICENSES, content)))
    assert not any(found.values())


def test_damage_ends_the_search(tmp_path):
    whole = COMPONENT_PREAMBLE + license_section(MIT)
    assert license_texts(whole + b"\0\xff") == MIT
    assert license_texts(b"\0asm\1\0\0\0") == license_texts(b"") == {}
