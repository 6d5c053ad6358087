"""Recipes of the guide "Database", in a composed server. Slow: it has Python components."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from support.projects import write_project

from wasmcp.host import open_server

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).parents[2] / "docs/guides/database.md").read_text("utf-8")
RECIPES = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
FACTS = '''\
import sqlite3
from contextlib import closing

from wasmcp.guest import tool


@tool
def facts(name: str) -> dict[str, str]:
    """Execute statements, and try to open a file for writing."""
    statements = {
        "wal": "pragma journal_mode=wal",
        "fts5": "create virtual table words using fts5(text)",
        "rtree": "create virtual table boxes using rtree(id, x0, x1)",
        "local": "select datetime('now', 'localtime')",
        "json": "select json_extract('[1, 2]', '$[1]')",
        "window": "select sum(x) over (order by x) from (select 1 as x)",
        "returning": "insert into strict_table values (1) returning x",
        "common": "with t(x) as (select 3) select x from t",
        "function": "select twice(4)",
        "load": "select load_extension('x')",
        "attach": "attach '/data/other.db' as other",
        "vacuum": "vacuum into '/data/other.db'",
    }
    found = {}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("create table strict_table(x integer) strict")
        connection.create_function("twice", 1, lambda x: 2 * x)
        for key, statement in statements.items():
            try:
                found[key] = str(connection.execute(statement).fetchone()[0])
            except sqlite3.Error as error:
                found[key] = f"{type(error).__name__}: {error}"
        with closing(sqlite3.connect(":memory:")) as other:
            connection.backup(other)
            found["backup"] = str(other.execute("select count(*) from strict_table").fetchone()[0])
    for key, file in {"plain": name, "read-only": f"file:{name}?mode=ro"}.items():
        try:
            sqlite3.connect(file, uri=True)
            found[key] = "opened"
        except sqlite3.Error as error:
            found[key] = type(error).__name__
    return found
'''
PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"

[tool.hatch.build.targets.wheel]
packages = ["src/shop"]

[tool.wasmcp.components.recipes]
source = "src/shop/tools.py"
grants = ["kv", "fs"]
files = ["src/shop/data/goods.db"]

[tool.wasmcp.servers.default]
components = ["recipes"]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with closing(sqlite3.connect(folder / "archive.db")) as made:
        made.executescript("create table articles(title); insert into articles values ('Zig'), ('Ada')")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory, data):
    from wasmcp.project import ensure_built

    files = {f"src/shop/recipe{number}.py": text for number, text in enumerate(RECIPES)}
    imported = [f"from shop import recipe{number}" for number in range(len(RECIPES))]
    root = write_project(
        tmp_path_factory.mktemp("database"),
        {
            "pyproject.toml": PYPROJECT,
            "src/shop/__init__.py": "",
            "src/shop/tools.py": "\n".join([FACTS, *imported]),
            "src/shop/data/readme.txt": "",
            **files,
        },
    )
    with closing(sqlite3.connect(root / "src/shop/data/goods.db")) as made:
        made.executescript("create table goods(name, price); insert into goods values ('apple', 3)")
    with open_server(ensure_built(root), directories=[(str(data), "/data", False)], keyvalue="memory:") as server:
        yield server


def call(server, tool, /, **arguments):
    found = server.call_tool(tool, arguments)
    assert not found.is_error, found
    return found.structured_content


def test_database_in_the_key_value_store_loses_nothing(server):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: call(server, "add", text=f"note {number}"), range(12)))
    assert sorted(call(server, "search", word="note")["result"]) == sorted(f"note {number}" for number in range(12))
    assert call(server, "search", word="11") == {"result": ["note 11"]}


def test_packed_database_is_queried(server):
    assert call(server, "price", name="apple") == {"result": 3}
    assert call(server, "price", name="pear") == {"result": None}


def test_immutable_file_is_read_from_a_read_only_folder(server, data):
    assert call(server, "titles") == {"result": ["Ada", "Zig"]}
    assert [path.name for path in data.iterdir()] == ["archive.db"]


def test_facts_of_the_guide(server):
    found = call(server, "facts", name="/data/archive.db")
    assert {key: value.partition(":")[0] for key, value in found.items()} == {
        "wal": "memory",
        "fts5": "OperationalError",
        "rtree": "OperationalError",
        "local": "None",
        "json": "2",
        "window": "1",
        "returning": "1",
        "common": "3",
        "function": "8",
        "load": "OperationalError",
        "attach": "DatabaseError",
        "vacuum": "DatabaseError",
        "backup": "1",
        "plain": "NotSupportedError",
        "read-only": "NotSupportedError",
    }
