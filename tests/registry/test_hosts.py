"""Spellings of registry hosts."""

from __future__ import annotations

import pytest

from wasmcp.registry.oci.references import Origin, api_host, is_loopback, normal_host, parse_place, same_place


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:5000", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:5000", "LOCALHOST", "[::FFFF:7F00:1]"],
)
def test_hosts_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["example.com", "localhost.example.com", "128.0.0.1:80", "[::2]:1", "127.0.0.1.nip.io", "10.0.0.1", "127.1", ""],
)
def test_hosts_of_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("Registry.Example.COM", "registry.example.com"),
        ("registry.example.com:443", "registry.example.com"),
        ("registry.example.com:0443", "registry.example.com"),
        ("registry.example.com:80", "registry.example.com:80"),
        ("LOCALHOST:05000", "localhost:5000"),
        ("localhost:443", "localhost:443"),
        ("[0:0:0:0:0:0:0:1]:5000", "[::1]:5000"),
        ("[::ffff:127.0.0.1]:5000", "127.0.0.1:5000"),
        ("docker.io", "docker.io"),
        ("Index.Docker.io", "docker.io"),
        ("registry-1.docker.io:443", "docker.io"),
        ("registry-1.docker.io:444", "registry-1.docker.io:444"),
    ],
)
def test_normal_form_of_a_host(host: str, normal: str) -> None:
    assert normal_host(host) == normal
    assert normal_host(normal) == normal
    assert parse_place(f"oci://{host}/team/calc").host == normal


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.0.0.1", "2130706433", "1.2.3.04", "a:0", "a:65536", "a:8²", "a b", "u@h", "a/b", ""]
)
def test_ambiguous_addresses_are_not_hosts(host: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (host|port)"):
        normal_host(host)


def test_policies_treat_all_names_of_this_machine_as_one_host() -> None:
    names = ["localhost", "127.0.0.1", "[::1]", "127.9.9.9", "[::]", "[::ffff:127.0.0.1]", "x.localhost"]
    names.append("0.0.0.0")  # noqa: S104 - nothing is bound
    assert {same_place(f"{name}:5000") for name in names} == {"localhost:5000"}
    assert {same_place(f"localhost{port}") for port in ("", ":80", ":443")} == {"localhost"}
    assert same_place("Registry.example.com:443") == "registry.example.com"


def test_docker_hub_is_requested_at_its_api_host() -> None:
    assert api_host(parse_place("oci://docker.io/team/calc").host) == "registry-1.docker.io"
    assert api_host("ghcr.io") == "ghcr.io"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Registry.Example.com:443/v2/", Origin("https", "registry.example.com", 443)),
        ("HTTPS://registry.example.com", Origin("https", "registry.example.com", 443)),
        ("http://localhost:0080/x", Origin("http", "localhost", 80)),
        ("https://[::1]:5000/", Origin("https", "[::1]", 5000)),
        ("https://registry.example.com./", Origin("https", "registry.example.com.", 443)),
    ],
)
def test_origins(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/x",
        "//host/x",
        "https:///x",
        "https://user:word@host/",
        "https://good\\@evil.example/",
        "https://good.example\t.evil.example/",
        "https://host:0/",
        "https://host:99999/",
        "https://ho st/",
        "",
    ],
)
def test_addresses_without_an_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        Origin.of(url)
