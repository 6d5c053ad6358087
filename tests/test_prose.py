"""Language of the project: the field's terms, in docstrings, comments, messages and documentation."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WIDTH = 120

INTERROGATIVE = re.compile(r"(What|Which|Who|Whose|Whom|Whether|How|Where|Why|When)\b")
IMPERATIVE_OF_A_VERB = re.compile(r"(Return|Get|Make|Check|Read|Write|Raise|Yield|Run|Find|Call)s?\b (?!-)")
ENTRY = re.compile(r"^\s+\*{0,2}\w+(?: \([^)]*\))?: (\w+)", re.MULTILINE)
TURNS = {
    "nobody": r"\bnobody\b",
    "somebody": r"\bsomebody\b",
    "whoever": r"\bwhoever\b",
    "told": r"\btold\b",
    "says": r"\b(?:says|said)\b",
    "asked": r"\b(?:asked|asks)\b",
    "taken back": r"\b(?:taken|takes?|taking) back\b",
    "is none": r"\b(?:is|are|was|be) (?-i:none)\b(?! of)",
    "none such": r"\bnone such\b",
    "is no": r"\b(?:is|are|was) no (?!longer|more|less|other|need|way|later|earlier|fewer|greater|larger)[a-z`]",
    "beside": r"\bbeside\b",
    "as it is": r"\bas it is\b",
    "door": r"\bdoors?\b",
    "for ever": r"\bfor ever\b",
    "in vain": r"\bin vain\b",
    "comes along": r"\b(?:comes?|came|coming) along\b",
    "takes part": r"\b(?:takes?|taking|took) part\b",
    "is not there": r"\b(?:is|are|was|were) not there\b",
    "is gone": r"\b(?:is|are|was|were) gone\b",
    "speaks": r"\b(?:speaks?|spoken|spoke)\b",
    "hears": r"\b(?:hears?|heard)\b",
    "given out": r"\b(?:given|gives?) out\b",
    "looks after": r"\blooks? after\b",
    "one's own": r"\bone's own\b",
}
"""Turns that readers cannot search for, and a pattern of each. `docs/reference/glossary.md` has the terms to use."""
PATTERNS = {turn: re.compile(pattern, re.IGNORECASE) for turn, pattern in TURNS.items()}
COMMENTS = {".zig": "//", ".ts": "//", ".mjs": "//", ".rs": "//", ".wit": "//"}


def tracked(*suffixes: str) -> list[Path]:
    """Files of the repository with these endings, without golden texts, the interfaces of WASI and this test."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.splitlines() if name.endswith(suffixes)]
    others = [path for path in paths if "golden" in path.parts or path.parent.name.startswith("wasi-")]
    return [path for path in paths if path.is_file() and path not in {*others, Path(__file__)}]


def python_prose(source: str) -> Iterator[tuple[int, str]]:
    """Lines of comments and string constants: docstrings and messages among them."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for offset, line in enumerate(node.value.split("\n")):
                yield node.lineno + offset, line


def markdown_prose(source: str) -> Iterator[tuple[int, str]]:
    """Lines of Markdown outside fenced code, without code spans."""
    fenced = False
    for number, line in enumerate(source.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line)


def comment_prose(source: str, mark: str) -> Iterator[tuple[int, str]]:
    """Comments of languages with comments to the end of the line; block comments of TypeScript among them.

    Fenced code and code spans in documentation comments are left out.
    """
    fenced = False
    for number, line in enumerate(source.split("\n"), 1):
        before, found, after = line.partition(mark)
        if found and after.lstrip("/! ").startswith("```"):
            fenced = not fenced
        elif found and not fenced and not before.rstrip().endswith(":"):  # not the slashes of a URL
            yield number, re.sub(r"`[^`]*`", "``", after)
        elif re.match(r"\s*/?\*", line):
            yield number, line


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of prose in a file, with their numbers."""
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        yield from python_prose(source)
    elif path.suffix == ".md":
        yield from markdown_prose(source)
    else:
        yield from comment_prose(source, COMMENTS[path.suffix])


def docstrings(path: Path) -> Iterator[tuple[int, ast.AST, str]]:
    """Docstrings of a module, its classes and functions, with their lines."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), node, text


def banned_turns() -> Iterator[tuple[Path, int, str]]:
    """Banned turns in prose."""
    for path in tracked(".py", ".md", *COMMENTS):
        for number, line in prose(path):
            for turn, pattern in PATTERNS.items():
                if pattern.search(line):
                    yield path, number, f"`{turn}`"


def interrogatives() -> Iterator[tuple[Path, int, str]]:
    """Docstrings, and entries of their sections, that open with an interrogative."""
    for path in tracked(".py"):
        for number, _node, text in docstrings(path):
            if INTERROGATIVE.match(text):
                yield path, number, f"docstring opens with `{text.split()[0]}`"
            for found in ENTRY.finditer(text):
                if INTERROGATIVE.fullmatch(found[1]):
                    yield path, number, f"entry opens with `{found[1]}`"
    for path in tracked(*COMMENTS):
        for number, line in prose(path):
            if INTERROGATIVE.match(line.lstrip("/!* ")) and line.lstrip().startswith(("/", "!")):
                yield path, number, "documentation comment opens with an interrogative"


def verbs_for_nouns() -> Iterator[tuple[Path, int, str]]:
    """Modules and classes whose docstring opens with a verb instead of a noun phrase."""
    for path in tracked(".py"):
        for number, node, text in docstrings(path):
            if isinstance(node, (ast.Module, ast.ClassDef)) and IMPERATIVE_OF_A_VERB.match(text):
                yield path, number, f"opens with `{text.split()[0]}`, not with a noun phrase"


def long_lines() -> Iterator[tuple[Path, int, str]]:
    """Lines of Zig and of Markdown's prose that are wider than `WIDTH`."""
    for path in tracked(".zig"):
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            if len(line) > WIDTH:
                yield path, number, f"{len(line)} columns"
    for path in tracked(".md"):
        for number, line in markdown_prose(path.read_text("utf-8")):
            if len(line) > WIDTH and not line.startswith(("|", "[")) and " " in line.strip()[:WIDTH]:
                yield path, number, f"{len(line)} columns"


CHECKS = {
    "banned turns": banned_turns,
    "interrogatives": interrogatives,
    "verbs for nouns": verbs_for_nouns,
    "long lines": long_lines,
}


@pytest.mark.parametrize("check", CHECKS)
def test_prose(check: str) -> None:
    found = [f"{path.relative_to(ROOT).as_posix()}:{number}: {problem}" for path, number, problem in CHECKS[check]()]
    assert not found, "\n".join(found)
