"""Signatures that cannot be declared: refused before the compiler, with file, line and reason, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.errors import ToolchainError
from wasmcp.guest.declarations.registry import fresh_declarations
from wasmcp.guest.declarations.rules import collected
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.declaration_checks import invalid_signatures
from wasmcp.toolchains.python.modules import reachable
from wasmcp.toolchains.python.toolchain import check_modules, modules_of

IMPORTS = """\
from wasmcp.guest import completion, dynamic_tools, prompt, provider, resource, skill, tool
"""

INVALID = [
    ("@tool\ndef f(*xs: int): ...", ["line 3: tool `f`, parameter `xs`: `*xs` has no JSON Schema"]),
    ("@tool\nasync def f(**more): ...", ["line 3: tool `f`, parameter `more`: `**more` has no JSON Schema"]),
    ("@tool(input_schema={})\ndef f(*xs, **more): ...", ["line 3: tool `f`, parameter `xs`: `*xs` has no JSON Schema"]),
    (
        "@prompt()\ndef f(a,\n      b: str, c): ...",
        ["line 3: prompt `f`, parameter `a`", "line 4: prompt `f`, parameter `c`"],
    ),
    (
        "@resource('a://{b}')\ndef f(b): ...",
        ["line 3: resource `f`, parameter `b`: it has no annotation: a"],
    ),
    ("@skill\ndef f(b, /, *, c=1): ...", ["line 3: skill `f`, parameter `b`", "line 3: skill `f`, parameter `c`"]),
    (
        "@tool\ndef f() -> int:\n    yield 1",
        ["line 3: tool `f`: only a plain function that returns its result"],
    ),
    ("@tool\nasync def f() -> int:\n    x = (yield)", ["line 3: tool `f`: only a plain function"]),
    ("@tool\nclass F: ...", ["line 3: tool `F`: only a plain function"]),
    ("class F:\n    @tool\n    def f(self): ...", ["line 4: tool `F.f`, parameter `self`: it has no annotation"]),
    ("@dynamic_tools\ndef f(c): ...", ["line 3: source of tools `f`, parameter `c`: it has no annotation"]),
    ("@completion('p', 'a')\ndef f(value): ...", ["line 3: completion `f`, parameter `value`: it has no annotation"]),
    (
        "@provider\ndef f(): ...",
        ["line 3: provider `f`: its return annotation must be a class of your own"],
    ),
    ("@provider\ndef f(a) -> 'F': ...", ["line 3: provider `f`, parameter `a`: it has no provider"]),
    ("import wasmcp.guest as w\n@w.tool\ndef f(a): ...", ["line 4: tool `f`, parameter `a`"]),
]

VALID = [
    "@tool\ndef f(a: int, *, b: str = '') -> str: ...",
    "@tool(input_schema={'type': 'object'})\ndef f(a: int, **more) -> str: ...",
    "options = {}\n@tool(**options)\ndef f(**more) -> str: ...",
    "@tool\ndef f() -> str:\n    def inner():\n        yield 1\n    return str(lambda: (yield))",
    "def wraps(f): ...\n@tool\n@wraps\ndef f(a): ...",
    "def tool(f): ...\n@tool\ndef f(a): ...",
    "tool = print\n@tool\ndef f(a): ...",
    "if False:\n    @tool\n    def f(a): ...",
    "def register():\n    @tool\n    def f(a): ...",
    "class F:\n    class G: ...\ndef f(a, *b, **c): ...",
    "@provider\ndef f(a=1) -> 'F': ...",
]


def found(folder: Path, text: str, **others: str) -> list[str]:
    """Return the problems of a module without the ends of their reasons."""
    path = folder / "tools.py"
    path.write_text(text)
    for name, source in others.items():
        (folder / f"{name}.py").write_text(source)
    return [message for message, _ in invalid_signatures(reachable(path, [folder], folder), "tools")]


@pytest.mark.parametrize(("text", "expected"), INVALID)
def test_invalid_signature(tmp_path: Path, text: str, expected: list[str]) -> None:
    problems = found(tmp_path, IMPORTS + text)
    assert len(problems) == len(expected), problems
    for problem, beginning in zip(problems, expected, strict=True):
        assert problem.startswith(f"`tools.py`, {beginning}")


@pytest.mark.parametrize("text", [text for text, _ in INVALID])
def test_the_first_reason_is_that_of_the_declaration(tmp_path: Path, text: str) -> None:
    """A declaration that is executed has the same error, with the line of its decorator."""
    first = found(tmp_path, IMPORTS + text)[0].partition(": ")[2]
    with fresh_declarations(), collected() as errors:
        exec(compile(IMPORTS + text, "tools.py", "exec"), {"__name__": "tools", "F": Path})  # noqa: S102
    assert first in [str(error) for error in errors]


@pytest.mark.parametrize("text", VALID)
def test_valid_or_unknown_signature(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, IMPORTS + text) == []


def test_modules_that_may_not_be_imported_are_not_read(tmp_path: Path) -> None:
    wrong = f"{IMPORTS}@tool\ndef f(a): ...\n"
    text = "import sure\ntry:\n    import maybe\nexcept ImportError: ...\ndef f():\n    import later\n"
    problems = found(tmp_path, text, sure=wrong, maybe=wrong, later=wrong)
    assert [problem.partition(",")[0] for problem in problems] == ["`sure.py`"]


def test_all_problems_are_one_error_before_the_compiler(tmp_path: Path) -> None:
    text = f"{IMPORTS}import nowhere\n@tool\ndef f(a, *b): ...\n@tool\ndef g(**c): ...\n"
    (tmp_path / "tools_.py").write_text(text)
    source = ComponentSource("shop", tmp_path / "tools_.py", tmp_path)
    with pytest.raises(ToolchainError) as caught:
        check_modules(source, modules_of(source), None)
    lines = str(caught.value).splitlines()
    assert lines[0] == "`tools_.py` has 4 errors:"
    assert [line.partition(": ")[0] for line in lines[1:]] == [f"`tools_.py`, line {number}" for number in (2, 4, 4, 6)]
