"""The option `files` of Python components, and the data files of packages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.python_packages import wheel

from wasmcp.errors import ConfigError, ToolchainError
from wasmcp.guest.files import read_archive
from wasmcp.project import load
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python import dependencies, staging
from wasmcp.toolchains.python.staging import (
    ARCHIVE,
    INDEX,
    files_of,
    own_places,
    package_places,
    stage_archive,
)
from wasmcp.toolchains.python.toolchain import PythonToolchain

TREE = {
    "src/shop/__init__.py": "",
    "src/shop/tools.py": "x = 1\n",
    "src/shop/data/one.json": "{}",
    "src/shop/data/deep/two.json": "[]",
    "src/shop/data/deep/three.sql": "select 3",
    "src/shop/data/.hidden": "hidden",
    "src/shop/data/__pycache__/x.pyc": "x",
    "src/shop/_wasmcp/server.wasm": "output",
    "data/top.sql": "select 1",
    "vendor/lib/__init__.py": "",
    "vendor/lib/list.txt": "list",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def source(root: Path, *patterns: str, **options: Any) -> ComponentSource:
    return ComponentSource("shop", root / "src/shop/tools.py", root, options={"files": list(patterns), **options})


DATA = ["src/shop/data/deep/three.sql", "src/shop/data/deep/two.json", "src/shop/data/one.json"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("src/shop/data/**", DATA),
        ("src/shop/data/**/*.json", DATA[1:]),
        ("./src//shop/data/*", DATA[2:]),
        ("src/shop/data/*/t*.json", DATA[1:2]),
        ("src/shop/data/o??.json", DATA[2:]),
        ("src/**/deep/*.sql", DATA[:1]),
        ("**/*.sql", ["data/top.sql", DATA[0]]),
        ("src/shop/data/.h*", ["src/shop/data/.hidden"]),
        ("src/shop/data/**/.hidden", ["src/shop/data/.hidden"]),
        ("src/shop/*", ["src/shop/__init__.py", "src/shop/tools.py"]),
    ],
)
def test_patterns_match_files(project, pattern, expected):
    assert list(files_of(source(project, pattern))) == sorted(expected)


def test_files_of_several_patterns_are_sorted_and_taken_once(project):
    assert list(files_of(source(project, "src/shop/data/**", "**/*.json", "data/*"))) == ["data/top.sql", *DATA]


def refusal(found: ComponentSource) -> str:
    with pytest.raises(ToolchainError) as caught:
        files_of(found)
    return str(caught.value)


def test_patterns_without_a_file_are_reported_together(project):
    assert refusal(source(project, "data/*.md", "data", "gone/**")) == (
        "component `shop`: `files`: `data/*.md` matches no file; `data` matches no file: name its files, `data/**`; "
        "`gone/**` matches no file"
    )


def test_patterns_from_the_folder_of_the_source_name_those_of_the_project(project):
    (project / "src/shop/texts").mkdir()
    (project / "src/shop/texts/greeting.txt").write_text("hello")
    assert refusal(source(project, "texts/*.txt", "texts/*.md")) == (
        "component `shop`: `files`: `texts/*.txt` matches no file: patterns start at the folder of `pyproject.toml`, "
        "`src/shop/texts/*.txt`; `texts/*.md` matches no file"
    )


def test_links_are_followed_within_the_project_only(project, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("secret")
    data = project / "data"
    (data / "inside.sql").symlink_to("top.sql")
    (data / "folder").symlink_to(project / "src/shop/data/deep")
    (data / "folder/loop").symlink_to(project / "src/shop/data")
    found = files_of(source(project, "data/**"))
    assert [label for label in found if label.startswith("data/") and label.count("/") < 3] == [
        "data/folder/three.sql",
        "data/folder/two.json",
        "data/inside.sql",
        "data/top.sql",
    ]
    assert found["data/folder/two.json"].read_text() == "[]"
    (data / "file").symlink_to(tmp_path / "secret/key")
    (data / "outside").symlink_to(tmp_path / "secret")
    (data / "broken").symlink_to("nothing")
    assert refusal(source(project, "data/**")) == (
        "component `shop`: `files`: `data/broken` is a broken symbolic link; `data/file` is a symbolic link that "
        "leads out of the project; `data/outside` is a symbolic link that leads out of the project"
    )


def test_number_and_size_of_files_are_limited(project, monkeypatch):
    monkeypatch.setattr(staging, "MOST_FILES", 2)
    monkeypatch.setattr(staging, "MOST_BYTES", 11)
    assert refusal(source(project, "src/shop/data/**")) == (
        "component `shop`: `files`: 3 files match, and a component can have 2; the files have 12 bytes, and a "
        "component can have 11"
    )
    monkeypatch.setattr(staging, "MOST_ENTRIES", 3)
    assert "search more than 3 paths: name a folder" in refusal(source(project, "**"))


def test_files_are_next_to_the_modules_of_their_folder(project):
    found = source(project, "src/shop/data/one.json", "data/**", "vendor/**/*.txt")
    folders = [project / "src", project / "vendor"]
    assert {place: path.name for place, path in own_places(found, files_of(found), folders).items()} == {
        "/0/shop/data/one.json": "one.json",
        "/data/top.sql": "top.sql",
        "/0/lib/list.txt": "list.txt",
    }


def test_two_files_of_one_path_are_refused(project):
    (project / "vendor/shop/data").mkdir(parents=True)
    (project / "vendor/shop/data/one.json").write_text("{}")
    found = source(project, "src/shop/data/*", "vendor/shop/data/*", **{"python-path": ["vendor"]})
    with pytest.raises(ToolchainError) as caught:
        PythonToolchain().inputs(found)
    assert str(caught.value) == (
        "component `shop`: `files`: `src/shop/data/one.json` and `vendor/shop/data/one.json` have the same path in the "
        "component, `/0/shop/data/one.json`"
    )


def test_files_are_inputs(project):
    assert set(DATA) <= set(PythonToolchain().inputs(source(project, "src/shop/data/**")).files)


CONFIGURED = """\
[project]
name = "shop"
version = "1"

[tool.wasmcp.components.shop]
source = "{source}"
files = {files}

[tool.wasmcp.servers.default]
components = ["shop"]
"""


@pytest.mark.parametrize(
    ("file", "files", "problem"),
    [
        ("src/shop/tools.py", '"data/**"', "must be a list of strings, not 'data/**'"),
        ("src/shop/tools.py", "[1]", "must be a list of strings, not [1]"),
        (
            "src/shop/tools.py",
            '["../x", "/etc/passwd", "a\\\\b", "", "a**/b", "ok/**"]',
            (
                "names '../x', which leaves the project; '/etc/passwd', which is not a path relative to the project, "
                "with forward slashes; 'a\\\\b', which is not a path relative to the project, with forward slashes; "
                "'', which names no file; 'a**/b', where `**` is not a whole part of the path"
            ),
        ),
        (
            "src/shop/tools.zig",
            '["data/**"]',
            'has no effect in this language: embed each file, `@embedFile("data.json")`',
        ),
        (
            "src/shop/tools.rs",
            '["data/**"]',
            'has no effect in this language: include each file, `include_str!("data.json")`',
        ),
        (
            "src/shop/tools.ts",
            '["data/**"]',
            'has no effect in this language: import each file, `import text from "./query.sql" with { type: "text" }`',
        ),
    ],
)
def test_configuration_mistakes_are_named_with_their_path(project, file, files, problem):
    (project / file).touch()
    (project / "pyproject.toml").write_text(CONFIGURED.format(source=file, files=files))
    with pytest.raises(ConfigError) as caught:
        load(project)
    assert caught.value.problems == (f"`tool.wasmcp.components.shop.files` {problem}",)


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ComponentSource, Path]:
    """A component with the package `greetings`, and the folder of the fetched package."""
    index = tmp_path / "index"
    index.mkdir()
    files = {
        "greetings/__init__.py": "",
        "greetings/words/en.txt": "hello",
        "greetings/fast.c": "int",
        "other/x.txt": "",
    }
    wheel(index, "greetings", "1.2", files)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    (tmp_path / "tools.py").write_text("import greetings\n")
    found = ComponentSource("shop", tmp_path / "tools.py", tmp_path, options={"dependencies": ["greetings"]})
    resolved = dependencies.resolve(found, tmp_path / "cache", lambda _: None)
    found = replace(found, dependencies=resolved)
    folder = dependencies.install(found, tmp_path / "cache", lambda _: None)
    assert folder is not None
    return found, folder


def test_data_files_and_metadata_of_packages_are_taken(fetched):
    assert list(package_places(*fetched, ["greetings"])) == [
        "/0/greetings/words/en.txt",
        "/0/greetings-1.2.dist-info/METADATA",
        "/0/greetings-1.2.dist-info/WHEEL",
    ]


def test_data_files_of_packages_are_limited(fetched, monkeypatch):
    monkeypatch.setattr(staging, "MOST_FILES", 2)
    with pytest.raises(ToolchainError, match=r"its packages have 3 data files of .* bytes, most of them `greetings`;"):
        package_places(*fetched, ["greetings"])


def test_archive_is_the_same_for_the_same_files(project, tmp_path):
    found = source(project, "src/shop/data/**", "data/*")
    places = own_places(found, files_of(found), [project / "src"])
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        assert stage_archive(dict(reversed(places.items())) if name == "b" else places, folder)
        written.append([(folder / file).read_bytes() for file in (ARCHIVE, INDEX)])
    assert written[0] == written[1]
    archive = read_archive(str(tmp_path / "a" / ARCHIVE), str(tmp_path / "a" / INDEX))
    assert {path: archive.read(path) for path in archive} == {path: file.read_bytes() for path, file in places.items()}
    assert list(json.loads(written[0][1])) == sorted(places)
    assert not stage_archive({}, tmp_path)
