"""Seams of tests: no test sets, replaces or deletes a private attribute of other code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SETTERS = {"setattr", "delattr", "object", "patch"}
IN_TEXT = re.compile(r"\b(?!self\b|cls\b)\w+\._[a-z]\w* [-+|]?= ", re.IGNORECASE)


def is_private(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.startswith("_") and not last.startswith("__")


def private_names_set(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of each private attribute that code sets, also code in a string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for argument in node.args[:2] if function in SETTERS else ():
                name = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(name, str) and is_private(name):
                    yield node.lineno, name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and is_private(node.attr):
            if not isinstance(node.value, ast.Name) or node.value.id not in ("self", "cls"):
                yield node.lineno, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in IN_TEXT.finditer(node.value):
                yield node.lineno, found[0]


@pytest.mark.parametrize(
    "source",
    [
        "monkeypatch.setattr(pool, '_IDLE', 1)",
        "monkeypatch.setattr('wasmcp.host.pool._IDLE', 1)",
        "monkeypatch.setattr(\n    'wasmcp.host.pool._IDLE', 1\n)",
        "setattr(pool, '_IDLE', 1)",
        "mock.patch.object(pool, '_IDLE')",
        "pool._IDLE = 1",
        "pool._IDLE += 1",
        "server.pool._workers[0]._count = 1",
        "del pool._IDLE",
        "code = 'import pool; pool._IDLE = 1; run()'",
    ],
)
def test_private_names_are_found(source: str) -> None:
    assert [line for line, _ in private_names_set(source)] == [1]


@pytest.mark.parametrize(
    "source",
    [
        "self._count = 1",
        "monkeypatch.setattr(library, '__version__', '1')",
        "monkeypatch.setattr(pool, 'IDLE', 1)",
        "assert pool._IDLE == 1",
        "monkeypatch.setenv('_NAME', '1')",
    ],
)
def test_other_names_are_not(source: str) -> None:
    assert list(private_names_set(source)) == []


def test_no_test_sets_a_private_attribute() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for line, name in private_names_set(path.read_text("utf-8"))
    ]
    assert found == [], "a parameter or a public name is the seam"
