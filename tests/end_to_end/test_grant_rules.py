"""Rules of grants at run time: a component reaches exactly what they name, in this host and in stock wasmtime."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.server_processes import wasmtime_serve
from support.web_server import web_server
from support.zig_servers import granted_server

from wasmcp.host import Server, open_server
from wasmcp.host.stores.keyvalue import open_store

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
DENIED = "http_request_denied"
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as url:
        yield url.removeprefix("http://").rstrip("/")


@contextmanager
def running(path: Path, grants: Mapping[str, Any], **options: Any) -> Iterator[Call]:
    """Open a server with these grants; the function returns a tool's result, or its error's text."""
    with open_server(granted_server(path / "server.wasm", grants), instances=1, **options) as server:
        assert isinstance(server, Server)

        def call(name: str, /, **arguments: Any) -> Any:
            result = server.call_tool(name, arguments)
            if result.is_error:
                return {"error": result.content[0]["text"]}
            content = result.structured_content
            return None if content is None else content.get("result", content)

        yield call


def test_requests_reach_only_the_named_host(tmp_path: Path, web: str) -> None:
    with running(tmp_path, {"http": [f"http://{web}"]}) as call:
        assert call("send", authority=web) == "200"
        assert json.loads(call("fetch", url=f"http://{web}/a?b=1"))[:2] == ["GET", "/a?b=1"]
        name, _, port = web.partition(":")
        number = int.from_bytes(bytes(map(int, name.split("."))), "big")
        for same in (f"{number}", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", f"[::ffff:{name}]", "127.0x0001"):
            assert call("send", authority=f"{same}:{port}") == "200", same
        for other in (
            *("example.org", f"localhost:{port}", f"127.0.0.2:{port}", f"[::1]:{port}", "127.0.0.1", "127.0.0.1:1"),
            *(f"user@{web}", f"user:pw@{web}", f"{web}@example.org", f"127.0.0.1:{port}0", "127.0.0.1:0"),
        ):
            assert call("send", authority=other) in {DENIED, "authority"}, other
        for different in (
            {"scheme": "https"},
            {"scheme": "ftp"},
            {"scheme": None},
            {"authority": None},
            {"path": "@example.org/"},
            {"path": "*"},
            {"method": "CONNECT"},
            {"host": "example.org"},
        ):
            answer = call("send", **{"authority": web, **different})
            assert answer in {DENIED, "path", "scheme", "header"}, different
        assert "Denied" in str(call("fetch", url="http://example.org/"))
        assert call("send", authority=web, path=None) != DENIED


def test_a_redirect_leads_only_to_named_hosts(tmp_path: Path) -> None:
    """Redirects are followed by the libraries of the languages; each hop is a request of the component."""
    with web_server() as other, web_server(other) as own, running(tmp_path, {"http": [own]}) as call:
        web = own.removeprefix("http://")
        target = other.removeprefix("http://").rstrip("/")
        assert call("send", authority=web, path="/away") == "307"
        assert call("send", authority=target) == DENIED


def test_rules_name_methods_and_ports(tmp_path: Path, web: str) -> None:
    with running(tmp_path, {"http": [{"url": "http://127.0.0.1:*", "methods": ["GET"]}]}) as call:
        assert call("send", authority=web) == "200"
        assert call("send", authority=web, method="POST") == DENIED
        assert call("send", authority="127.0.0.1:1") != DENIED


def test_private_targets_are_denied_to_a_rule_for_every_public_host(tmp_path: Path, web: str) -> None:
    _, _, port = web.partition(":")
    with running(tmp_path, {"http": ["http://*:*", "https://*:*"]}) as call:
        for private in (
            *("127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "2130706433", "0x7f000001", "0", "[::1]", "[::]"),
            *("10.0.0.1", "192.168.1.1", "169.254.169.254", "172.16.0.1", "[fd00::1]", "[fe80::1]", "printer"),
            *("[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "metadata.google.internal", "a.local"),
        ):
            assert call("send", authority=f"{private}:{port}") == DENIED, private


def test_environment_holds_only_the_named_variables(tmp_path: Path) -> None:
    with running(tmp_path, {"env": ["TOKEN"]}, env={"TOKEN": "t", "TOKEN2": "u", "token": "v"}) as call:
        assert call("variable", name="TOKEN") == "t"
        assert [call("variable", name=name) for name in ("TOKEN2", "token", "")] == [None] * 3
        assert call("arguments") == 0


def test_buckets_and_keys_are_limited(tmp_path: Path) -> None:
    rules = [{"bucket": "", "prefix": "notes/"}, {"bucket": "", "prefix": "shared/", "access": "read"}]
    with running(tmp_path, {"kv": rules}) as call:
        assert call("keep", key="notes/a") is None
        assert call("kept", key="notes/a") == "value"
        assert call("keys") == ["notes/a"]
        assert call("keys", prefix="no") == ["notes/a"]
        assert call("kept", key="shared/a") is None
        reading = ["get", "exists", "get-many"]
        writing = ["set", "increment", "swap", "set-many", "delete-many", "delete"]
        assert call("operations", key="notes/b") == [*reading, *writing]
        assert call("operations", key="shared/a") == reading
        assert call("operations", key="other") == []
        for name, arguments in (
            ("keep", {"key": "shared/a"}),
            ("keep", {"key": "note"}),
            ("kept", {"key": ""}),
            ("keys", {"prefix": "x"}),
            ("keep", {"bucket": "other", "key": "notes/a"}),
        ):
            assert call(name, **arguments) == {"error": "AccessDenied"}, (name, arguments)
        assert call("explained", key="notes/a") == "kept"
        for place, rule in (
            ({"bucket": "other", "key": "a"}, '"bucket:other"'),
            ({"key": "other/b/c"}, '{ bucket = "", prefix = "other/b/" }'),
            ({"key": 'a"'}, '{ bucket = "", prefix = "a\\"" }'),
        ):
            assert call("explained", **place) == {"error": missing_rule(rule)}
        assert "1 to 1024" in call("explained", key="notes/" + "x" * 1024)["error"]


def missing_rule(rule: str) -> str:
    """Return the text of the guest libraries for a missing rule of `kv`, written as in the table."""
    advice = f"name it in the `grants` of its table: `grants = {{ kv = [{rule}] }}`"
    subject = rule.strip('"')
    return f"`kv` for `{subject}` is not granted to this component: {advice}"


def fill(database: Path, keys: Sequence[str]) -> str:
    """Write keys into the default bucket of a store, and return its URL."""
    url = f"sqlite:{database}"
    with closing(open_store(url)) as store:
        for start in range(0, len(keys), 500):
            store.put("", dict.fromkeys(keys[start : start + 500], b"x"))
    return url


OTHERS = [f"{place}{number:05}" for place in ("a", "b/", "m0/", "n/", "z") for number in range(1200)]


@pytest.mark.parametrize(
    ("own", "prefixes"),
    [
        ([f"a/{n:05}" for n in range(1500)] + [f"m/{n:05}" for n in range(1500)], ["a/", "m/"]),
        ([f"m/{n:05}" for n in range(1000)], ["m/"]),
        ([f"\u00e4/{n:05}" for n in range(1001)] + ["\u00e5/1"], ["\u00e4/", "\u00e5/"]),
        ([], ["m/"]),
    ],
    ids=["two prefixes", "one page", "not ascii", "none"],
)
def test_lists_neither_show_nor_count_the_keys_of_others(tmp_path: Path, own: list[str], prefixes: list[str]) -> None:
    rules = [{"bucket": "", "prefix": prefix} for prefix in prefixes]
    found = []
    for name, keys in (("shared", own + OTHERS), ("alone", own)):
        url = fill(tmp_path / f"{name}.db", keys)
        with running(tmp_path, {"kv": rules}, keyvalue=url) as call:
            found.append(call("pages"))
            for prefix in ("b/", "a0", "z", "m0", "m0/00001"):
                assert call("pages", prefix=prefix) == {"error": "AccessDenied"}, prefix
    shared, alone = found
    assert shared == alone
    assert shared["keys"] == own
    full, rest = divmod(len(own), 1000)
    assert shared["sizes"] == [1000] * full + ([rest] if rest or not full else [])


def test_cursors_of_limited_lists_are_those_of_one_list(tmp_path: Path) -> None:
    url = fill(tmp_path / "store.db", [f"m/{n:05}" for n in range(2500)] + OTHERS)
    with running(tmp_path, {"kv": [{"bucket": "", "prefix": "m/"}]}, keyvalue=url) as call:
        for cursor in ("0", "m/00999", "a00001", "999", "", "-1", "18446744073709551616"):
            assert call("pages", cursor=cursor) == {"error": "StoreFailed"}, cursor
        assert call("pages", other="m/0") == {"error": "StoreFailed"}
        assert len(call("pages", prefix="m/", delete=True)["keys"]) == 2500
        assert call("pages")["keys"] == [f"m/{n:05}" for n in range(2000, 2500)]


@pytest.fixture
def folders(tmp_path: Path) -> list[tuple[str, str, bool]]:
    """Directories of the operator, both for writing."""
    for name in ("one", "two"):
        (tmp_path / name / "below").mkdir(parents=True)
        for file in ("a", "b", "own", "below/deep"):
            (tmp_path / name / file).write_text(f"{name}/{file}")
    (tmp_path / "one" / "link").symlink_to("below")
    return [(str(tmp_path / name), f"/{name}", True) for name in ("one", "two")]


READING = {"stat", "stat at", "read", "read stream", "sync", "entry", "same"}
ABOVE = {"unlink above", "stat above", "stat absolute", "open above", "symlink out"}


def test_a_directory_for_reading_cannot_be_changed(tmp_path: Path, folders: list[tuple[str, str, bool]]) -> None:
    grants = {"fs": ["/one", {"path": "/two", "access": "write"}]}
    with running(tmp_path, grants, directories=folders) as call:
        outcomes = {one["name"]: one["result"] for one in call("change", path="/one", other="/two")}
        assert outcomes.pop("flags") == "read"
        assert {name for name, result in outcomes.items() if result == "done"} == READING, outcomes
        assert {result for name, result in outcomes.items() if name not in READING} == {"not_permitted"}, outcomes
        assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["a", "b", "below", "link", "own"]
        assert (tmp_path / "one/a").read_text() == "one/a"
        assert [path.name for path in (tmp_path / "one/below").iterdir()] == ["deep"]
        assert not {"linked", "renamed"} & {path.name for path in (tmp_path / "two").iterdir()}


def test_a_directory_for_writing_can_be_changed(tmp_path: Path, folders: list[tuple[str, str, bool]]) -> None:
    grants = {"fs": [{"path": "/one", "access": "write"}, {"path": "/two", "access": "write"}]}
    with running(tmp_path, grants, directories=folders) as call:
        outcomes = {one["name"]: one["result"] for one in call("change", path="/one", other="/two")}
    with running(tmp_path, {"fs": True}, directories=folders) as call:
        for name in ("one", "two"):
            for file in ("a", "b", "own"):
                (tmp_path / name / file).write_text(f"{name}/{file}")
        for name in ("one/new", "one/newer", "one/symlink", "one/below/new", "one/came", "one/linked here"):
            (tmp_path / name).unlink(missing_ok=True)
        for name in ("two/linked", "two/renamed"):
            (tmp_path / name).unlink(missing_ok=True)
        whole = {one["name"]: one["result"] for one in call("change", path="/one", other="/two")}
    assert {name for name, result in outcomes.items() if result != whole[name]} <= ABOVE, (outcomes, whole)
    assert {outcomes[name] for name in ABOVE} == {"not_permitted"}


def test_only_the_named_directories_are_there(tmp_path: Path, folders: list[tuple[str, str, bool]]) -> None:
    with running(tmp_path, {"fs": ["/two"]}, directories=folders) as call:
        assert call("directories") == ["/two"]
        assert call("read", directory="/two", path="a") == "two/a"
        for outside in ("../one/a", "/one/a", "below/../../one/a"):
            assert call("read", directory="/two", path=outside) == "not_permitted"


def test_a_part_of_a_directory_of_the_operator(tmp_path: Path, folders: list[tuple[str, str, bool]]) -> None:
    with running(tmp_path, {"fs": ["/one/below", "/one/link", "/one/missing"]}, directories=folders) as call:
        assert call("directories") == ["/one/below"]
        assert call("read", directory="/one/below", path="deep") == "one/below/deep"
        assert call("read", directory="/one/below", path="../a") == "not_permitted"
    with running(tmp_path, {"fs": ["/"]}, directories=folders) as call:
        assert call("directories") == ["/one", "/two"]


def test_a_path_is_in_the_nearest_directory_of_the_operator(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    for depth, place in enumerate(("x", "x/y", "x/y/z")):
        for name in names:
            folder = tmp_path / str(depth) / ("y/z/", "z/", "")[depth] / name
            folder.mkdir(parents=True)
            (folder / "file").write_text(f"{place} {name}")
    mounted = [(str(tmp_path / str(n)), guest, False) for n, guest in enumerate(("/x", "/x/y", "/x/y/z"))]
    for directories in (mounted, mounted[::-1]):
        with running(tmp_path, {"fs": [f"/x/y/z/{name}" for name in names]}, directories=directories) as call:
            assert call("directories") == [f"/x/y/z/{name}" for name in names]
            for name in names:
                assert call("read", directory=f"/x/y/z/{name}", path="file") == f"x/y/z {name}"


def test_nothing_is_granted_by_default(tmp_path: Path, web: str, folders: list[tuple[str, str, bool]]) -> None:
    with running(tmp_path, {}, env={"TOKEN": "t"}, directories=folders) as call:
        assert call("directories") == []
        assert call("send", authority=web) == DENIED
        assert call("variable", name="TOKEN") is None
        assert call("keep", key="a") == {"error": "AccessDenied"}


@contextmanager
def stock(server: Path, *options: str) -> Iterator[Call]:
    """Run a server under stock `wasmtime serve`; the function returns a tool's result, or its error's text."""
    with wasmtime_serve(server, *options) as port, closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:

        def call(name: str, /, **arguments: Any) -> Any:
            params = {"name": name, "arguments": arguments, "_meta": META}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "tools/call",
                "mcp-name": name,
            }
            connection.request("POST", "/mcp", json.dumps(message), headers)
            result = json.loads(connection.getresponse().read())["result"]
            if result.get("isError"):
                return {"error": result["content"][0]["text"]}
            return result.get("structuredContent", {}).get("result")

        yield call


def test_guards_hold_in_stock_wasmtime(tmp_path: Path, web: str) -> None:
    grants = {"http": [f"http://{web}"], "env": ["TOKEN"]}
    server = granted_server(tmp_path / "server.wasm", grants)
    with stock(server, "-Scli", "--env", "TOKEN=t", "--env", "OTHER=o") as call:
        assert call("send", authority=web) == "200"
        assert call("send", authority="localhost:" + web.partition(":")[2]) == DENIED
        assert call("variable", name="TOKEN") == "t"
        assert call("variable", name="OTHER") is None


def test_guards_of_values_and_files_hold_in_stock_wasmtime(
    tmp_path: Path, folders: list[tuple[str, str, bool]]
) -> None:
    rules = [{"bucket": "", "prefix": "notes/"}, {"bucket": "", "prefix": "shared/", "access": "read"}]
    server = granted_server(tmp_path / "server.wasm", {"kv": rules, "fs": ["/one"]}, keyvalue="0.2.0-draft")
    given = [f"--dir={host}::{guest}" for host, guest, _ in folders]
    data = [f"-Skeyvalue-in-memory-data={key}=x" for key in ("notes/b", "shared/a", "secret")]
    with stock(server, "-Scli", "-Skeyvalue", *data, *given) as call:
        reading = ["get", "exists", "get-many"]
        assert call("operations", key="shared/a") == reading
        assert call("operations", key="secret") == []
        assert set(call("operations", key="notes/b")) >= {*reading, "set", "delete"}
        assert sorted(call("keys")) == ["notes/b", "shared/a"]
        assert call("keys", prefix="sec") == {"error": "AccessDenied"}
        assert call("keep", key="shared/a") == {"error": "AccessDenied"}
        assert call("directories") == ["/one"]
        assert call("read", directory="/one", path="a") == "one/a"
        outcomes = {one["name"]: one["result"] for one in call("change", path="/one", other="/one")}
        assert outcomes.pop("flags") == "read"
        assert {name for name, result in outcomes.items() if result == "done"} <= READING, outcomes
        assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["a", "b", "below", "link", "own"]
        assert (tmp_path / "one/a").read_text() == "one/a"
        assert "error" in call("read", directory="/two", path="a")
