"""Layouts of servers to import: scripts next to modules, packages, ``src/``, namespace packages, and their data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from wasmcp.errors import MigrationError
from wasmcp.host import open_server
from wasmcp.migration import Imported, import_fastmcp
from wasmcp.project import ensure_built, load

SERVER = """\
from fastmcp import FastMCP

mcp = FastMCP("demo")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b
"""


def imported(tmp_path: Path, files: dict[str, str], source: str) -> Imported:
    for name, text in files.items():
        path = tmp_path / "original" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return import_fastmcp(str(tmp_path / "original" / source), output=tmp_path / "out")


def copied(made: Imported) -> set[str]:
    """Return the files of the component."""
    folder = made.root / "component"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def component(made: Imported) -> Any:
    """Return the component's table."""
    document = tomllib.loads((made.root / "pyproject.toml").read_text("utf-8"))
    return document["tool"]["wasmcp"]["components"][made.component]


def test_modules_next_to_a_script_are_its_own(tmp_path: Path) -> None:
    files = {
        "server.py": "import config\nfrom utils import clean\nfrom tools import text\nimport tools.numbers.more\n"
        "import httpx\n" + SERVER,
        "config.py": "from constants import LIMIT\n",
        "constants.py": "LIMIT = 5\n",
        "utils.py": "import yaml\n\ndef clean(x: str) -> str:\n    import late\n    return x\n",
        "late.py": "",
        "tools/__init__.py": "",
        "tools/text.py": "from .numbers import more\n",
        "tools/numbers/__init__.py": "",
        "tools/numbers/more.py": "",
        "tools/words.json": "[]",
        "unrelated.py": "import torch\n",
        "other/__init__.py": "import tensorflow\n",
        "test_server.py": "import utils\n",
    }
    made = imported(tmp_path, files, "server.py")
    assert made.source == "component/server.py"
    assert made.dependencies == ["httpx", "PyYAML"]
    assert copied(made) == set(files) - {"unrelated.py", "other/__init__.py", "test_server.py"}
    assert made.apart == []
    assert component(made)["files"] == ["component/tools/**/*.json"]
    assert made.is_whole
    load(made.root)


def test_script_can_import_the_module_that_makes_the_server(tmp_path: Path) -> None:
    files = {
        "server.py": "import more\nfrom app import mcp\n\nif __name__ == '__main__':\n    mcp.run()\n",
        "app.py": SERVER,
        "more.py": "from app import mcp\n\n@mcp.tool\ndef two() -> int: return 2\n",
    }
    made = imported(tmp_path, files, "server.py")
    assert (made.source, made.apart) == ("component/server.py", [])
    assert copied(made) == set(files)


@pytest.mark.parametrize("guard", ["", "if __name__ == '__main__':\n    "])
def test_function_that_makes_the_server_is_called_once(tmp_path: Path, guard: str) -> None:
    files = {
        "server.py": f"from app import create\n\n{guard}create().run()\n",
        "app.py": "from fastmcp import FastMCP\n\ndef create():\n    mcp = FastMCP('demo')\n"
        "    @mcp.tool\n    def one() -> int: return 1\n    return mcp\n",
    }
    made = imported(tmp_path, files, "server.py")
    if not guard:
        assert made.source == "component/server.py"
    else:
        text = (made.root / "component/main.py").read_text("utf-8")
        assert text.splitlines()[2:] == ["import app", "import server", "", "app.create()"]


def test_module_of_a_package_that_calls_the_function_is_imported(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/factory.py": "from fastmcp import FastMCP\n\ndef create():\n    mcp = FastMCP('demo')\n"
        "    @mcp.tool\n    def one() -> int: return 1\n    return mcp\n",
        "pkg/app.py": "from .factory import create\n\nmcp = create()\n",
        "pkg/__main__.py": "from .app import mcp\n\nmcp.run()\n",
    }
    made = imported(tmp_path, files, "pkg")
    text = (made.root / "component/main.py").read_text("utf-8")
    assert text.splitlines()[2:] == ["import pkg.app", "import pkg.factory"]


def test_packages_next_to_a_package_are_its_own(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "weather"\ndependencies = ["httpx>=0.27"]\n',
        "src/weather/__init__.py": "",
        "src/weather/server.py": "from . import units\nimport weather.more\nimport shared.text\nimport httpx\n"
        + SERVER,
        "src/weather/units.py": "import calendar\n",
        "src/weather/more.py": "import single\n",
        "src/shared/__init__.py": "",
        "src/shared/text.py": "",
        "src/single.py": "",
        "src/calendar.py": "raise SystemExit('the standard library comes first')\n",
        "src/unrelated/__init__.py": "",
    }
    for source in ("src/weather/server.py", "src/weather", ""):
        made = imported(tmp_path / (source.replace("/", "-") or "project"), files, source)
        assert made.source == "component/weather/server.py"
        assert made.dependencies == ["httpx>=0.27"]
        assert copied(made) == {
            "weather/__init__.py", "weather/server.py", "weather/units.py", "weather/more.py",
            "shared/__init__.py", "shared/text.py", "single.py",
        }  # fmt: skip


@pytest.mark.parametrize("code", ["from .units import METRE\n", "from app.units import METRE\n"])
def test_relative_imports_and_names_of_folders_show_namespace_packages(tmp_path: Path, code: str) -> None:
    files = {
        "app/server.py": f"{code}from helpers import x\n{SERVER}",
        "app/units.py": "METRE = 1\n",
        "app/unrelated.py": "",
        "helpers.py": "x = 1\n",
    }
    made = imported(tmp_path, files, "app/server.py")
    assert made.source == "component/app/server.py"
    assert made.dependencies == []
    assert copied(made) == {"app/__init__.py", "app/server.py", "app/units.py", "helpers.py"}


def test_file_of_a_package_that_imports_its_neighbours_by_name_is_a_script(tmp_path: Path) -> None:
    files = {"pkg/__init__.py": "", "pkg/server.py": f"import utils\n{SERVER}", "pkg/utils.py": ""}
    made = imported(tmp_path, files, "pkg/server.py")
    assert made.source == "component/server.py"
    assert made.dependencies == []
    assert copied(made) == {"server.py", "utils.py"}


def test_folder_of_a_project_is_searched_for_the_script_that_makes_the_server(tmp_path: Path) -> None:
    files = {
        "setup.py": "from setuptools import setup\n",
        "server.py": f"import tools\n{SERVER}",
        "client.py": "from fastmcp import Client\n",
        "tools/__init__.py": "",
        "docs/__init__.py": "",
    }
    made = imported(tmp_path, files, "")
    assert made.source == "component/server.py"
    assert copied(made) == {"server.py", "tools/__init__.py"}


def test_data_next_to_a_script_is_copied_if_the_script_names_it(tmp_path: Path) -> None:
    files = {
        "server.py": "from pathlib import Path\nHERE = Path(__file__).parent\n"
        "CITIES = (HERE / 'cities.json').read_text()\nNAMES = HERE / 'data'\n"
        f"PRIVATE = '.env', '../other', 'build', '/etc/hostname', 'x' * 9999\n{SERVER}",
        "cities.json": "[]",
        "data/a/names.txt": "b",
        "data/code.py": "",
        "notes.txt": "not named",
        ".env": "SECRET=1",
        "build/x": "",
    }
    (tmp_path / "original/data").mkdir(parents=True)
    (tmp_path / "original/data/link").symlink_to("/etc/hostname")
    made = imported(tmp_path, files, "server.py")
    assert copied(made) == {"server.py", "cities.json", "data/a/names.txt"}
    assert component(made)["files"] == ["component/cities.json", "component/data/**/*.txt"]


def test_modules_next_to_an_installed_package_are_those_of_its_distribution(tmp_path: Path) -> None:
    files = {
        "site/ours/__init__.py": f"import ours_more\nimport httpx\n{SERVER}",
        "site/ours_more.py": "",
        "site/httpx/__init__.py": "raise SystemExit\n",
        "site/ours-1.0.dist-info/METADATA": "Name: ours\nVersion: 1.0\nRequires-Dist: httpx>=0.27\n",
        "site/ours-1.0.dist-info/RECORD": "ours/__init__.py,,\nours_more.py,,\nours-1.0.dist-info/METADATA,,\n",
    }
    made = imported(tmp_path, files, "site/ours")
    assert made.name == "ours"
    assert made.dependencies == ["httpx>=0.27"]
    assert copied(made) == {"ours/__init__.py", "ours_more.py"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.txt": "# pins\nhttpx==0.28.1  # http\n-r other.txt\nPyYAML>=6 --hash=sha256:00\n./x.whl\n"},
         ["httpx==0.28.1", "PyYAML>=6"]),
        ({"requirements.txt": "httpx==0.1\n", "pyproject.toml": "[project]\nname='a'\ndependencies=['httpx>=0.27']\n"},
         ["httpx>=0.27", "PyYAML"]),
        ({"requirements.txt": "-r more/a.txt\n-rb.txt\n", "b.txt": "-r more/a.txt\nPyYAML==6.0",
          "more/a.txt": "--requirement=../requirements.txt\nhttpx \\\n>=0.2\n"}, ["httpx  >=0.2", "PyYAML==6.0"]),
        ({"requirements.txt": "httpx==0.3\n", "pyproject.toml": "[tool.ruff]\n"}, ["httpx==0.3", "PyYAML"]),
        ({"pyproject.toml": "[project]\nname = 'a'\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\n"
          "dependencies = {file = ['base.in', '../outside.txt']}\n", "base.in": "httpx==0.4"},
         ["httpx==0.4", "PyYAML"]),
        ({}, ["httpx", "PyYAML"]),
    ],
)  # fmt: skip
def test_versions_of_packages_come_from_the_files_around_a_script(
    tmp_path: Path, files: dict[str, str], expected: list[str]
) -> None:
    made = imported(tmp_path, {"server.py": f"import httpx, yaml\n{SERVER}", **files}, "server.py")
    assert made.dependencies == expected


def test_lines_of_requirements_that_are_not_taken_over_are_reported(tmp_path: Path) -> None:
    (tmp_path / "original/server").mkdir(parents=True)
    (tmp_path / "original/outside.txt").write_text("httpx==6.6.6\n")
    lines = {
        "-r ../outside.txt": "outside of the folder",
        "-r absent.txt": "does not exist",
        "-r https://example.com/r.txt": "is a URL",
        "-r binary.txt": "is not UTF-8",
        "-c ../outside.txt": "write its versions into the requirements",
        "-c absent.txt": "`-c absent.txt` is not followed: it does not exist",
        "-e .": "name a released version",
        "--index-url https://user:token@example.com/": "`PIP_INDEX_URL`",
        "./x.whl": "name a version",
        "-e git+https://user:token@example.com/x": "name a released version",
        "own @ git+https://user:token@example.com/x": "name a version",
        "": "",
    }
    (tmp_path / "original/server/binary.txt").write_bytes(b"\xff\xfe\x00")
    files = {"server/server.py": f"import httpx\n{SERVER}", "server/requirements.txt": "\n".join(lines)}
    made = imported(tmp_path, files, "server/server.py")
    found = {one.line: one for one in made.findings if one.file == "requirements.txt"}
    assert set(found) == set(range(1, len(lines)))
    for number, words in enumerate(list(lines.values())[:-1], 1):
        assert found[number].kind == "check"
        assert words in found[number].message
        assert "token" not in found[number].message
    assert made.dependencies == ["httpx"]


CONSTRAINTS = """\
# all that was installed
anyio==4.8.0
HTTPX<1,>=0.28.1 --hash=sha256:00
PyYAML (>=6); python_version >= "3.12"
certifi==2026.1.1
fastmcp==3.0
httpx[http2]==0.28.1
-e ./local
-c more.txt
"""


def test_constraints_narrow_the_requirements_of_the_component(tmp_path: Path) -> None:
    files = {
        "server.py": f"import httpx, yaml, bs4\n{SERVER}",
        "requirements.txt": "-c constraints.txt\nhttpx[socks]>=0.27; python_version < '4'\nPyYAML\n",
        "constraints.txt": CONSTRAINTS,
        "more.txt": "beautifulsoup4==4.15\nPyYAML!=6.0.1\n",
    }
    made = imported(tmp_path, files, "server.py")
    assert made.dependencies == [
        "beautifulsoup4==4.15",
        "httpx[socks]>=0.27,<1,>=0.28.1",
        "PyYAML!=6.0.1",
        'PyYAML>=6; python_version >= "3.12"',
    ]
    found = {one.line: one.message for one in made.findings if one.file == "constraints.txt"}
    assert found == {
        2: "constrains packages that the component does not require itself: `anyio`, `certifi`; "
        "to apply such a version, add the package to `dependencies`",
        7: "`httpx[http2]==0.28.1` is not applied: a constraint is a name with versions, such as `httpx<1`",
        8: "`-e` is not taken over: name a released version of the package",
    }
    assert not [one for one in made.findings if one.file == "requirements.txt"]


def test_lines_of_a_package_with_different_markers_keep_them(tmp_path: Path) -> None:
    lines = ['httpx<0.28; python_version < "3.12"', 'httpx>=0.28; python_version >= "3.12"']
    files = {"server.py": f"import httpx\n{SERVER}", "requirements.txt": "\n".join(lines)}
    assert imported(tmp_path, files, "server.py").dependencies == lines


def test_versions_of_packages_come_from_inline_metadata_first(tmp_path: Path) -> None:
    block = (
        '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "fastmcp",\n#   "httpx<1",\n# ]\n# ///\n'
    )
    files = {"server.py": f"{block}import httpx\n{SERVER}", "requirements.txt": "httpx==0.1\n"}
    made = imported(tmp_path, files, "server.py")
    assert (made.dependencies, made.left) == (["httpx<1"], ["fastmcp"])


def test_module_that_is_a_symbolic_link_is_reported(tmp_path: Path) -> None:
    (tmp_path / "original").mkdir()
    (tmp_path / "original/utils.py").symlink_to(tmp_path / "elsewhere.py")
    (tmp_path / "elsewhere.py").write_text("x = 1\n")
    made = imported(tmp_path, {"server.py": f"import utils\n{SERVER}"}, "server.py")
    assert [one.message for one in made.findings if one.file == "utils.py"] == [
        "is a symbolic link, and was not copied"
    ]
    assert copied(made) == {"server.py"}


@pytest.mark.parametrize(
    ("name", "most", "problem"),
    [("_MOST_FILES", 4, "the server has more than 4 files"), ("_MOST_BYTES", 2**20, "are larger than 1 MiB")],
)
def test_limits_hold_for_all_packages_together(
    name: str, most: int, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"wasmcp.migration.sources.{name}", most)
    files = {"server.py": "import one\nimport two\n" + SERVER}
    for package in ("one", "two"):
        files |= {f"{package}/__init__.py": "", f"{package}/data.txt": "x" * 600_000}
    with pytest.raises(MigrationError, match=problem):
        imported(tmp_path, files, "server.py")
    assert not (tmp_path / "out").exists()


def test_error_in_a_module_next_to_a_script_names_it(tmp_path: Path) -> None:
    files = {"server.py": f"import utils, more\n{SERVER}", "utils.py": "def (:\n", "more.py": "x = \n"}
    with pytest.raises(MigrationError, match=r"(?s)`more.py`, line 1: .*`utils.py`, line 1: "):
        imported(tmp_path, files, "server.py")


@pytest.mark.slow
def test_script_with_modules_and_data_next_to_it_runs_as_a_component(tmp_path: Path) -> None:
    files = {
        "server.py": "import json\nfrom pathlib import Path\nfrom utils import double\nfrom tools.words import count\n"
        "from fastmcp import FastMCP\n\nmcp = FastMCP('flat')\n\n"
        "@mcp.tool\ndef answer(text: str) -> list[int]:\n"
        "    limits = json.loads((Path(__file__).parent / 'limits.json').read_text())\n"
        "    return [double(limits['most']), count(text)]\n",
        "utils.py": "def double(x: int) -> int:\n    return 2 * x\n",
        "tools/words.py": "from utils import double\n\ndef count(text: str) -> int:\n    return len(text.split())\n",
        "limits.json": '{"most": 21}',
    }
    made = imported(tmp_path, files, "server.py")
    assert (made.dependencies, made.is_whole) == ([], True)
    with open_server(ensure_built(made.root)) as server:
        assert server.call_tool("answer", {"text": "a b c"}).structured_content == {"result": [42, 3]}
