"""Guards of the standard library; each test runs in its own interpreter, because guards cannot be removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wasmcp.guest.component import stdlib_guards
from wasmcp.guest.component.snapshot import descriptors, open_files


def run(code: str, folder: Path) -> list[str]:
    """Run code in a new interpreter with the guards installed; return its output lines."""
    head = "from wasmcp.guest.component import stdlib_guards as guards\nguards.install()\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "uri", "safe"),
    [
        (":memory:", False, True),
        ("", False, True),
        ("file::memory:", True, True),
        ("file:x?mode=memory&cache=shared", True, True),
        ("file:/x?vfs=memdb", True, True),
        ("file:x.db?immutable=1", True, True),
        ("file:x.db?mode=ro&immutable=true", True, True),
        ("x.db", False, False),
        ("x.db", True, False),
        ("file:x.db", True, False),
        ("file:x.db?mode=ro", True, False),
        ("file:x.db?nolock=1", True, False),
        ("file:x.db?vfs=unix-none", True, False),
        ("file:x.db?immutable=0&immutable=1", True, False),
        ("file:x.db?immutable=0", True, False),
        ("file:x.db?%69mmutable=1", True, False),
        ("file:x.db#?immutable=1", True, False),
        ("file:x.db?immutable=1", False, False),
        ("file::memory:", False, False),
    ],
)
def test_database_safety(name, uri, safe):
    assert stdlib_guards.is_safe(name, uri=uri) is safe


SQLITE = """
import pathlib
before = [path.name for path in pathlib.Path().iterdir()]
if GUARDED:
    guards.guard_sqlite()
import sqlite3, _sqlite3
from sqlite3 import connect
def tried(function, *arguments, **options):
    try:
        print(function(*arguments, **options) and "opened")
    except sqlite3.Error as error:
        print(type(error).__name__, str(error).partition(":")[0])
memory = connect(":memory:")
memory.execute("create table t(x)")
memory.execute("attach ':memory:' as other")
memory.commit()
memory.execute("vacuum")
tried(connect, "x.db")
tried(connect, pathlib.Path("x.db"))
tried(connect, b"x.db")
tried(connect, "file:x.db?mode=ro", uri=True)
tried(sqlite3.Connection, "x.db")
tried(_sqlite3.connect, "x.db")
tried(connect, "file:there.db?immutable=1", uri=True)
if GUARDED:
    tried(connect, "file:there.db?immutable=1")
    tried(memory.execute, "attach 'y.db' as y")
    tried(memory.execute, "attach ? as y", ("y.db",))
    tried(memory.execute, "vacuum into 'z.db'")
    memory.set_authorizer(lambda *_: 0)
    tried(memory.execute, "attach 'y.db' as y")
    tried(connect("file::memory:", uri=True).execute, "attach 'file:there.db?immutable=1' as there")
    if hasattr(memory, "deserialize"):
        memory.deserialize(memory.serialize())
print(sorted(path.name for path in pathlib.Path().iterdir() if path.name not in before))
"""


@pytest.fixture
def there(tmp_path: Path) -> Path:
    import sqlite3

    with sqlite3.connect(tmp_path / "there.db") as made:
        made.execute("create table t(x)")
    made.close()
    return tmp_path


def test_writable_database_file_is_refused(there):
    lines = run(SQLITE.replace("GUARDED", "True"), there)
    assert [line.partition("`")[0] for line in lines[:6]] == ["NotSupportedError "] * 6
    assert lines[0] == "NotSupportedError `x.db` is not opened"
    assert lines[6:] == [
        "opened",
        "NotSupportedError `file",
        "DatabaseError not authorized",
        "DatabaseError not authorized",
        "DatabaseError authorization denied",
        "DatabaseError not authorized",
        "opened",
        "[]",
    ]


def test_writable_database_file_is_refused_to_other_importers(there):
    lines = run(SQLITE.replace("GUARDED", "False"), there)
    assert all(line.startswith("NotSupportedError") for line in lines[:6])
    assert lines[6:] == ["opened", "[]"]


def test_sockets_are_refused_at_build_time(tmp_path):
    (tmp_path / "probing.py").write_text(
        "import socket\n"
        "def probe(what, *arguments):\n"
        "    try:\n"
        "        what(*arguments)\n"
        "    except OSError as error:\n"
        "        return str(error)\n"
        "FOUND = [probe(socket.socket), probe(socket.getaddrinfo, 'localhost', 80), probe(socket.gethostbyname, 'x')]\n"
    )
    lines = run(
        "import probing\n"
        "print(*[text.partition('] ')[2] for text in probing.FOUND], sep='\\n')\n"
        "print([line for file, line in guards.open_sockets() if file.endswith('probing.py')])\n"
        "import socket\n"
        "socket.socket().close()\n"
        "print('later')\n",
        tmp_path,
    )
    refused = "no socket can be opened while a component is built: open it inside a function"
    assert lines == [refused, refused, refused, "[4]", "later"]


def test_open_files_without_a_name_are_found(tmp_path):
    # This process can have many open files.
    before = descriptors(1 << 16)
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        assert f"file descriptor {number}" in open_files(before, 1 << 16)
    finally:
        os.close(number)
    assert f"file descriptor {number}" not in open_files(before, 1 << 16)


def test_link_to_the_outside_does_not_break_scandir(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "inside").symlink_to("file")
    (tmp_path / "outside").symlink_to("/elsewhere")

    class Outside:
        """A directory entry as WASI returns it."""

        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry = entry

        def is_dir(self, *, follow_symlinks: bool = True) -> bool:
            if follow_symlinks:
                raise PermissionError(63, "Operation not permitted")
            return False

        is_file = is_dir

        def __getattr__(self, name: str) -> object:
            return getattr(self._entry, name)

    entries = (Outside(entry) if entry.name == "outside" else entry for entry in os.scandir(tmp_path))
    with stdlib_guards.Scan(entries) as found:
        listed = {entry.name: entry for entry in found}
    assert {name: (entry.is_dir(), entry.is_file(), entry.is_symlink()) for name, entry in listed.items()} == {
        "file": (False, True, False),
        "inside": (False, True, True),
        "outside": (False, False, True),
    }
    assert all(isinstance(entry, os.DirEntry) and os.fspath(entry) == entry.path for entry in listed.values())
