"""Development builds: edits of Python modules without a build, errors, and refusals to pass them on.

Slow: the first build compiles two components in Python.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.development_project import DEVELOPMENT_PROJECT, NOTES, UNITS, WEATHER
from support.projects import project_files, write_project

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server, inspect_component
from wasmcp.errors import (
    ArtifactError,
    ComponentsError,
    InvalidArtifactError,
    InvalidComponentError,
    InvalidSettingError,
    RequestError,
    ToolchainError,
)
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built, load
from wasmcp.project.build_steps import unfit
from wasmcp.project.development import DevelopmentServer, development_server
from wasmcp.project.events import BuildEvent, CompilationStarted, ServerComposed
from wasmcp.protocol import TASKS
from wasmcp.registry.oci import manifests
from wasmcp.storage import Cache
from wasmcp.testing.server import open_for_test
from wasmcp.wasi import INTERFACE

pytestmark = pytest.mark.slow

Edit = Callable[..., DevelopmentServer]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("edited"), DEVELOPMENT_PROJECT)


@pytest.fixture(scope="module")
def built(root: Path) -> DevelopmentServer:
    return development_server(root)


@pytest.fixture
def edit(root: Path, built: DevelopmentServer) -> Iterator[Edit]:
    """Write modules below `src/edited`, and return the development build, which must need no compiler."""
    events: list[BuildEvent] = []

    def write(**texts: str) -> DevelopmentServer:
        for name, text in texts.items():
            (root / "src" / "edited" / f"{name}.py").write_text(text, "utf-8")
        return development_server(root, progress=events.append)

    yield write
    assert not [event for event in events if isinstance(event, (CompilationStarted, ServerComposed))]
    for path in (root / "src" / "edited").glob("*.py"):
        path.unlink()
    write_project(root, DEVELOPMENT_PROJECT)


def opened(server: DevelopmentServer) -> Server:
    return open_server(server.path, development=server.modules)


def test_components_have_the_modules_data_and_configuration_of_the_project(built: DevelopmentServer) -> None:
    built.check()
    with opened(built) as server:
        assert [tool.name for tool in server.list_tools()] == [
            *("temperature", "greeting", "note", "add", "spin", "crash")
        ]
        assert server.call_tool("temperature", {"fahrenheit": 212}).structured_content == {"result": 100}
        assert server.call_tool("greeting").text == "hello"
        assert server.call_tool("note", {"text": "x"}).text == "noted: x"
        assert server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}
        assert json.loads(server.read_resource("places://all").text) == ["Oslo", "Paris"]
        assert server.get_prompt("report", {"place": "Oslo"}).text == "Report from Oslo."
        reference = {"type": "ref/prompt", "name": "report"}
        assert server.complete(reference, "place", "P").values == ["Paris"]
        assert "temperature" in server.call_tool("temperature", {"fahrenheit": "hot"}).text.lower()


def test_edit_adds_tools_modules_and_imports_without_a_build(edit: Edit) -> None:
    text = NOTES.replace("from wasmcp", "import colorsys\n\nfrom edited import more\nfrom wasmcp")
    text += "\n\n@tool\ndef hue(red: float) -> float:\n    return colorsys.rgb_to_hsv(red, 0, more.ONE)[0]\n"
    server = edit(notes=text, more="ONE = 1\n", units=UNITS.replace("1.8", "2"))
    server.check()
    with opened(server) as running:
        assert {"hue", "note"} <= {tool.name for tool in running.list_tools()}
        assert running.call_tool("hue", {"red": 0}).structured_content == {"result": pytest.approx(2 / 3)}
        assert running.call_tool("temperature", {"fahrenheit": 212}).structured_content == {"result": 90}


COUNT = '''

@tool(task="steps")
def count(limit: int, context: Context) -> int:
    """Count."""
    done = context.state or 0
    if done < limit:
        context.checkpoint(done + 1)
    return done
'''


def test_tools_of_an_edit_run_as_tasks(tmp_path: Path) -> None:
    root = write_project(tmp_path, project_files("tasked", {"src/tasked/main.py": NOTES}))
    module = root / "src" / "tasked" / "main.py"
    server = development_server(root)
    server.check()
    with opened(server) as running:
        assert "extensions" not in running.discover()["capabilities"]
    module.write_text(NOTES.replace("import tool", "import Context, tool") + COUNT, "utf-8")
    server = development_server(root)
    server.check()
    with open_for_test(server.path, development=server.modules) as running:
        assert running.discover()["capabilities"]["extensions"] == {TASKS: {}}
        assert running.start_task("count", {"limit": 3}).result().data == 3
    # A word is not a tool; and the next edit of a server with tasks needs no build.
    events: list[BuildEvent] = []
    module.write_text(f"{NOTES}# a task\n", "utf-8")
    server = development_server(root, progress=events.append)
    server.check()
    with opened(server) as running:
        assert "extensions" not in running.discover()["capabilities"]
    assert not events


def test_open_server_keeps_its_modules(edit: Edit) -> None:
    with opened(edit()) as before:
        assert before.call_tool("note", {"text": "x"}).text == "noted: x"
        with opened(edit(notes=NOTES.replace("noted", "written"))) as after:
            assert after.call_tool("note", {"text": "x"}).text == "written: x"
        assert before.call_tool("note", {"text": "x"}).text == "noted: x"


def test_running_server_is_reloaded_with_new_modules(edit: Edit) -> None:
    with opened(edit()) as running:
        assert running.call_tool("note", {"text": "x"}).text == "noted: x"
        server = edit(notes=NOTES.replace("noted", "written"))
        running.reload(server.path, development=server.modules)
        assert running.call_tool("note", {"text": "x"}).text == "written: x"


def test_traceback_of_a_call_has_the_new_source(edit: Edit) -> None:
    with opened(edit(units=UNITS.replace("(fahrenheit - 32) / 1.8", "fahrenheit.nope  # new"))) as server:
        assert server.call_tool("temperature", {"fahrenheit": 1}).is_error
        assert 'File "src/edited/units.py", line 6, in celsius\n    return fahrenheit.nope  # new' in server.stderr


def test_error_at_import_is_that_of_a_build_and_a_response(edit: Edit) -> None:
    server = edit(notes=f"{NOTES}\nprint('so far')\nlast = undefined\n")
    with pytest.raises(ToolchainError) as caught:
        server.check()
    assert str(caught.value).splitlines() == [
        "`src/edited/notes.py`, line 12: NameError: name 'undefined' is not defined",
        "  src/edited/notes.py:12, in <module>",
        "    last = undefined",
    ]
    with opened(server) as running:
        assert "temperature" in {tool.name for tool in running.list_tools()}  # of the other component
        with pytest.raises(RequestError, match=r"src/edited/notes\.py, line 12: NameError: name 'undefined'"):
            running.call_tool("note", {"text": "x"})
        assert "so far" in running.stderr


def test_all_invalid_declarations_are_reported(edit: Edit) -> None:
    wrong = "".join(f"\n\n@tool\ndef t{number}(x: complex) -> str:\n    return ''\n" for number in (1, 2))
    with pytest.raises(ToolchainError) as caught:
        edit(notes=NOTES + wrong).check()
    assert "`src/edited/notes.py` has 2 errors:" in str(caught.value)
    assert "tool `t1`" in str(caught.value)
    assert "tool `t2`" in str(caught.value)


def test_errors_of_several_components_are_reported_together(edit: Edit) -> None:
    with pytest.raises(ComponentsError) as caught:
        edit(notes="def (\n", units="import numpy_of_nobody\n", weather="def )\n")
    assert caught.value.errors.keys() == {"notes", "weather"}
    with pytest.raises(ToolchainError, match=r"`src/edited/units\.py`, line 1: `numpy_of_nobody` is not in the comp"):
        edit(notes=NOTES, weather=WEATHER)


def test_release_build_has_no_channel_for_modules(example_project: Path, built: DevelopmentServer) -> None:
    release = inspect_component(ensure_built(example_project).read_bytes())
    assert not release.development
    assert not [name for name in release.imports if not name.startswith("wasi:")]
    development = inspect_component(built.path.read_bytes())
    assert development.development
    assert [name for name in development.imports if not name.startswith("wasi:")] == [INTERFACE]


def test_manifest_and_inspect_label_the_build(root: Path, built: DevelopmentServer) -> None:
    manifest = json.loads(built.path.with_name("manifest.json").read_text("utf-8"))
    assert manifest["servers"]["default"]["development"] is True
    assert not built.path.is_relative_to(root)
    command = [sys.executable, "-m", "wasmcp", "inspect", "--no-boot", str(built.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "development build" in done.stdout


def test_host_runs_it_only_with_modules(built: DevelopmentServer) -> None:
    with pytest.raises(ArtifactError, match="it is a development build, which gets its code from the program"):
        open_server(built.path)
    command = [sys.executable, "-m", "wasmcp", "run", str(built.path)]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "it is a development build" in done.stderr


def test_composition_and_registries_refuse_it(root: Path, built: DevelopmentServer) -> None:
    component = next(
        data
        for path in (Cache().root / "components").glob("*/component.wasm")
        if inspect_component(data := path.read_bytes()).development
    )
    specs = [ComponentSpec("notes", component, dynamic=True, grants=frozenset({"middleware"}))]
    with pytest.raises(InvalidComponentError, match="`wasmcp build` makes a server that contains its code"):
        compose_server(specs, ServerMetadata("x", "1"))
    for data in (component, built.path.read_bytes()):
        with pytest.raises(InvalidArtifactError, match="it is a development build"):
            manifests.make_manifest(data, {}, "acme:notes@1.0.0")


def test_wheel_refuses_it(root: Path, built: DevelopmentServer) -> None:
    project = load(root)
    project.directory.mkdir(exist_ok=True)
    shutil.copy(built.path, project.output("default"))
    shutil.copy(built.path.with_name("manifest.json"), project.manifest)
    assert any("it is a development build" in problem for problem in unfit(project, "0.0.1"))
    for path in project.outputs:
        path.unlink()


def test_skipped_builds_exclude_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "1")
    with pytest.raises(InvalidSettingError, match="`WASMCP_SKIP_BUILD` excludes a development build"):
        development_server(root)
