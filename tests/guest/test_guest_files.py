"""Files inside a Python component, compared with a real directory tree that has the same files."""

from __future__ import annotations

import errno
import glob
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from wasmcp.guest.files import Archive, FileFunctions, Tree, pack

ROOT = "/wasmcp-test-tree"
FILES = {
    "data/one.txt": b"one\r\ntwo\n",
    "data/deep/two.bin": bytes(range(256)),
    "data/deep/empty": b"",
    "package/templates/page.html": "<p>grüß</p>".encode(),
    "top.json": b"{}",
}


def stays_inside(probe: str) -> bool:
    """Return whether no prefix of a path leaves the directory that it starts in."""
    depth = 0
    for part in probe.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return True


NAMES = st.sampled_from(["a", "b", "c.txt", "\u00e4.json", ".hidden"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def without_conflicts(files: dict[str, bytes]) -> bool:
    return not any(one != other and other.startswith(f"{one}/") for one in files for other in files)


TREES = st.dictionaries(PATHS, st.binary(max_size=300), min_size=1, max_size=8).filter(without_conflicts)
PROBES = (
    st.lists(st.sampled_from(["a", "b", "c.txt", "\u00e4.json", ".hidden", "..", ".", "", "missing"]), max_size=5)
    .map("/".join)
    .filter(stays_inside)
)


@contextmanager
def installed(files: dict[str, bytes]) -> Iterator[Path]:
    """Provide the files below `ROOT`, which does not exist outside of the tree."""
    functions = FileFunctions(Tree(Archive(*pack({f"{ROOT}/{name}": data for name, data in files.items()}))))
    functions.install()
    try:
        yield Path(ROOT)
    finally:
        functions.remove()


@contextmanager
def written(files: dict[str, bytes]) -> Iterator[Path]:
    """Provide the files in a real directory."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "tree"
        root.mkdir()
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        yield root


def outcome(function: Callable[[], Any], root: Path) -> Any:
    """Return the result, or the type and number of the error, with the root replaced in paths."""
    try:
        found = function()
    except OSError as error:
        return type(error).__name__, errno.errorcode[error.errno or 0]
    except ValueError as error:
        return type(error).__name__, str(error)
    return replaced(found, str(root))


def replaced(found: Any, root: str) -> Any:
    if isinstance(found, (list, tuple)):
        return [replaced(each, root) for each in found]
    return found.replace(root, "ROOT") if isinstance(found, str) else found


def status(path: str, function: Callable[[str], os.stat_result]) -> Any:
    found = function(path)
    is_file = stat.S_ISREG(found.st_mode)
    return stat.S_IFMT(found.st_mode), found.st_size if is_file else None, found.st_nlink if is_file else None


def observations(root: Path, probe: str) -> list[Any]:
    """Return what the functions that take paths find below a root."""
    path = f"{root}/{probe}"

    def scanned() -> list[Any]:
        with os.scandir(path) as entries:
            return sorted(
                (each.name, each.path, each.is_dir(), each.is_file(), each.is_symlink(), each.stat().st_ino > 0)
                for each in entries
            )

    def walked() -> list[Any]:
        return sorted((at, sorted(folders), sorted(files)) for at, folders, files in os.walk(path))

    def content(mode: str, **options: Any) -> Any:
        with open(path, mode, **options) as file:
            return file.read()

    functions: list[Callable[[], Any]] = [
        lambda: status(path, os.stat),
        lambda: status(path, os.lstat),
        lambda: sorted(os.listdir(path)),
        lambda: sorted(os.listdir(os.fsencode(path))),
        scanned,
        walked,
        lambda: [os.path.exists(path), os.path.isfile(path), os.path.isdir(path), os.path.islink(path)],
        lambda: os.access(path, os.R_OK),
        lambda: os.access(path, os.F_OK),
        lambda: os.path.realpath(path),
        lambda: os.readlink(path),
        lambda: content("rb"),
        lambda: content("rb", buffering=0),
        lambda: content("r", encoding="latin-1"),
        lambda: content("r", encoding="latin-1", newline=""),
        lambda: content("r", encoding="latin-1", errors="replace", buffering=1),
        lambda: Path(path).read_bytes(),
        lambda: sorted(str(each) for each in Path(path).rglob("*.txt")),
        lambda: sorted(glob.glob(f"{glob.escape(path)}/**", recursive=True)),
        lambda: [Path(path).is_file(), Path(path).is_dir(), Path(path).exists()],
    ]
    return [outcome(function, root) for function in functions]


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(files=TREES, probes=st.lists(PROBES, min_size=1, max_size=4))
def test_functions_agree_with_a_real_tree(files, probes):
    every = [*files, *probes]
    with written(files) as root:
        expected = [observations(root, probe) for probe in every]
    with installed(files) as root:
        assert [observations(root, probe) for probe in every] == expected


@given(
    content=st.binary(max_size=50),
    steps=st.lists(
        st.tuples(st.sampled_from(["read", "seek", "end", "line", "peek", "into", "tell"]), st.integers(-3, 60)),
        max_size=8,
    ),
    buffering=st.sampled_from([-1, 0, 2, 7]),
)
def test_streams_agree_with_those_of_a_real_file(content, steps, buffering):
    def run(file: Any, step: str, number: int) -> Any:
        if step == "read":
            return file.read(number)
        if step == "seek":
            return file.seek(number)
        if step == "end":
            return file.seek(-number, os.SEEK_END)
        if step == "line":
            return file.readline()
        if step == "peek":
            return file.peek(1)[:1] if hasattr(file, "peek") else None
        if step == "into":
            buffer = bytearray(max(number, 0))
            return file.readinto(buffer), bytes(buffer)
        return file.tell()

    def results(root: Path) -> list[Any]:
        with open(root / "file", "rb", buffering) as file:
            about = [file.readable(), file.writable(), file.seekable(), file.isatty(), file.mode, file.closed]
            found = [outcome(lambda step=step, number=number: run(file, step, number), root) for step, number in steps]
            kind = "RawIOBase" if buffering == 0 else type(file).__name__
            assert isinstance(file, getattr(io, kind))
        return [*found, *about, kind, file.closed, outcome(lambda: file.read(1), root)]

    with written({"file": content}) as root:
        expected = results(root)
    with installed({"file": content}) as root:
        found = results(root)
    assert [each for each in found if not _is_position_error(each)] == [
        each for each in expected if not _is_position_error(each)
    ]


def _is_position_error(found: Any) -> bool:
    """Return whether a result is an error whose text depends on the class of the stream."""
    return isinstance(found, tuple) and found[0] == "ValueError"


MODES = ["r", "rb", "rt", "w", "wb", "a", "x", "xb", "r+", "rb+", "w+", "rw", "", "b", "z", "rbt", "rr", "U"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"encoding": "utf-8"}, {"newline": "bad"}, {"errors": "no"}, {"buffering": 0}])
def test_arguments_of_open_are_checked_as_usual(mode, options):
    def opened(root: Path) -> Any:
        with open(root / "top.json", mode, **options) as file:
            return [isinstance(file, kind) for kind in (io.RawIOBase, io.BufferedIOBase, io.TextIOBase)]

    with written(FILES) as root:
        expected = outcome(lambda: opened(root), root)
    with installed(FILES) as root:
        found = outcome(lambda: opened(root), root)
    if {*mode} & {*"wa+"} and not isinstance(expected, tuple):
        assert found == ("OSError", "EROFS")
    elif found != ("OSError", "EROFS"):  # which a real file reports after the checks of the text stream
        assert found == expected


def test_files_cannot_be_changed():
    changes: dict[str, Callable[[str, str], Any]] = {
        "write": lambda path, _: open(path, "w"),
        "append": lambda path, _: open(path, "a"),
        "update": lambda path, _: open(path, "r+"),
        "truncate": lambda path, _: os.truncate(path, 0),
        "remove": lambda path, _: os.remove(path),
        "unlink": lambda path, _: Path(path).unlink(),
        "rename": lambda path, other: os.rename(path, other),
        "replace": lambda path, other: os.replace(path, other),
        "utime": lambda path, _: os.utime(path),
        "chmod": lambda path, _: os.chmod(path, 0o600),
        "touch": lambda path, _: Path(path).touch(exist_ok=True),
        "descriptor": lambda path, _: os.open(path, os.O_RDWR),
    }
    with installed(FILES) as root:
        for name, change in changes.items():
            with pytest.raises(OSError) as caught:
                change(f"{root}/data/one.txt", f"{root}/data/other")
            assert caught.value.errno == errno.EROFS, name
        assert Path(root / "data/one.txt").read_bytes() == FILES["data/one.txt"]


def test_directories_cannot_get_files():
    creations: list[Callable[[str], Any]] = [
        lambda path: open(path, "w"),
        lambda path: open(path, "x"),
        lambda path: os.mkdir(path),
        lambda path: os.symlink("anything", path),
        lambda path: os.open(path, os.O_CREAT | os.O_WRONLY),
        lambda path: tempfile.mkdtemp(dir=os.path.dirname(path)),
    ]
    with installed(FILES) as root:
        for create in creations:
            with pytest.raises(OSError) as caught:
                create(f"{root}/data/new")
            assert caught.value.errno == errno.EROFS
        with pytest.raises(FileExistsError):
            os.mkdir(root / "data")
        os.makedirs(root / "data/deep", exist_ok=True)
        with pytest.raises(FileNotFoundError):
            os.remove(root / "data/missing")
        with pytest.raises(OSError, match="Read-only file system"):
            os.rename(root / "data", root / "other")


def test_missing_file_has_the_usual_error():
    with installed(FILES) as root:
        for function in (open, os.stat, os.lstat, os.listdir, os.scandir, os.readlink):  # the replaced ones
            with pytest.raises(FileNotFoundError) as caught:
                function(f"{root}/data/missing")
            assert caught.value.filename == f"{root}/data/missing"
        with pytest.raises(NotADirectoryError):
            open(root / "top.json" / "below")
        with pytest.raises(IsADirectoryError):
            open(root / "data")


def test_files_have_no_descriptor():
    with installed(FILES) as root:
        with open(root / "top.json") as file, pytest.raises(io.UnsupportedOperation):
            file.fileno()
        with pytest.raises(OSError) as caught:
            os.open(root / "top.json", os.O_RDONLY)
        assert caught.value.errno == errno.ENOTSUP


def test_status_identifies_files():
    with installed(FILES) as root:
        one, other = os.stat(root / "data/one.txt"), os.stat(root / "data/deep/empty")
        assert one.st_ino != other.st_ino
        assert os.path.samefile(root / "data/one.txt", root / "data/deep/../one.txt")
        assert [one.st_mtime, one.st_mtime_ns, one.st_atime_ns, stat.S_IMODE(one.st_mode)] == [0.0, 0, 0, 0o444]
        assert not os.access(root / "data/one.txt", os.W_OK)
        assert not os.access(root / "data", os.W_OK)
        [entry] = [each for each in os.scandir(root / "data") if each.name == "one.txt"]
        assert isinstance(entry, os.DirEntry)
        assert (os.fspath(entry), entry.inode()) == (f"{root}/data/one.txt", one.st_ino)


def test_relative_paths_start_at_the_current_directory(monkeypatch):
    monkeypatch.chdir("/")
    with installed(FILES):
        assert Path(f"{ROOT[1:]}/top.json").read_text() == "{}"
        assert ROOT[1:] in os.listdir()
        assert ROOT[1:] in [entry.name for entry in os.scandir()]


def test_real_files_stay_as_they_are(tmp_path):
    with installed(FILES):
        (tmp_path / "a").mkdir()
        (tmp_path / "a/file").write_text("text")
        (tmp_path / "a/file").rename(tmp_path / "b")
        assert (tmp_path / "b").read_text() == "text"
        with open(os.open(tmp_path / "b", os.O_RDONLY)) as file:
            assert file.read() == "text"
        shutil.copyfile(f"{ROOT}/data/one.txt", tmp_path / "copy")
        shutil.rmtree(tmp_path / "a")
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["b", "copy"]
        with pytest.raises(FileNotFoundError):
            os.stat(tmp_path / "a")
    assert not os.path.exists(ROOT)


def test_directory_that_also_exists_outside_has_the_names_of_both(tmp_path):
    (tmp_path / "both").mkdir()
    (tmp_path / "both/outside").write_text("outside")
    (tmp_path / "both/hidden").write_text("outside")
    functions = FileFunctions(Tree(Archive(*pack({f"{tmp_path}/both/{name}": b"inside" for name in ("hidden", "x")}))))
    functions.install()
    try:
        assert sorted(os.listdir(tmp_path / "both")) == ["hidden", "outside", "x"]
        assert sorted(entry.name for entry in os.scandir(tmp_path / "both")) == ["hidden", "outside", "x"]
        assert [path.read_text() for path in sorted((tmp_path / "both").iterdir())] == ["inside", "outside", "inside"]
        (tmp_path / "both/new").write_text("new")
        assert os.access(tmp_path / "both", os.W_OK)
        assert os.stat(tmp_path / "both").st_mtime > 0
    finally:
        functions.remove()


def test_removal_restores_every_function():
    names = ("stat", "lstat", "listdir", "scandir", "access", "open", "readlink", "remove", "mkdir")
    before = [getattr(os, name) for name in names]
    sets = [{*each} for each in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks)]
    with installed(FILES):
        assert not any(getattr(os, name) is function for name, function in zip(names, before, strict=True))
    assert [getattr(os, name) for name in names] == before
    assert [*sets] == [os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks]
    assert open is io.open


def test_equal_files_are_stored_once():
    content = os.urandom(1000)
    data, index = pack({"/a": content, "/b": content, "/c": b"other"})
    assert len(data) < 1200
    archive = Archive(data, index)
    assert [archive.read(path) for path in archive] == [content, content, b"other"]
    assert archive.begins_with("/c", b"oth")
    assert not archive.begins_with("/c", b"no")
