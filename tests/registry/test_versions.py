"""Versions and ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.errors import InvalidReferenceError
from wasmcp.registry.oci.references import Package, Place, Range, Version, parse, parse_place


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


def test_order_follows_the_specification() -> None:
    # Semantic Versioning 2.0.0, section 11.
    ordered = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0"
    versions = [version(text) for text in ordered.split()]
    shuffled = versions[1::2] + versions[::2]
    assert sorted(shuffled) == versions
    assert not version("1.0.0+a") < version("1.0.0+b")


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "v1.2.3", "1.2.3.4", "1.2.3+"),
        *("1.2.٣", "1.2.1٣", "1.2.3\n", "1_0.2.3"),
    ],
)
def test_invalid_versions(text: str) -> None:
    assert Version.parse(text) is None


_word = st.from_regex(r"[a-z][a-z0-9-]{0,4}", fullmatch=True)
_number = st.integers(0, 9)
_version = st.builds(Version, st.tuples(_number, _number, _number), st.lists(_word, max_size=2).map(tuple), st.just(""))


@given(_version)
def test_version_round_trip(one: Version) -> None:
    assert Version.parse(str(one)) == one
    assert Version.of_tag(one.tag) == one
    assert Range.parse(f"={one}").contains(one)
    assert Range.parse(f"^{one}").contains(one)
    assert Range.parse(f"~{one}").contains(one)
    assert not Range.parse(f">{one}").contains(one)
    assert not Range.parse(f"<{one}").contains(one)


@given(_version, _version)
def test_caret_ranges_exclude_breaking_versions(low: Version, other: Version) -> None:
    place = next((index for index, number in enumerate(low.numbers) if number), 2)
    same = low.numbers[: place + 1] == other.numbers[: place + 1]
    visible = not other.prerelease or (low.prerelease and low.numbers == other.numbers)
    assert Range.parse(f"^{low}").contains(other) == bool(same and not other < low and visible)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2", "1.2.0 1.9.9", "1.1.9 2.0.0 2.0.0-alpha 1.3.0-alpha"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.0", "1.0.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("1", "1.0.0 1.9.0", "2.0.0 0.9.0"),
        ("1.2", "1.2.0 1.2.9", "1.3.0"),
        ("1.2.3", "1.2.3", "1.2.4"),
        (">1", "2.0.0", "1.9.9"),
        (">=1.2", "1.2.0", "1.1.9"),
        ("<=1", "1.9.9 0.1.0", "2.0.0"),
        ("<1.2", "1.1.9", "1.2.0 1.2.0-alpha"),
        (">=1, <1.5", "1.0.0 1.4.9", "1.5.0"),
        (">1.2.3-alpha", "1.2.3-beta 1.2.3 1.4.0", "1.2.3-alpha 1.4.0-beta"),
        ("*", "0.0.0 9.0.0", "1.0.0-a"),
        ("", "0.0.0 9.0.0", "1.0.0-a"),
    ],
)
def test_versions_in_ranges(text: str, inside: str, outside: str) -> None:
    chosen = Range.parse(text)
    assert [one for one in inside.split() if not chosen.contains(version(one))] == []
    assert [one for one in outside.split() if chosen.contains(version(one))] == []


@pytest.mark.parametrize("text", ["x", "^", "^x", "1.2.3.4", "^1 ^2", "!1", "1.*", "latest"])
def test_invalid_range(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="is not a version or a range"):
        Range.parse(text)


@pytest.mark.parametrize(
    "text",
    ["acme:calc", "acme:calc@^1.2", "my-ns:my-calc2@1.2.3-rc.1+linux", "acme:calc@>=1, <2"],
)
def test_package_references(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Package)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "oci://ghcr.io/acme/calc",
        "oci://localhost:5000/calc:latest",
        "oci://[::1]:5000/a/b_c/d--e:1.2.3_linux",
        f"oci://127.0.0.1/calc@sha256:{'a' * 64}",
        f"oci://example.com/calc:1@sha256:{'0' * 64}",
    ],
)
def test_place_references(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Place)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "calc",
        "acme:calc@",
        "acme:calc@ ",
        "Acme:calc",
        "acme:calc:x",
        "acme:-calc",
        "oci://",
        "oci://ghcr.io",
        "oci://ghcr.io/Acme/calc",
        "oci://ghcr.io/acme/../calc",
        "oci://user@ghcr.io/acme/calc",
        "oci://ghcr.io/acme/calc@sha256:123",
        "oci://ghcr.io/acme/calc:a/b",
        "oci://ghcr.io//calc",
        "oci://127.1:5000/acme/calc",
        "oci://0x7f000001/acme/calc",
        "oci://2130706433/acme/calc",
        "oci://ghcr.io:0/acme/calc",
        "oci://ghcr.io:70000/acme/calc",
    ],
)
def test_invalid_references(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse(text)


def test_package_is_not_a_place() -> None:
    with pytest.raises(InvalidReferenceError, match="`oci://` reference is needed"):
        parse_place("acme:calc")
