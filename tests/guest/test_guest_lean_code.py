"""Compiled code of a component, without columns and docstrings of libraries."""

from __future__ import annotations

import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from wasmcp.guest.component import lean_code
from wasmcp.guest.component.lean_code import UNDOCUMENTED, _lines_of

TEXT = (
    '''\
"""Module."""


class One:
    """Class."""

    def fail(self, values):
        """Function."""
        found = [
            1 / value
            for value in values
        ]
        return found


class Shared:
    """Text."""

    NAME = "Text."


def same():
    """The same."""
    return "The same."


def long(value):
    if value:
'''
    + "        value += 1\n" * 90
    + "    raise KeyError(value)\n"
)


@pytest.fixture(autouse=True)
def _removed():
    yield
    lean_code.remove()


def compiled(path: Path, name: str) -> CodeType:
    code: CodeType = SourceFileLoader(name, str(path)).source_to_code(path.read_bytes(), str(path))
    return code


def executed(code: CodeType) -> dict[str, object]:
    found: dict[str, object] = {"__name__": "lean"}
    exec(code, found)  # noqa: S102 - the text above
    return found


def every(code: CodeType) -> list[CodeType]:
    return [code, *(one for item in code.co_consts if isinstance(item, CodeType) for one in every(item))]


def places(error: BaseException) -> list[tuple[str, int | None]]:
    return [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)][1:]


def install(tmp_path: Path, documented=(), unchanged=()) -> None:
    lean_code.install(f"{tmp_path}/python/", f"{tmp_path}/0/", documented, unchanged)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "python" / "words.py"
    path.parent.mkdir()
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "argument"), [("long", 0), ("long", 1), ("fail", [1, 0])])
def test_tracebacks_have_the_same_lines(tmp_path, module, name, argument):
    usual = executed(compiled(module, "words"))
    install(tmp_path)
    lean = executed(compiled(module, "words"))

    def failure(found):
        function = found["One"]().fail if name == "fail" else found[name]
        with pytest.raises(Exception) as caught:
            function(argument)
        return places(caught.value)

    assert failure(lean) == failure(usual) != []


def test_every_instruction_has_its_line_and_no_column(tmp_path, module):
    usual = every(compiled(module, "words"))
    install(tmp_path)
    lean = every(compiled(module, "words"))
    for one, other in zip(usual, lean, strict=True):
        assert [place[0] for place in one.co_positions()] == [place[0] for place in other.co_positions()]
        assert {place[2] for place in other.co_positions()} == {None}
        assert len(other.co_linetable) < len(one.co_linetable)


def test_the_table_of_the_library_itself_is_valid():
    for code in every(compile(Path(traceback.__file__).read_bytes(), "traceback.py", "exec")):
        lean = code.replace(co_linetable=_lines_of(code))
        assert [place[0] for place in lean.co_positions()] == [place[0] for place in code.co_positions()]


def test_docstrings_of_libraries_are_dropped_and_constants_stay(tmp_path, module):
    install(tmp_path)
    found = executed(compiled(module, "words"))
    assert found.get("__doc__") is None
    assert found["One"].__doc__ is None
    assert found["Shared"].NAME == "Text."
    assert found["same"]() == "The same."


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older interpreters do not mark docstrings in the code")
def test_docstrings_of_functions_are_dropped(tmp_path, module):
    install(tmp_path)
    assert executed(compiled(module, "words"))["One"].fail.__doc__ is None


def test_docstrings_of_modules_that_the_author_imports_stay(tmp_path, module):
    install(tmp_path, documented=["words"])
    found = executed(compiled(module, "words"))
    assert (found["__doc__"], found["One"].__doc__, found["One"].fail.__doc__) == ("Module.", "Class.", "Function.")


@pytest.mark.parametrize(
    ("name", "documented"), [("pydantic/main.py", False), ("shop/main.py", True), ("h11.py", False)]
)
def test_docstrings_of_packages_stay_unless_nothing_reads_them(tmp_path, name, documented):
    path = tmp_path / "0" / name
    path.parent.mkdir(parents=True)
    path.write_text(TEXT, encoding="utf-8")
    install(tmp_path)
    found = executed(compiled(path, name.removesuffix(".py").replace("/", ".")))
    assert (found["One"].__doc__ == "Class.") is documented


def test_the_modules_of_the_author_are_compiled_as_usual(tmp_path, module):
    usual = compiled(module, "words")
    install(tmp_path, unchanged=[str(module)])
    assert compiled(module, "words") == usual


def test_the_loader_is_restored(module):
    before = SourceFileLoader.source_to_code
    install(module.parent)
    assert SourceFileLoader.source_to_code is not before
    lean_code.remove()
    assert SourceFileLoader.source_to_code is before


def test_no_bytecode_is_written_meanwhile(tmp_path, module, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    install(tmp_path)
    SourceFileLoader("words", str(module)).get_code("words")
    assert not list(module.parent.glob("__pycache__/*"))
    lean_code.remove()
    SourceFileLoader("words", str(module)).get_code("words")
    assert list(module.parent.glob("__pycache__/*"))


def test_functions_that_exist_lose_their_columns_and_keep_their_docstrings(tmp_path, module, monkeypatch):
    found = executed(compiled(module, "words"))
    method = found["One"].fail
    monkeypatch.setattr("gc.get_objects", lambda: [found["same"], method, "text"])
    install(tmp_path)
    lean_code.lean_functions()
    assert (found["same"](), found["same"].__doc__, method.__doc__) == ("The same.", "The same.", "Function.")
    codes = [one for function in (found["same"], method) for one in every(function.__code__)]
    assert {place[2] for code in codes for place in code.co_positions()} == {None}


def test_the_packages_are_names_of_top_level_modules():
    assert all(name.isidentifier() for name in UNDOCUMENTED)
