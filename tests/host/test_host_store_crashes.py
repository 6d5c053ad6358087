"""Values that were acknowledged survive crashes, full disks and damaged files, or the error names the problem.

The number of crashes is 30 for each store, and 1,000 with `WASMCP_SOAK` (`make soak`).
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.redis_servers import needs_redis, redis_server
from support.waiting import wait_without

from wasmcp.errors import HostError, StoreRequestError
from wasmcp.host.stores import redis_store
from wasmcp.host.stores.keyvalue import Store, increment, open_store

CRASHES = 1000 if "WASMCP_SOAK" in os.environ else 30
# Writes batches of two entries, swaps and counts until it is killed, and prints the number of each finished round.
WRITER = """\
import os, sys
from wasmcp.host.stores.keyvalue import increment, open_store
store, n = open_store(sys.argv[1]), int(sys.argv[2])
while True:
    n += 1
    store.put("b", {f"a{n % 50}": b"%d" % n, f"b{n % 50}": b"%d" % n})
    assert store.exchange("b", "swapped", store.get("b", ["swapped"]).get("swapped"), b"%d" % n)
    increment(store, "b", "count", 1, signed=True)
    os.write(1, b"%d\\n" % n)
"""


def check(store: Store, acknowledged: int) -> int:
    """Check the values after a crash; return the number of the last round of which something is stored."""
    names = [f"{letter}{n}" for n in range(50) for letter in "ab"]
    found = store.get("b", [*names, "swapped", "count"])
    pairs = [(int(found.get(f"a{n}", b"0")), int(found.get(f"b{n}", b"0"))) for n in range(50)]
    assert all(a == b for a, b in pairs), "a batch was written in part"
    newest = max(a for a, _ in pairs)
    assert acknowledged <= newest <= acknowledged + 1
    assert acknowledged <= int(found.get("swapped", b"0")) <= newest
    assert acknowledged <= int(found.get("count", b"0")) <= newest
    assert set(store.keys("b", None, 1000)) == found.keys()
    return newest


def test_killed_writers_of_a_file_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kv.db'}"
    store = open_store(url)
    chance = random.Random(1)  # noqa: S311
    last = 0
    for _ in range(CRASHES):
        with subprocess.Popen([sys.executable, "-c", WRITER, url, str(last)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            time.sleep(chance.uniform(0, 0.03))
            writer.kill()
            lines += writer.stdout.readlines()
        acknowledged = max(int(line) for line in lines if line.endswith(b"\n"))
        assert acknowledged > last
        last = check(store, acknowledged)
        # The interrupted round is finished, so that the next one begins with equal numbers.
        _finish(store, last)
    store.close()
    with sqlite3.connect(tmp_path / "kv.db") as direct:
        assert direct.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _finish(store: Store, last: int) -> None:
    for key in ("swapped", "count"):
        store.put("b", {key: b"%d" % last})


def _write(store: Store, progress: list[int]) -> None:
    """Write as `WRITER` until the store is away; `progress` has the number of the last finished round."""
    n = progress[0]
    try:
        while True:
            n += 1
            store.put("b", {f"a{n % 50}": b"%d" % n, f"b{n % 50}": b"%d" % n})
            assert store.exchange("b", "swapped", store.get("b", ["swapped"]).get("swapped"), b"%d" % n)
            increment(store, "b", "count", 1, signed=True)
            progress[0] = n
    except StoreRequestError:
        return


@needs_redis
def test_killed_redis_loses_nothing_that_was_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "PATIENCE", 0.05)
    chance = random.Random(2)  # noqa: S311
    # With `everysec` Redis answers before it has written, while its disk is busy.
    with redis_server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as redis:
        store = open_store(redis.url)
        last = 0
        for _ in range(CRASHES):
            progress = [last]
            writer = threading.Thread(target=_write, args=(store, progress))
            writer.start()
            time.sleep(chance.uniform(0.005, 0.03))
            redis.kill()
            writer.join()
            redis.start()
            after = open_store(redis.url)
            last = check(after, progress[0])
            _finish(after, last)
            after.close()
            wait_without(StoreRequestError, lambda: store.get("b", ["count"]))
        assert last > CRASHES
        store.close()


FULL = """\
import resource, sys
from wasmcp.errors import StoreRequestError
from wasmcp.host.stores.keyvalue import open_store
store = open_store(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
n = 0
try:
    while n < 1000:
        store.put("b", {f"{n:04}": b"x" * 20_000, f"{n:04}+": b"y" * 20_000})
        n += 1
except StoreRequestError as error:
    print(error)
assert len(store.keys("b", None, 5000)) == 2 * n
assert store.get("b", ["0000"]) == {"0000": b"x" * 20_000}
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.put("b", {"after": b"1"})
print(n, len(store.keys("b", None, 5000)))
"""


def test_full_disk_refuses_a_write_as_a_whole_and_keeps_the_others(tmp_path: Path) -> None:
    """With a limit on the size of files, where the system refuses to write more as on a full disk."""
    url = f"sqlite:{tmp_path / 'kv.db'}"
    done = subprocess.run([sys.executable, "-c", FULL, url], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    words, counts = done.stdout.splitlines()
    assert words.startswith("the store failed: d")  # `disk I/O error`, or `database or disk is full`
    assert str(tmp_path) not in words
    written, listed = map(int, counts.split())
    assert 1 <= written < 1000
    assert listed == 2 * written + 1


def test_file_that_is_no_database_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "kv.db").write_bytes(b"no database" * 1000)
    with pytest.raises(HostError, match=r"kv\.db` cannot be opened: file is not a database"):
        open_store(f"sqlite:{tmp_path / 'kv.db'}")
    assert (tmp_path / "kv.db").read_bytes() == b"no database" * 1000


def test_damaged_file_is_an_error_of_the_request(tmp_path: Path) -> None:
    path = tmp_path / "kv.db"
    store = open_store(f"sqlite:{path}")
    store.put("b", {f"{n:03}": b"x" * 2000 for n in range(500)})
    store.close()
    content = bytearray(path.read_bytes())
    chance = random.Random(3)  # noqa: S311
    for begin in range(4096 * 2, len(content), 4096):
        content[begin : begin + 512] = chance.randbytes(512)
    path.write_bytes(content)
    store = open_store(f"sqlite:{path}")
    with pytest.raises(StoreRequestError, match="the store failed: database disk image is malformed"):
        store.keys("b", None, 1000)
    with pytest.raises(StoreRequestError, match="the store failed: database disk image is malformed"):
        store.put("b", {f"{n:03}": b"y" for n in range(500)})
    store.close()
