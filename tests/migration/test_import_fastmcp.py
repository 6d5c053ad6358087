"""Projects made of servers for FastMCP and the official SDK: files, reports by line, and what is refused."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wasmcp.cli.group import commands
from wasmcp.errors import MigrationError, ScaffoldError
from wasmcp.migration import Imported, import_fastmcp
from wasmcp.migration.names import SERVER_METHODS
from wasmcp.project import load

LIBRARY = Path(__file__).parent.parent / "guest" / "fastmcp" / "library_server.py"
SERVER = """\
from fastmcp import FastMCP

mcp = FastMCP("demo")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b
"""


def imported(tmp_path: Path, files: dict[str, str] | str, source: str = "", **options: Any) -> Imported:
    """Import a server of some files; a text is the file `server.py`."""
    folder = tmp_path / "original"
    for name, text in ({"server.py": files} if isinstance(files, str) else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    source = source or ("server.py" if isinstance(files, str) else "")
    return import_fastmcp(str(folder / source), output=tmp_path / "out", **options)


def lines(made: Imported, kind: str) -> list[tuple[int, str]]:
    """Return line and message of the findings of a kind."""
    return [(finding.line, finding.message) for finding in made.findings if finding.kind == kind]


def lost(tmp_path: Path, code: str) -> list[tuple[int, str]]:
    """Return the findings about code that is not carried, below a server of eight lines."""
    return lines(imported(tmp_path, SERVER + code), "not carried")


def table(made: Imported) -> Any:
    """Return the table `tool.wasmcp` of a project."""
    return tomllib.loads((made.root / "pyproject.toml").read_text("utf-8"))["tool"]["wasmcp"]


def test_one_line_of_a_whole_server_changes(tmp_path: Path) -> None:
    made = import_fastmcp(str(LIBRARY), output=tmp_path)
    assert made.is_whole
    assert made.share == 1
    assert made.code_lines > 60
    assert made.root == tmp_path / "library"
    before = LIBRARY.read_text("utf-8").splitlines()
    after = (made.root / "component/library_server.py").read_text("utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        ("from fastmcp import Context, FastMCP", "from wasmcp.guest.fastmcp import Context, FastMCP"),
    ]
    assert made.capabilities == ("tools", "resources", "prompts")
    assert table(made) == {
        "components": {"library": {"source": "component/library_server.py"}},
        "servers": {
            "default": {
                "components": ["library"],
                "title": "library",
                "instructions": "Look books up before you recommend them.",
            }
        },
    }
    assert load(made.root).components["library"].language == "python"


OLD = "from fastmcp import FastMCP"
NEW = "from wasmcp.guest.fastmcp import FastMCP"
AS = "import wasmcp.guest.fastmcp as"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD, NEW),
        ("from mcp.server.fastmcp import FastMCP, Context", f"{NEW}, Context"),
        ("from mcp.server.mcpserver import MCPServer as FastMCP", NEW.replace("import ", "import MCPServer as ")),
        ("from mcp.server import FastMCP", NEW),
        ("from fastmcp import (\n    FastMCP,  # the server\n    Context,\n)", f"{NEW}, Context"),
        (f"{OLD}; import os", f"{NEW}; import os"),
        (f"import fastmcp\n{OLD}", f"{AS} fastmcp\n{NEW}"),
        (f"import os, mcp.types as types\n{OLD}", f"import os\n{AS} types\n{NEW}"),
        (f"from mcp import types\n{OLD}", f"{AS} types\n{NEW}"),
        (f"from mcp.server.fastmcp.prompts import base\n{OLD}", f"{AS} base\n{NEW}"),
        (f"é = 1; {OLD}  # ü", f"é = 1; {NEW}  # ü"),
        (f"if True:\n    {OLD}, Client\n", f"if True:\n    {NEW}\n    from fastmcp import Client\n"),
        (f"{OLD}\r", f"{NEW}\r"),
    ],
)
def test_import_statements_are_replaced_in_every_form(tmp_path: Path, before: str, after: str) -> None:
    source = SERVER.replace(OLD, before)
    folder = tmp_path / "original"
    folder.mkdir()
    (folder / "server.py").write_bytes(source.encode())
    made = import_fastmcp(str(folder / "server.py"), output=tmp_path)
    found = (made.root / "component/server.py").read_bytes().decode()
    assert found == SERVER.replace(OLD, after)
    compile(found, "server.py", "exec")


def test_names_without_a_counterpart_stay_and_are_reported(tmp_path: Path) -> None:
    code = (
        "from fastmcp import Client\nimport mcp.types as types\nfrom mcp.types import Tool as Described\n"
        "import mcp.client.stdio\ndescribed: types.Tool\nfine: types.TextContent\n"
    )
    found = lost(tmp_path, code)
    assert [line for line, _ in found] == [9, 11, 12, 13]
    assert "compose servers" in found[0][1]
    assert found[1][1].startswith("`Tool` of `mcp.types`: declare each tool by")
    assert found[2][1].startswith("`import mcp.client.stdio`: ")
    assert found[3][1].startswith("`types.Tool`: ")


def test_names_for_type_checkers_are_not_reported(tmp_path: Path) -> None:
    assert lost(tmp_path, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fastmcp import Client\n") == []


@pytest.mark.parametrize(
    ("code", "feature"),
    [
        ("mcp.mount(FastMCP('other'))", "`mcp.mount`"),
        ("proxy = FastMCP.as_proxy('https://example.com')", "`FastMCP.as_proxy`"),
        ("mcp.add_middleware(object())", "`mcp.add_middleware`"),
        ("app = mcp.http_app()", "`mcp.http_app`"),
        ("other = FastMCP('b', auth=object())", "`FastMCP(auth=...)`"),
        ("mcp.tool(task=True)(add)", "`tool(task=...)`"),
        ("@mcp.resource('/notes')\ndef f(): return ''", "`/notes`: a URI begins with a scheme"),
        ("import subprocess\ndef f():\n    subprocess.run(['ls'])", "`subprocess.run`"),
        ("from threading import Thread\ndef f():\n    Thread(target=f).start()", "`threading`"),
        ("import concurrent.futures\ndef f():\n    concurrent.futures.ThreadPoolExecutor()", "`concurrent.futures.T"),
        ("import fcntl", "`fcntl` is not in the standard library"),
        ("import os\nKEY = os.environ['KEY']", "the environment is read when the module is imported"),
        ("import os\nKEY = os.getenv('KEY')", "the environment is read when the module is imported"),
        ("from os import environ\nKEY = environ.get('KEY')", "the environment is read when the module is imported"),
        ("from fastmcp import Context\nasync def f(ctx: Context):\n    await ctx.enable_components()", "`ctx.enable_"),
    ],
)  # fmt: skip
def test_use_that_a_component_cannot_run_is_reported_at_its_line(tmp_path: Path, code: str, feature: str) -> None:
    found = lost(tmp_path, f"{code}\n")
    first = [line for line, message in found if message.startswith(feature)]
    assert first, found
    assert first[-1] == 8 + len(code.splitlines()) or feature == "`threading`" or "notes" in feature


def test_harmless_uses_are_not_reported(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, threading\nlock = threading.Lock()\n\ndef f():\n"
        "    try:\n        return os.environ['KEY']\n    except subprocess.CalledProcessError:\n        return ''\n"
        "FastMCP('b', auth=None, middleware=[])\n"
    )
    made = imported(tmp_path, SERVER + code)
    assert lines(made, "not carried") == []
    assert made.needs.variables == {"KEY": True}


def test_lines_that_behave_differently_are_to_be_checked(tmp_path: Path) -> None:
    code = (
        "import sqlite3, asyncio\nfrom dotenv import load_dotenv\nload_dotenv()\nother = FastMCP('b', port=8000)\n"
        "async def f(loop):\n    await asyncio.to_thread(add, 1, 2)\n    await loop.run_in_executor(None, add)\n"
    )
    found = lines(imported(tmp_path, SERVER + code), "check")
    assert [line for line, _ in found] == [9, 11, 12, 14, 15]
    assert found[4][1].startswith("`loop.run_in_executor`: a component has no threads")
    assert "`FastMCP(port=...)` has no effect: pass `--port`" in found[2][1]


def test_share_counts_lines_of_code_without_comments_and_docstrings(tmp_path: Path) -> None:
    code = '# a comment\n\n\n@mcp.custom_route("/health")\nasync def health(request):\n    """Doc."""\n    return 1\n'
    made = imported(tmp_path, SERVER + code)
    assert made.code_lines == 5 + 3
    assert made.lost_lines == 3
    assert made.share == 5 / 8
    assert not made.is_whole


def test_package_is_copied_with_its_data_and_named_by_its_distribution(tmp_path: Path) -> None:
    (tmp_path / "original/weather_mcp").mkdir(parents=True)
    (tmp_path / "original/weather_mcp/data.bin").write_bytes(b"\x00\xff")
    (tmp_path / "original/weather_mcp/link.py").symlink_to("/etc/hostname")
    files = {
        "pyproject.toml": '[project]\nname = "Weather.MCP"\n'
        """dependencies = ["fastmcp>=2", "httpx>=0.27; python_version>'3'", "PyYAML", "rich"]\n""",
        "weather_mcp/__init__.py": "",
        "weather_mcp/__pycache__/x.pyc": "",
        "weather_mcp/server.py": SERVER + "import httpx\nimport bs4\nfrom . import more\n",
        "weather_mcp/more.py": "import yaml\nfrom .server import mcp\n\n"
        "@mcp.resource('a://b')\ndef b() -> str: return open('x').read()\n",
    }
    made = imported(tmp_path, files)
    assert made.name == "weather-mcp"
    assert made.source == "component/weather_mcp/server.py"
    assert made.dependencies == ["beautifulsoup4", "httpx>=0.27", "PyYAML"]
    assert made.left == ["fastmcp>=2", "rich"]
    assert made.needs.grants == {
        "fs": "weather_mcp/more.py:5 calls `open`",
        "http": "weather_mcp/server.py:9 imports `httpx`",
    }
    component = made.root / "component/weather_mcp"
    assert (component / "data.bin").read_bytes() == b"\x00\xff"
    assert not (component / "__pycache__").exists()
    assert not (component / "link.py").exists()
    assert "symbolic link" in lines(made, "check")[0][1]
    assert table(made)["components"]["weather-mcp"] == {
        "source": "component/weather_mcp/server.py",
        "dependencies": ["beautifulsoup4", "httpx>=0.27", "PyYAML"],
        "files": ["component/weather_mcp/**/*.bin"],
        "grants": ["fs", "http"],
    }
    load(made.root)


def test_modules_that_the_component_does_not_import_count_for_nothing(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/server.py": SERVER + "try:\n    import fast\nexcept ImportError:\n    fast = None\n",
        "pkg/__main__.py": "import click_extra, subprocess\nfrom pkg.server import mcp\nsubprocess.run(['ls'])\n",
        "pkg/test_server.py": "import pytest\n",
    }
    made = imported(tmp_path, files)
    assert made.is_whole
    assert made.dependencies == []
    assert made.apart == ["pkg/__main__.py"]
    assert (made.root / "component/pkg/__main__.py").exists()
    assert not (made.root / "component/pkg/test_server.py").exists()


def test_optional_package_is_required_if_the_distribution_requires_it(tmp_path: Path) -> None:
    document = '[project]\nname = "a"\ndependencies = ["wikipedia-api>=0.8"]\n'
    code = SERVER + "try:\n    import wikipediaapi\nexcept (ImportError, OSError):\n    pass\n"
    made = imported(tmp_path, {"pyproject.toml": document, "server.py": code}, "server.py")
    assert made.dependencies == ["wikipedia-api>=0.8"]


def test_file_in_a_package_is_imported_with_its_package(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/one.py": SERVER + "from .shared import x\n",
        "pkg/two.py": SERVER,
        "pkg/shared.py": "x = 1\n",
    }
    made = imported(tmp_path, files, "pkg/one.py")
    assert made.source == "component/pkg/one.py"
    assert made.apart == ["pkg/two.py"]
    assert (made.root / "component/pkg/shared.py").exists()


def test_environment_variables_are_declared(tmp_path: Path) -> None:
    code = "import os\n\ndef f():\n    return os.environ['API_KEY'], os.getenv('PLACE'), os.environ.get('MODE', 'x')\n"
    made = imported(tmp_path, SERVER + code)
    assert table(made)["servers"]["default"]["env"] == {
        "API_KEY": {"required": True, "secret": True},
        "MODE": {},
        "PLACE": {},
    }
    assert table(made)["components"]["demo"]["grants"] == ["env"]
    load(made.root)


def test_module_that_imports_all_declarations_is_made_if_no_other_does(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/app.py": "from fastmcp import FastMCP\nmcp = FastMCP('demo')\n",
        "pkg/tools.py": "from pkg.app import mcp\n\n@mcp.tool\ndef one() -> int: return 1\n",
    }
    made = imported(tmp_path, files)
    assert made.source == "component/main.py"
    text = (made.root / "component/main.py").read_text("utf-8")
    assert text.splitlines()[2:] == ["import pkg.tools"]


def test_function_that_makes_the_server_is_called(tmp_path: Path) -> None:
    code = (
        "from fastmcp import FastMCP\n\ndef create_server(debug=False):\n    mcp = FastMCP('demo')\n\n"
        "    @mcp.tool\n    def one() -> int:\n        return 1\n\n    return mcp\n"
    )
    made = imported(tmp_path, code)
    text = (made.root / "component/main.py").read_text("utf-8")
    assert text.splitlines()[2:] == ["import server", "", "server.create_server()"]
    assert made.is_whole


def test_server_made_in_a_function_with_arguments_is_reported(tmp_path: Path) -> None:
    code = (
        f"{OLD}\n\ndef main(name):\n    mcp = FastMCP(name)\n\n    @mcp.tool\n    def one() -> int:\n        return 1\n"
    )
    made = imported(tmp_path, code)
    assert lines(made, "not carried") == [(4, "the server is made inside `main`: make it when the module is imported")]


def test_low_level_server_is_refused_with_its_lines(tmp_path: Path) -> None:
    code = (
        "from mcp.server import Server\n\nserver = Server('a')\n\n@server.list_tools()\nasync def tools(): return []\n"
    )
    with pytest.raises(MigrationError, match="declares no tool") as caught:
        imported(tmp_path, code)
    text = str(caught.value)
    assert "`server.py`, line 1: `Server` of `mcp.server`: declare each tool by `@mcp.tool()`" in text
    assert "line 5: `@server.list_tools`" in text
    assert not (tmp_path / "out").exists()


def test_installed_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    package = site / "never_executed"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"raise SystemExit('executed')\n{SERVER}")
    info = site / "never_executed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Name: never-executed\nVersion: 1.0\nRequires-Dist: httpx\nRequires-Dist: x; extra == 'y'\n"
    )
    (info / "RECORD").write_text("never_executed/__init__.py,,\nnever_executed-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(site))
    made = import_fastmcp("never_executed", output=tmp_path / "out")
    assert made.name == "never-executed"
    assert made.left == ["httpx"]
    assert "never_executed" not in sys.modules


@pytest.mark.parametrize(
    ("files", "source", "message"),
    [
        ({"a.txt": ""}, "a.txt", "is not a Python file"),
        ({"a.py": "def (:\n"}, "a.py", "`a.py`, line 1: invalid syntax"),
        ({"a.py": SERVER.replace("from fastmcp", "from elsewhere")}, "a.py", "give the whole package"),
        ({"a.py": "x = 1\n"}, "a.py", "declares no tool, resource or prompt"),
        ({"a.py": "x = 1\n"}, "", "has no package .*: give one of its files: a.py"),
        ({"a/__init__.py": SERVER, "b/__init__.py": SERVER}, "", "has several packages"),
        ({"a/__init__.py": "", "b/__init__.py": ""}, "", "has several packages"),
        ({"a.py": SERVER, "b.py": SERVER}, "", "has several scripts that make a server"),
        ({"a.py": SERVER}, "b.py", "does not exist"),
    ],
)  # fmt: skip
def test_source_that_cannot_be_imported_is_an_error_and_nothing_is_written(
    tmp_path: Path, files: dict[str, str], source: str, message: str
) -> None:
    with pytest.raises(MigrationError, match=message):
        imported(tmp_path, files, source)
    assert not (tmp_path / "out").exists()


def test_python_in_another_encoding_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "server.py"
    file.write_bytes(f"# coding: latin-1\n{SERVER}\nNAME = 'é'\n".encode("latin-1"))
    made = import_fastmcp(str(file), output=tmp_path / "out")
    assert (made.root / "component/server.py").read_bytes().endswith(b"NAME = '\xe9'\n")
    (tmp_path / "broken.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(MigrationError, match="is not Python"):
        import_fastmcp(str(tmp_path / "broken.py"))


def test_existing_folder_is_never_written_into(tmp_path: Path) -> None:
    imported(tmp_path, SERVER)
    with pytest.raises(ScaffoldError, match="already exists"):
        imported(tmp_path, SERVER)
    assert imported(tmp_path, SERVER, name="other").root.name == "other"
    (tmp_path / "out/empty").mkdir()
    with pytest.raises(ScaffoldError, match="already exists"):
        imported(tmp_path, SERVER, name="empty")
    with pytest.raises(ScaffoldError, match="not a name"):
        imported(tmp_path, SERVER, name="-x")


@pytest.mark.parametrize(
    ("code", "name"), [("FastMCP('My Demo!')", "my-demo"), ("FastMCP()", "server"), ("FastMCP('pip')", "server")]
)
def test_project_is_named_by_the_server_or_its_file(tmp_path: Path, code: str, name: str) -> None:
    assert imported(tmp_path, SERVER.replace('FastMCP("demo")', code)).name == name


def test_command_prints_a_report_by_line(tmp_path: Path) -> None:
    file = tmp_path / "server.py"
    file.write_text(f"{SERVER}mcp.mount(mcp)\n")
    done = CliRunner().invoke(commands, ["import", "fastmcp", str(file), "-o", str(tmp_path / "out")])
    assert done.exit_code == 3, done.output
    assert done.output.splitlines() == [
        f"created {tmp_path / 'out' / 'demo'}: tools in the component `demo`",
        "  source        component/server.py",
        "",
        "changed:",
        "  server.py:1: from wasmcp.guest.fastmcp import FastMCP",
        "",
        "not carried:",
        f"  server.py:9: `mcp.mount`: {SERVER_METHODS['mount']}",
        "",
        "5 of 6 lines of code were carried (83.3%)",
    ]


def test_command_prints_the_report_as_json(tmp_path: Path) -> None:
    file = tmp_path / "server.py"
    file.write_text(SERVER)
    arguments = ["import", "fastmcp", str(file), "-o", str(tmp_path / "out"), "--json", "--name", "given"]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert report == {
        "project": str(tmp_path / "out" / "given"),
        "name": "given",
        "component": "given",
        "source": "component/server.py",
        "capabilities": ["tools"],
        "dependencies": [],
        "dependenciesLeftOut": [],
        "grants": {},
        "variables": {},
        "notImported": [],
        "lines": {"code": 5, "notCarried": 0, "share": 1.0},
        "findings": [
            {
                "file": "server.py",
                "line": 1,
                "lastLine": 1,
                "kind": "changed",
                "message": "from wasmcp.guest.fastmcp import FastMCP",
            }
        ],
    }


def test_command_reports_errors_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["import", "fastmcp", str(tmp_path / "none.py")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: `")


def test_example_of_the_guide_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/guides/from-fastmcp.md").read_text("utf-8")
    (server,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (console,) = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("server.py").write_text(server.replace("from wasmcp.guest.fastmcp", "from fastmcp"), "utf-8")
    command, _, output = console.partition("\n")
    done = CliRunner().invoke(commands, command.removeprefix("$ wasmcp ").split())
    assert (done.exit_code, done.output) == (0, output)


@pytest.mark.slow
def test_imported_project_builds_and_passes_its_test(tmp_path: Path, pytester: pytest.Pytester) -> None:
    made = import_fastmcp(str(LIBRARY), output=tmp_path)
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--rootdir", str(made.root), str(made.root))
    done.assert_outcomes(passed=1)
