"""Files of packages and of the author in calls of a composed server. Slow: it has a Python component."""

from __future__ import annotations

import json

import pytest
from support.projects import write_project

from wasmcp.host import open_server

pytestmark = pytest.mark.slow

TOOLS = '''\
"""Tools that read files."""

import importlib.metadata
import importlib.resources
import json
import os
import pkgutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import certifi
import jinja2
from wasmcp.guest import tool

HERE = Path(__file__).parent
PAGES = jinja2.Environment(loader=jinja2.PackageLoader("shop"), autoescape=True)
AT_IMPORT = json.loads((HERE / "data/goods.json").read_text())


@tool
def read() -> dict[str, object]:
    """Read files in all ways."""
    with importlib.resources.as_file(importlib.resources.files("shop") / "data/goods.json") as path:
        copied = path.read_text()
    return {
        "at import": AT_IMPORT,
        "pathlib": (HERE / "data/goods.json").read_text(),
        "open": open(os.path.join(os.path.dirname(__file__), "data", "goods.json"), "rb").read().decode(),
        "resources": importlib.resources.files("shop").joinpath("data/deep/note.txt").read_text(),
        "as_file": copied,
        "pkgutil": (pkgutil.get_data("shop", "data/goods.json") or b"").decode(),
        "iterdir": sorted(each.name for each in importlib.resources.files("shop").iterdir()),
        "rglob": sorted(each.name for each in HERE.rglob("*.txt")),
        "walk": [names for _, _, names in os.walk(HERE / "data")],
        "above": Path(__file__).parents[2].joinpath("queries/all.sql").read_text(),
        "certifi": "BEGIN CERTIFICATE" in Path(certifi.where()).read_text() and certifi.contents()[:1] != "",
        "template": PAGES.get_template("page.html").render(name="<you>"),
        "templates": PAGES.list_templates(),
        "version": importlib.metadata.version("jinja2").partition(".")[0],
        "zone": datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")).isoformat(),
        "zones": len(available_timezones()) > 300,
    }


@tool
def database() -> list[object]:
    """Query the packaged database in memory."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize((HERE / "data/goods.db").read_bytes())
        return connection.execute("select name from goods").fetchall()


@tool
def refused() -> list[object]:
    """Change files, and read missing ones; return the names of the errors."""
    import errno

    found = []
    for change in (
        lambda: (HERE / "data/goods.json").write_text("x"),
        lambda: (HERE / "data/new.json").write_text("x"),
        lambda: (HERE / "data/goods.json").unlink(),
        lambda: (HERE / "data/folder").mkdir(),
        lambda: (HERE / "data/missing.json").read_text(),
        lambda: (HERE / "missing/missing.json").read_text(),
        lambda: os.listdir(HERE / "missing"),
    ):
        try:
            change()
        except OSError as error:
            found.append(errno.errorcode[error.errno])
    return found


@tool
def granted() -> str:
    """Write and read a file of the granted directory."""
    path = Path("/notes/one.txt")
    path.write_text("kept")
    path.rename("/notes/two.txt")
    return " ".join([Path("/notes/two.txt").read_text(), *os.listdir("/notes"), str(path.exists())])
'''
PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"

[tool.hatch.build.targets.wheel]
packages = ["src/shop"]

[tool.wasmcp.components.files]
source = "src/shop/tools.py"
grants = ["fs"]
dependencies = ["jinja2>=3,<4", "certifi"]
build-from-source = ["markupsafe"]
files = ["src/shop/data/**", "src/shop/templates/*.html", "queries/*.sql"]

[tool.wasmcp.servers.default]
components = ["files"]
"""
GOODS = '{"apple": 3}'


@pytest.fixture(scope="session")
def files_project(tmp_path_factory):
    """The project of a component with files."""
    import sqlite3
    from contextlib import closing

    root = write_project(
        tmp_path_factory.mktemp("files"),
        {
            "pyproject.toml": PYPROJECT,
            "src/shop/__init__.py": "",
            "src/shop/tools.py": TOOLS,
            "src/shop/data/goods.json": GOODS,
            "src/shop/data/deep/note.txt": "note",
            "src/shop/templates/page.html": "<b>{{ name }}</b>",
            "queries/all.sql": "select 1",
        },
    )
    with closing(sqlite3.connect(root / "src/shop/data/goods.db")) as made:
        made.executescript("create table goods(name); insert into goods values ('apple')")
    return root


@pytest.fixture(scope="session")
def files_server(files_project):
    """Its composed server."""
    from wasmcp.project import ensure_built

    return ensure_built(files_project)


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def server(files_server, notes):
    with open_server(files_server, directories=[(str(notes), "/notes", True)]) as server:
        yield server


def call(server, name):
    found = server.call_tool(name, {})
    assert not found.is_error, found
    return found.structured_content.get("result", found.structured_content)


def test_files_are_read_in_calls(server):
    assert call(server, "read") == {
        "at import": json.loads(GOODS),
        "pathlib": GOODS,
        "open": GOODS,
        "resources": "note",
        "as_file": GOODS,
        "pkgutil": GOODS,
        "iterdir": ["data", "templates"],
        "rglob": ["note.txt"],
        "walk": [["goods.db", "goods.json"], ["note.txt"]],
        "above": "select 1",
        "certifi": True,
        "template": "<b>&lt;you&gt;</b>",
        "templates": ["page.html"],
        "version": "3",
        "zone": "2026-07-01T12:00:00+02:00",
        "zones": True,
    }


def test_packaged_database_is_loaded_into_memory(server):
    assert call(server, "database") == [["apple"]]


def test_files_are_read_only(server):
    assert call(server, "refused") == ["EROFS", "EROFS", "EROFS", "EROFS", "ENOENT", "ENOENT", "ENOENT"]


def test_granted_directories_are_as_before(server, notes):
    assert call(server, "granted") == "kept two.txt False"
    assert (notes / "two.txt").read_text() == "kept"


def test_lock_file_has_the_time_zones(files_server, files_project):
    text = (files_project / "wasmcp.lock").read_text()
    assert 'name = "tzdata"' in text
    assert "sha256:" in text.partition('name = "tzdata"')[2].partition("name =")[0]


def test_inspect_shows_the_number_and_size_of_files(files_server):
    from click.testing import CliRunner

    from wasmcp.cli.group import commands

    shown = CliRunner().invoke(commands, ["inspect", str(files_server)]).output
    line = shown.partition("data files:\n")[2].splitlines()[0]
    assert line.startswith("  files  ")
    assert " files, " in line
    assert line.endswith(" bytes")
