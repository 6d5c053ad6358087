"""The store in a real Redis server: lost connections, crashes, TLS, passwords, prefixes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conversations import INITIALIZE, call
from support.redis_servers import Redis, needs_redis, redis_server
from support.server_processes import WASMCP, free_port
from support.signing_keys import self_signed_certificate
from support.waiting import wait_without
from support.zig_servers import keeping_server

from wasmcp.errors import HostError, StoreRequestError
from wasmcp.host.stores.keyvalue import increment, open_store
from wasmcp.host.stores.redis_store import Address, RedisStore, with_prefix


class TestUrls:
    def test_parts(self) -> None:
        found = Address.parse("rediss://me:p%40ss@cache.test:7000/3?prefix=notes&timeout=0.5&ca=/ca.pem")
        assert found == Address("cache.test", 7000, 3, "me", "p@ss", True, "notes", 0.5, "/ca.pem")
        assert Address.parse("redis://[::1]").shown == "redis://[::1]:6379/0"
        assert found.shown == "rediss://cache.test:7000/3"

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("redis:", "it must be `redis://"),
            ("redis:///0", "it must be"),
            ("redis://h:port", "it must be"),
            ("redis://h/notes", "it must be"),
            ("redis://h/0#x", "it must be"),
            ("redis://[h", "it must be"),
            ("redis://h?prefx=a", "the option `prefx` is unknown; options are prefix, timeout, ca"),
            ("redis://h?timeout=0", "`timeout` must be seconds from 0.1 to 60"),
            ("redis://h?timeout=nan", "`timeout` must be seconds"),
            ("redis://h?prefix=", "`prefix` must have 1 to 256 bytes"),
            ("redis://h?ca=/ca.pem", "`ca` is for TLS"),
        ],
    )
    def test_mistakes(self, url: str, words: str) -> None:
        with pytest.raises(HostError) as found:
            open_store(url)
        assert words in str(found.value)

    @pytest.mark.parametrize(
        "url", ["redis://me:pass/word?#@1@h:x", "redis://me:secret@h?nothing=1", "postgres://a:secret@h"]
    )
    def test_errors_have_no_password(self, url: str) -> None:
        with pytest.raises(HostError) as found:
            open_store(url)
        assert not any(part in str(found.value) for part in ("secret", "pass", "word"))

    def test_prefix_is_the_name_of_the_server_unless_given(self) -> None:
        assert with_prefix("redis://h", "my notes") == "redis://h?prefix=my%20notes"
        assert with_prefix("redis://h?timeout=1", "notes") == "redis://h?timeout=1&prefix=notes"
        assert with_prefix("redis://h?prefix=a", "notes") == "redis://h?prefix=a"
        assert with_prefix("memory:", "notes") == "memory:"


def test_store_without_server_is_an_error_without_secrets() -> None:
    before = time.monotonic()
    with pytest.raises(HostError) as found:
        RedisStore(f"redis://me:secret@127.0.0.1:{free_port()}?timeout=1")
    assert "cannot be used" in str(found.value)
    assert "secret" not in str(found.value)
    assert time.monotonic() - before < 60


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@needs_redis
class TestStore:
    def test_entries(self, redis: Redis) -> None:
        store = open_store(f"{redis.url}?prefix=entries")
        store.put("b", {"\u00e9": b"\x00\xff", "a": b"", "\U0001f600": b"x" * (1 << 20), "\ue000": b"1"})
        assert store.get("b", ["a", "\u00e9", "none"]) == {"a": b"", "\u00e9": b"\x00\xff"}
        assert store.keys("b", None, 9) == sorted(["\u00e9", "a", "\U0001f600", "\ue000"])
        assert store.keys("b", "a", 1) == ["\u00e9"]
        assert store.keys("other", None, 9) == []
        store.delete("b", ["a", "none"])
        assert store.get("b", ["a"]) == {}
        assert store.get("b", []) == {}
        assert store.keys("b", None, 1) == ["\u00e9"]
        store.put("b", {})
        store.close()

    def test_exchange(self, redis: Redis) -> None:
        store = open_store(f"{redis.url}?prefix=exchange")
        assert store.exchange("b", "k", b"x", b"1") is False
        assert store.exchange("b", "k", None, b"") is True
        assert store.exchange("b", "k", None, b"2") is False
        assert store.exchange("b", "k", b"", b"2") is True
        assert store.get("b", ["k"]) == {"k": b"2"}
        assert store.keys("b", None, 9) == ["k"]
        store.close()

    def test_servers_with_different_prefixes_have_different_values(self, redis: Redis) -> None:
        first, second = (open_store(with_prefix(redis.url, name)) for name in ("one", "two"))
        first.put("b", {"k": b"1"})
        assert second.get("b", ["k"]) == {}
        assert second.keys("b", None, 9) == []
        first.close()
        second.close()

    def test_two_writers_on_one_counter(self, redis: Redis) -> None:
        url = f"{redis.url}?prefix=counter"
        script = (
            "from wasmcp.host.stores.keyvalue import increment, open_store\n"
            f"store = open_store({url!r})\n"
            "for _ in range(300): increment(store, 'b', 'n', 1, signed=True)"
        )
        writers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
        assert [writer.wait(120) for writer in writers] == [0, 0]
        store = open_store(url)
        assert increment(store, "b", "n", 0, signed=True) == 600
        store.close()

    def test_batches_are_seen_whole_or_not_at_all(self, redis: Redis) -> None:
        store = open_store(f"{redis.url}?prefix=batches")
        names = [f"k{n}" for n in range(50)]
        stop = threading.Event()

        def write() -> None:
            value = 0
            while not stop.is_set():
                value += 1
                store.put("b", dict.fromkeys(names, b"%d" % value))

        writer = threading.Thread(target=write)
        store.put("b", dict.fromkeys(names, b"0"))
        writer.start()
        try:
            seen = [set(store.get("b", names).values()) for _ in range(200)]
        finally:
            stop.set()
            writer.join()
            store.close()
        assert {len(values) for values in seen} == {1}

    def test_error_of_redis_reaches_the_component_in_its_words(self, redis: Redis) -> None:
        import redis as library

        direct = library.Redis(port=redis.port)
        direct.set("wrong:values:b", "no hash")
        store = open_store(f"{redis.url}?prefix=wrong")
        with pytest.raises(StoreRequestError, match=r"the store failed: .*wrong kind of value"):
            store.get("b", ["k"])
        assert store.get("another", ["k"]) == {}
        store.close()
        direct.close()


@needs_redis
def test_full_memory_refuses_writes_as_a_whole(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as redis:
        store = open_store(redis.url)
        store.put("b", {"small": b"1"})

        def fill() -> None:
            for n in range(100):
                store.put("b", {f"{n}-{m}": b"x" * 50_000 for m in range(4)})

        with pytest.raises(StoreRequestError, match=r"(?i)memory"):
            fill()
        listed = store.keys("b", None, 1000)
        assert "small" in listed
        assert (len(listed) - 1) % 4 == 0
        assert sorted(store.get("b", listed)) == listed
        store.delete("b", listed[:-1])
        store.put("b", {"again": b"1"})
        store.close()


@needs_redis
def test_password_and_rights(tmp_path: Path) -> None:
    rights = ["--user", "default", "off", "--user", "me", "on", ">" + "secret1", "~mine:*", "+@all"]
    with redis_server(tmp_path, *rights) as redis:
        address = f"127.0.0.1:{redis.port}"
        store = open_store(f"redis://me:secret1@{address}?prefix=mine")
        store.put("b", {"k": b"1"})
        store.close()
        for url in (
            redis.url,
            f"redis://me:secret2@{address}?prefix=mine",
            f"redis://me:secret1@{address}?prefix=other",
        ):
            with pytest.raises(HostError) as found:
                open_store(url)
            assert f"`redis://{address}/0` cannot be used: " in str(found.value)
            assert "secret" not in str(found.value)


@needs_redis
def test_tls_verifies_the_certificate(tmp_path: Path) -> None:
    crt, key = self_signed_certificate(tmp_path)
    files = ["--tls-cert-file", str(crt), "--tls-key-file", str(key), "--tls-ca-cert-file", str(crt)]
    with redis_server(tmp_path / "redis", *files, "--tls-auth-clients", "no", tls=True) as redis:
        store = open_store(f"{redis.url}?ca={crt}")
        store.put("b", {"k": b"1"})
        assert store.get("b", ["k"]) == {"k": b"1"}
        store.close()
        with pytest.raises(HostError, match=r"(?i)certificate"):
            open_store(redis.url)
        with pytest.raises(HostError, match="does not exist"):
            open_store(f"{redis.url}?ca={tmp_path}/none.pem")


@needs_redis
def test_stopped_and_started_again(tmp_path: Path) -> None:
    states: list[bool] = []
    with redis_server(tmp_path, "--appendonly", "yes") as redis:
        store = open_store(f"{redis.url}?timeout=1", lambda reachable, _url, _reason: states.append(reachable))
        store.put("b", {"k": b"1"})
        redis.kill()
        with pytest.raises(StoreRequestError) as found:
            store.get("b", ["k"])
        assert str(found.value) == "the store cannot be reached at present"
        before = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreRequestError):
                store.put("b", {"k": b"2"})
        assert time.monotonic() - before < 19  # most of them fail at once
        redis.start()
        assert wait_without(StoreRequestError, lambda: store.get("b", ["k"])) == {"k": b"1"}
        store.put("b", {"k": b"2"})
        store.close()
    assert states == [False, True]


@needs_redis
def test_restart_between_two_requests_is_not_noticed(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--appendonly", "yes") as redis:
        store = open_store(redis.url)
        for value in (b"1", b"2", b"3"):
            store.put("b", {"k": value})
            redis.kill()
            redis.start()
            assert store.get("b", ["k"]) == {"k": value}
            redis.kill()
            redis.start()
        store.close()


@needs_redis
def test_server_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        store = open_store(f"{redis.url}?timeout=0.3")
        store.put("b", {"k": b"1"})
        redis.signal(signal.SIGSTOP)
        with pytest.raises(StoreRequestError, match="may have been written or not"):
            store.put("b", {"k": b"2"})
        with pytest.raises(StoreRequestError, match="cannot be reached"):
            store.get("b", ["k"])
        redis.signal(signal.SIGCONT)
        wait_without(StoreRequestError, lambda: store.put("b", {"k": b"3"}))
        assert store.get("b", ["k"]) == {"k": b"3"}
        store.close()


@needs_redis
def test_command_reads_the_url_from_the_environment(tmp_path: Path) -> None:
    """A password in the environment is not in the list of processes."""
    server = keeping_server(tmp_path / "keeper.wasm", "kv")
    count = call(on="kv", do="increment", bucket="b", key="visits")
    lines = "".join(f"{json.dumps(message)}\n" for message in (INITIALIZE, count))
    with redis_server(tmp_path / "redis", "--requirepass", "secret") as redis:
        url = f"redis://:secret@127.0.0.1:{redis.port}"

        def run(store: str, *options: str) -> subprocess.CompletedProcess[str]:
            command = [*WASMCP, "run", str(server), *options]
            environment = {**os.environ, "WASMCP_KEYVALUE": store}
            return subprocess.run(
                command, check=False, input=lines, capture_output=True, text=True, env=environment, timeout=120
            )

        assert [run(url).stdout.splitlines()[1].count(f'"text":"{n}"') for n in (1, 2)] == [1, 1]
        assert '"text":"1"' in run(url, "--keyvalue", "memory:").stdout
        failed = run(url.replace("secret", "another"))
        assert failed.returncode == 1
        assert f"`redis://127.0.0.1:{redis.port}/0` cannot be used: " in failed.stderr
        assert "another" not in failed.stderr
        import redis as library

        direct = library.Redis(port=redis.port, password="secret")  # noqa: S106
        assert direct.hget("keeper:values:b", "visits") == b"2"
        direct.close()
