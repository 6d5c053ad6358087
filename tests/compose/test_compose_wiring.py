from __future__ import annotations

import pytest
import wasmtime
from support.compose_inputs import METADATA, catalogue, probe, spec, tools_beside, validate

from wasmcp.compose import ComponentSpec, ComposedServer, compose_server
from wasmcp.errors import InvalidComponentError, InvalidComponentsError


def composed(imports: str, *grants: str) -> ComposedServer:
    data = tools_beside(f"(component {imports})", "a")
    server = compose_server([ComponentSpec("calc", data, catalogue("a"), frozenset(grants))], METADATA)
    validate(server.data, compiled=False)
    return server


class TestWasi:
    def test_unknown_interface_is_denied(self) -> None:
        server = composed("""
            (import "wasi:odd/thing@0.9.0" (instance
                (export "r" (type $r (sub resource)))
                (export "make" (func (result (own $r))))
                (export "[method]r.read" (func (param "self" (borrow $r)) (result (result (error string)))))))""")
        assert not [name for name in server.imports if "odd" in name]
        assert "denied to calc" in server.instances

    def test_denied_interface_can_use_types_of_a_granted_one(self) -> None:
        server = composed("""
            (import "wasi:io/poll@0.2.3" (instance $poll (export "pollable" (type (sub resource)))))
            (alias export $poll "pollable" (type $pollable))
            (import "wasi:sockets/use@0.2.3" (instance
                (alias outer 1 $pollable (type $pollable))
                (export "pollable" (type $p (eq $pollable)))
                (export "wait" (func (param "on" (list (borrow $p))) (result (option (own $p)))))))""")
        assert any(name.startswith("wasi:io/poll@") for name in server.imports)

    @pytest.mark.parametrize(
        ("interface", "grant"),
        [
            ("wasi:cli/environment@0.2.0", "env"),
            ("wasi:filesystem/preopens@0.2.0", "fs"),
            ("wasi:sockets/tcp@0.2.0", "sockets"),
            ("wasi:http/outgoing-handler@0.2.0", "http"),
            ("wasi:keyvalue/store@0.2.0-draft2", "kv"),
        ],
    )
    def test_each_grant(self, interface: str, grant: str) -> None:
        wanted = f'(import "{interface}" (instance (export "use" (func (result (list string))))))'
        assert interface not in composed(wanted).imports
        assert interface in composed(wanted, grant).imports
        others = {"env", "fs", "sockets", "http", "kv"} - {grant}
        assert interface not in composed(wanted, *others).imports

    @pytest.mark.parametrize(
        "interface", ["wasi:cli/environments@0.2.0", "wasi:filesystems/types@0.2.0", "wasi:ioo/x@0.2.0"]
    )
    def test_name_with_the_prefix_of_a_grant(self, interface: str) -> None:
        wanted = f'(import "{interface}" (instance (export "use" (func))))'
        assert interface not in composed(wanted, "env", "fs").imports

    def test_seeds_come_from_the_random_numbers_of_the_host(self) -> None:
        wanted = '(instance (export "insecure-seed" (func (result (tuple u64 u64)))))'
        specs = []
        for name, version in (("a", "0.2.0"), ("b", "0.2.6"), ("c", "0.2.12")):
            text = f'(component (import "wasi:random/insecure-seed@{version}" {wanted}))'
            specs.append(ComponentSpec(name, tools_beside(text, name), catalogue(name)))
        server = compose_server(specs, METADATA)
        validate(server.data, compiled=False)
        assert not [name for name in server.imports if "insecure-seed" in name]
        assert [name for name in server.imports if name.startswith("wasi:random/random@")]
        assert list(server.instances).count("insecure-seed") == 1
        assert "insecure-seed" not in compose_server([spec("calc", "1", "a")], METADATA).instances

    def test_equal_stubs_are_made_once(self) -> None:
        specs = [ComponentSpec(name, probe(), catalogue(f"tool-{name}")) for name in "abc"]
        labels = compose_server(specs, METADATA).instances
        assert len([label for label in labels if label.startswith("denied to")]) == 1

    def test_unknown_function_of_standard_output(self) -> None:
        with pytest.raises(
            InvalidComponentError, match=r"`wasi:cli/stdout@0\.2\.0` has a `other` that WASI 0\.2 does not"
        ):
            composed('(import "wasi:cli/stdout@0.2.0" (instance (export "other" (func))))')

    def test_types_too_large_to_be_denied(self) -> None:
        doubled = "\n".join(f"(type $t{n} (tuple $t{n - 1} $t{n - 1}))" for n in range(1, 14))
        functions = "\n".join(f'(export "f{n}" (func (param "it" $t13)))' for n in range(9))
        with pytest.raises(InvalidComponentError, match="cannot be denied: their types have more than"):
            composed(f'(import "wasi:odd/thing@0.2.0" (instance (type $t0 (tuple u8 u8)) {doubled} {functions}))')

    @pytest.mark.parametrize(
        "interface",
        [
            "wasi:io/secret@0.2.8",
            "wasi:clocks/timezone@0.2.3",
            "wasi:random/seeds@0.2.0",
            "wasi:http/types-extra@0.2.0",
        ],
    )
    def test_unknown_interface_of_a_basic_package_is_denied(self, interface: str) -> None:
        server = composed(f'(import "{interface}" (instance (export "use" (func (result string)))))')
        assert interface not in server.imports
        assert server.denied == {"calc": (interface,)}

    def test_unknown_interface_of_a_granted_family(self) -> None:
        server = composed('(import "wasi:filesystem/mounts@0.2.0" (instance (export "use" (func))))', "fs")
        assert not [name for name in server.imports if name.startswith("wasi:filesystem/")]
        assert server.denied == {"calc": ("wasi:filesystem/mounts@0.2.0",)}

    @pytest.mark.parametrize(
        ("interface", "what"),
        [
            ("wasi:io/poll@0.2.0-rc-2023-12-05", "a release candidate"),
            ("wasi:clocks/monotonic-clock@0.2.0-rc-2023-11-10", "a release candidate"),
            ("wasi:cli/stderr@0.2.0-rc-2023-12-05", "a release candidate"),
            ("wasi:cli/stdout@0.2.0-rc-2023-12-05", "a release candidate"),
            ("wasi:random/random@0.1.0", "another version"),
            ("wasi:io/error", "a name without a version"),
        ],
    )
    def test_unknown_wasi_version_is_refused(self, interface: str, what: str) -> None:
        with pytest.raises(InvalidComponentError) as caught:
            composed(f'(import "{interface}" (instance (export "use" (func))))')
        assert f"it imports `{interface}`, {what}; hosts have WASI 0.2" in str(caught.value)
        assert caught.value.interface == interface.partition("@")[0]

    def test_granted_unknown_wasi_version_is_refused(self) -> None:
        wanted = '(import "wasi:filesystem/preopens@0.2.0-rc-2023-12-05" (instance (export "use" (func))))'
        assert composed(wanted).denied == {"calc": ("fs",)}
        with pytest.raises(InvalidComponentError, match="a release candidate; hosts have WASI"):
            composed(wanted, "fs")
        wanted = '(import "wasi:keyvalue/store@0.2.0-draft9" (instance (export "use" (func))))'
        assert composed(wanted).denied == {"calc": ("kv",)}
        with pytest.raises(InvalidComponentError, match=r"hosts have 0\.2\.0-draft and 0\.2\.0-draft2"):
            composed(wanted, "kv")

    def test_denied_imports_are_reported(self) -> None:
        wanted = """
            (import "wasi:http/outgoing-handler@0.2.0" (instance (export "use" (func))))
            (import "wasi:cli/environment@0.2.0" (instance (export "use" (func))))
            (import "wasi:cli/stdin@0.2.0" (instance (export "use" (func))))
            (import "wasi:sockets/network@0.2.0" (instance (export "network" (type (sub resource)))))"""
        assert composed(wanted).denied == {"calc": ("env", "http")}
        assert composed(wanted, "http").denied == {"calc": ("env",)}
        assert composed(wanted, "http", "env").denied == {}


class TestOthers:
    def test_all_missing_imports_are_reported(self) -> None:
        wanted = """
            (import "acme:db/store@1.2.3" (instance (export "get" (func))))
            (import "helper" (func))
            (import "wasi:io/poll@0.2.0-rc-2023-12-05" (instance (export "use" (func))))
            (import "wasmcp:mcp-v20260728/sessions@9.0.0" (instance (export "get" (func))))"""
        with pytest.raises(InvalidComponentError) as caught:
            composed(wanted)
        message = str(caught.value)
        for words in (
            "4 of its imports are not provided",
            "  * it imports `acme:db/store@1.2.3`, which nothing in the server provides",
            "  * it imports `helper`, which nothing",
            "  * it imports `wasi:io/poll@0.2.0-rc-2023-12-05`, a release candidate",
            "  * it imports `wasmcp:mcp-v20260728/sessions@9.0.0`, but wasmcp provides version 0.1.0",
        ):
            assert words in message
        assert caught.value.interface == "acme:db/store"

    def test_all_components_are_reported(self) -> None:
        data = tools_beside('(component (import "helper" (func)))', "a")
        specs = [ComponentSpec("one", data, catalogue("a")), ComponentSpec("two", data, catalogue("b"))]
        with pytest.raises(InvalidComponentsError) as caught:
            compose_server(specs, METADATA)
        assert [error.component for error in caught.value.refused] == ["one", "two"]
        with pytest.raises(InvalidComponentsError) as caught:
            compose_server([ComponentSpec("one", b""), ComponentSpec("two", b"?")], METADATA)
        assert [error.component for error in caught.value.refused] == ["one", "two"]

    def test_list_of_provided_interfaces_is_complete(self) -> None:
        with pytest.raises(InvalidComponentError) as caught:
            composed('(import "helper" (func))')
        provided = str(caught.value).partition("provided are ")[2]
        for interface in ("messages", "server-handler", "config", "key-value", "sessions", "types", "key-value-types"):
            assert f"`{interface}`" in provided
        assert "`key-value` (grant `kv`)" in provided
        assert "`sessions` (grant `sessions`)" in provided
        assert "of `wasmcp:mcp-v20260728@0.1.0`, and the interfaces of WASI 0.2" in provided

    def test_a_plain_import(self) -> None:
        with pytest.raises(
            InvalidComponentError, match=r"imports `helper`, which nothing in the server provides"
        ) as caught:
            composed('(import "helper" (func))')
        assert (caught.value.component, caught.value.interface) == ("calc", "helper")

    def test_foreign_interface(self) -> None:
        with pytest.raises(InvalidComponentError, match=r"imports `acme:db/store@1\.2\.3`, which nothing") as caught:
            composed('(import "acme:db/store@1.2.3" (instance (export "get" (func))))')
        assert (caught.value.interface, caught.value.found) == ("acme:db/store", "1.2.3")

    def test_another_version_of_a_contract(self) -> None:
        contract = "wasmcp:mcp-v20260728/server-handler"
        with pytest.raises(InvalidComponentError, match=r"wasmcp provides version 0\.1\.0") as caught:
            composed(f'(import "{contract}@0.2.0" (instance (export "handle" (func))))')
        assert (caught.value.interface, caught.value.wanted, caught.value.found) == (contract, "0.1.0", "0.2.0")

    def test_wasi_3_is_refused_by_name(self) -> None:
        data = bytes(wasmtime.wat2wasm('(component (import "wasi:io/error@0.3.0" (instance)))'))
        with pytest.raises(
            InvalidComponentError, match=r"component `calc`: .*`wasi:io/error@0\.3\.0`: WASI 0\.3 is not"
        ):
            compose_server([ComponentSpec("calc", data)], METADATA)
