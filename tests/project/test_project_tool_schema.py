"""JSON Schema of `[tool.wasmcp]`: it accepts what the reader accepts, and refuses what it refuses for its form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wasmcp.compose.interfaces import GRANTS
from wasmcp.compose.metadata import BAKED
from wasmcp.errors import ConfigError
from wasmcp.project.config import parse
from wasmcp.project.toml_table import COMPONENT, ROOT, SERVER, Key
from wasmcp.project.tool_schema import pyproject_schema, schema
from wasmcp.toolchains import LANGUAGES, toolchain

REPOSITORY = Path(__file__).parents[2]
SCHEMA = schema()
PROJECTS = ("example-project", "example-servers/everything")

OF_OTHER_TABLES = (
    "names an unknown component",
    "reaches no component: none of",
    "which no component can read",
    "which no component can use",
    "is not one of `choices`",
    "has the name of a ",
    "is reserved: it is a command's name",
    "is not a usable name: letters, digits, `-` and `_`",
    "is for components in Python",
    "differs from `tool.wasmcp.servers",
    "is not a folder of the project",
    "repeats an earlier rule",
    "`tool.wasmcp.components.{}.package` is invalid",
    "has the host",
    "has the port",
    'must be `"HOST/PREFIX"`, the place',
    "nested deeper than",
)
"""Problems that depend on other tables or on files, or are about a grammar that the schema describes in part."""


def validator() -> Any:
    return _compiled()


@cache
def _compiled() -> Any:
    return fastjsonschema.compile(schema())  # which changes its argument


def accepted(document: Mapping[str, Any]) -> bool:
    try:
        validator()(dict(document))
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder with one package."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "src/demo").mkdir(parents=True)
    (folder / "src/demo/__init__.py").touch()
    return folder


def problems(document: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    try:
        parse({"project": {"name": "demo"}, "tool": {"wasmcp": document}}, root, check_files=False)
    except ConfigError as error:
        return error.problems
    return ()


def expressible(problem: str) -> bool:
    general = re.sub(r"`tool\.wasmcp\.components\.[^.`]+\.package`", "`tool.wasmcp.components.{}.package`", problem)
    return not any(one in general for one in OF_OTHER_TABLES)


TEXTS = ["a", "", " ", "x y", "\n", "a\nb", "*", "/", "..", "a/../b", "/mcp", "/mcp/math", "/mcp/..", "C:/x", "a\\b"]
PATHS = [
    "a.py",
    "src/a.ts",
    "zig/a.zig",
    "Cargo.toml",
    "a.wasm",
    "a",
    "/a.py",
    "../a.py",
    "a..py",
    "a/..b/c.rs",
    "a.py/",
]
SAMPLES: dict[str, list[Any]] = {
    "line": ["one line", "two\nlines"],
    "project path": PATHS,
    "host path": [
        "/a",
        "~/a",
        "~",
        "~a",
        "{data}/x",
        "{data}",
        "{data}x",
        "C:\\a",
        "C:a",
        "\\\\host\\share",
        "a",
        "/a/../b",
    ],
    "store": ["memory:", "sqlite:/a", "sqlite:{data}/a", "sqlite:a", "sqlite:", "redis:x", "sqlite:/../a", "memory:x"],
    "variable": ["API_KEY", "a.b-c", "1A", "WASMCP_X", "wasmcp_x", "Wasmcpx", "a b", ""],
    "endpoint": ["/mcp", "/mcp/math", "/mcp/a.b", "/mcp/..", "/mcp/.", "/mcpx", "/", "/mcp/", "/mcp//a"],
    "guest path": ["/", "/a", "/a/b", "/a/", "a", "/a/../b", "/a/./b", "//a", "///a", "/.a", "/a//b", "/..."],
    "name": ["text", "a.b", "A", "-a", "a-", "a" * 64, "a" * 65, ""],
    "rate": ["10/minute", "1 / day", " 5/hour ", "0/day", "1/week", "1/days", "1"],
    "rates": [{}, {"add": "1/second"}, {"add": 1}, {"": "1/second"}],
    "reference": ["a:b", "a:b@^1", "oci://h.example/x:1", "oci://h.example", "a", "A:b", "a:b@", "a:b/c", "a:b@1.0.0"],
    "skill path": ["acme", "acme/billing-2", "a.b", ".a", "a/", "/a", "a//b", "..", "a/..", "a b", ""],
    "scope": ["read", "a:b", "a b", 'a"b', "", "\\"],
    "claims": [
        {},
        {"roles": "a"},
        {"roles": ["a", 1, True]},
        {"roles": []},
        {"a": {"b": {"c": 1}}},
        {"a": {}},
        {"a": {"scope": "x"}},
        {"scope": "x"},
        {"n": 2**53},
        {"n": 2**53 - 1},
        {"n": 0.5},
        {"n": [0.5]},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}},
    ],
    "values": [{}, {"a": [1, {"b": 2.5}], "c": True}],
    "extensions": [{}, {"com.example/a": {}}, {"com.example/a": {"x": [1]}}, {"a": {}}, {"com.example/a": 1}],
    "settings": [
        {},
        *({name: "1"} for name in BAKED[:3]),
        {"JWT_ISSUER": "i"},
        {"WASMCP_MAX_BODY": "1"},
        {BAKED[0]: ""},
        {BAKED[0]: 1},
    ],
    "aliases": [{}, {"one": "./x.wasm"}, {"one": ""}, {"one": 1}, {"-x": "./a"}],
    "profiles": [
        {},
        {"dev": {"components": ["./a.wasm"]}},
        {"dev": {"components": [""]}},
        {"dev": {"base": "x", "output": "d.wasm"}},
        {"dev": {"base": 1}},
        {"dev": {"output": ""}},
        {"dev": 1},
    ],
    "namespaces": [{}, {"acme": "registry.example.com/x"}, {"Acme": "r/x"}, {"acme": 1}, {"acme": "localhost:5000"}],
    "signature policy": [
        {},
        {"require-signature": True},
        {"require-signature": ["acme"]},
        {"require-signature": [1]},
        {"keys": {"acme": "a.pub"}},
        {"keys": {"acme": ["a.pub", "b.pub"]}},
        {"keys": {"acme": 1}},
        {"identities": {"acme": [{"identity": "a", "issuer": "b"}]}},
        {"identities": {"acme": {"identity": "a", "issuer": "b"}}},
        {"identities": {"acme": [{"identity": "*", "issuer": "b"}]}},
        {"identities": {"acme": [{"identity": "a"}]}},
        {"trusted-root": "root.json"},
        {"trusted-root": 1},
        {"other": 1},
    ],
    "grants": [
        [],
        ["http"],
        ["http", "http"],
        ["middleware"],
        ["https"],
        *({family: True} for family in GRANTS),
        {"http": False},
        {"http": []},
        {"http": ["https://a.example"]},
        {"http": ["https://a.example/"]},
        {"http": ["HTTPS://a.example:8443"]},
        {"http": ["https://a.example/x"]},
        {"http": ["https://u@a.example"]},
        {"http": ["ftp://a.example"]},
        {"http": ["https://*"]},
        {"http": [{"url": "https://*.a.example", "methods": ["GET"]}]},
        {"http": [{"url": "https://a.example", "methods": []}]},
        {"http": [{"url": "https://a.example", "methods": ["get"]}]},
        {"http": [{"methods": ["GET"]}]},
        {"http": [1]},
        {"http": ["https://[::1]"]},
        {"env": ["A"]},
        {"env": ["A", "A"]},
        {"env": ["A*"]},
        {"env": ["A=B"]},
        {"env": [""]},
        {"kv": ["bucket:"]},
        {"kv": ["bucket:a*"]},
        {"kv": ["bucket:a*b"]},
        {"kv": ["notes"]},
        {"kv": ["bucket:wasmcp:x"]},
        {"kv": [{"bucket": "a", "prefix": "b/", "access": "read"}]},
        {"kv": [{"bucket": "a", "access": "all"}]},
        {"kv": [{"bucket": "a", "x": 1}]},
        {"fs": ["/a"]},
        {"fs": ["a"]},
        {"fs": ["/a/../b"]},
        {"fs": ["//a"]},
        {"fs": [{"path": "/a", "access": "write"}]},
        {"fs": [{"path": "/a", "access": "x"}]},
        {"sockets": ["x"]},
        {"other": True},
    ],
}
WRONG = [1, True, "text", [], {}, ["a"], {"a": 1}, 2.5, [1]]
FILES = ["data/*", "**", "a/**/b", "/a", "../a", "a**", "**a", ".", "./", "", "a\\b", "C:/a", "a..b", "..."]


def value_of(key: Key) -> st.SearchStrategy[Any]:
    """Return a strategy of values of a key: mostly of its type, right and wrong ones."""
    if key.kind == "boolean":
        fitting: st.SearchStrategy[Any] = st.booleans()
    elif key.kind == "string":
        fitting = st.sampled_from(key.choices or SAMPLES.get(key.form, ["a", "x y", "", "\n"]))
    elif key.kind in ("strings", "texts"):
        fitting = st.lists(st.sampled_from(SAMPLES.get(key.form, TEXTS)), min_size=1, max_size=2)
    elif key.kind == "grants":
        fitting = st.sampled_from(SAMPLES["grants"])
    elif key.keys is None:
        fitting = st.sampled_from(SAMPLES.get(key.form, [{}]))
    else:
        below = table_of(key.keys)
        fitting = {
            "table": below,
            "tables": st.dictionaries(st.sampled_from(SAMPLES.get(key.names, TEXTS)), below, max_size=2),
            "one or more": below | st.lists(below, max_size=2),
        }[key.kind]
    if key.form in SAMPLES and key.kind in ("string", "table"):
        fitting = st.just(SAMPLES[key.form][0]) | fitting
    return st.one_of(*[fitting] * 24, st.sampled_from(WRONG))


def table_of(keys: Mapping[str, Key]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of tables with some of the keys, and now and then an unknown one."""

    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(keys)), max_size=3, unique=True))
        found = {name: draw(value_of(keys[name])) for name in names}
        if draw(st.integers(0, 40)) == 0:
            found["unknown-key"] = 1
        return found

    return made()


def options() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of options of the toolchains, of all languages."""
    names = sorted({option.name for language in LANGUAGES for option in toolchain(language).options})
    choices = sorted(
        {one for language in LANGUAGES for option in toolchain(language).options for one in option.choices}
    )
    values = st.one_of(
        st.booleans(), st.sampled_from([*choices, "x"]), st.lists(st.sampled_from(FILES), max_size=2), st.just(1)
    )
    return st.dictionaries(st.sampled_from(names), values, max_size=2)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return a configuration with a component and a server, both varied."""
    component = {"source": draw(st.sampled_from(PATHS[:4]))}
    if draw(st.integers(0, 3)) == 0:
        component = {"path": "a.wasm"}
    component["grants"] = GRANTED
    component |= draw(table_of(COMPONENT))
    if draw(st.integers(0, 2)) == 0:
        component |= draw(options())
    if draw(st.integers(0, 4)) == 0:
        component[draw(st.sampled_from(sorted(LANGUAGES)))] = draw(options())
    server = {"components": ["text"]} | draw(table_of(SERVER))
    found = {"components": {"text": component}, "servers": {"default": server}}
    if draw(st.integers(0, 2)) == 0:
        found |= draw(table_of(ROOT))
    return found


GRANTED = ["env", "fs", "kv", "middleware"]
BASE = {"components": {"text": {"source": "a.py", "grants": GRANTED}}, "servers": {"default": {"components": ["text"]}}}


@settings(max_examples=600)
@given(document=documents())
@example(document=BASE)
def test_schema_and_reader_agree(root: Path, document: dict[str, Any]) -> None:
    found, fits = problems(document, root), accepted(document)
    if not found:
        assert fits, json.dumps(document)
    elif fits:
        left = [one for one in found if expressible(one)]
        assert not left, f"{json.dumps(document)}\n{left}"


def placed(*path: str, value: Any) -> dict[str, Any]:
    """Return the base with a value at a path."""
    document: dict[str, Any] = json.loads(json.dumps(BASE))
    table = document
    for name in path[:-1]:
        table = table.setdefault(name, {})
    table[path[-1]] = value
    return document


def samples() -> list[tuple[tuple[str, ...], Any]]:
    """Return each sample of a form at each place that has this form, and a value of another type at each key."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for prefix, keys in (((), ROOT), (("components", "text"), COMPONENT), (("servers", "default"), SERVER)):
        for name, key in keys.items():
            found += [((*prefix, name), value) for value in [*SAMPLES.get(key.form or key.kind, []), *WRONG]]
            if key.keys is not None and key.kind == "tables" and key.names and prefix:
                below = {"allow": [{"tools": ["a"]}]} if key.names == "endpoint" else {}
                found += [((*prefix, name, one), below) for one in SAMPLES[key.names]]
                for inner, one in key.keys.items():
                    place = (*prefix, name, SAMPLES[key.names][0], inner)
                    found += [(place, value) for value in [*SAMPLES.get(one.form, []), *WRONG]]
    return found


def test_schema_and_reader_agree_about_every_sample(root: Path) -> None:
    for path, value in samples():
        document = placed(*path, value=value)
        found, fits = problems(document, root), accepted(document)
        if found:
            left = [one for one in found if expressible(one)]
            assert not (fits and left), (path, value, left)
        else:
            assert fits, (path, value)


def test_every_form_of_the_schema_has_samples() -> None:
    forms: set[str] = set()

    def collect(keys: Mapping[str, Key]) -> None:
        for key in keys.values():
            forms.update({key.form, key.names} - {""})
            if key.keys is not None:
                collect(key.keys)

    collect(ROOT)
    assert forms - {"some", "can be empty", "options"} <= SAMPLES.keys()


@pytest.mark.parametrize("project", PROJECTS)
def test_projects_of_the_repository_are_valid(project: str) -> None:
    document = tomllib.loads((REPOSITORY / project / "pyproject.toml").read_text("utf-8"))
    errors = jsonschema.Draft7Validator(SCHEMA).iter_errors(document["tool"]["wasmcp"])
    assert [error.message for error in errors] == []
    assert accepted(document["tool"]["wasmcp"])


def test_schema_is_valid() -> None:
    errors = jsonschema.Draft7Validator(jsonschema.Draft7Validator.META_SCHEMA).iter_errors(SCHEMA)
    assert [error.message for error in errors] == []


def test_keys_are_those_of_the_reference() -> None:
    page = (REPOSITORY / "docs/reference/configuration.md").read_text("utf-8")

    def listed(heading: str) -> set[str]:
        section = page.partition(f"\n## `{heading}`\n")[2].partition("\n## ")[0].partition("\n### ")[0]
        return {
            name
            for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
            for name in re.findall(r"`([\w-]+)`", row)
        }

    options = {option.name for language in LANGUAGES for option in toolchain(language).options if not option.instead}
    assert listed("[tool.wasmcp.components.NAME]") == (COMPONENT.keys() - LANGUAGES.keys()) | options
    assert listed("[tool.wasmcp.servers.NAME]") == SERVER.keys()


FAULTS = {
    'title = "x"': "title = 5",
    'components = ["text"]': 'components = ["text"]\non_duplicate = "first"',
    'source = "a.py"': 'source = "a.py"\nlanguage = "cobol"',
}
GOOD = """\
[build-system]
requires = ["hatchling", "wasmcp"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[tool.wasmcp.components.text]
source = "a.py"

[tool.wasmcp.servers.default]
components = ["text"]
title = "x"
"""


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    """Run `validate-pyproject`, which finds the schema by its entry point."""
    command = [sys.executable, "-m", "validate_pyproject", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_validate_pyproject_uses_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    for project in PROJECTS:
        done = validate(REPOSITORY / project / "pyproject.toml")
        assert done.returncode == 0, done.stdout + done.stderr
    path.write_text(GOOD)
    assert validate(path).returncode == 0
    for right, wrong in FAULTS.items():
        assert right in GOOD
        path.write_text(GOOD.replace(right, wrong))
        done = validate(path)
        assert done.returncode == 1, wrong
        assert "tool.wasmcp" in done.stdout + done.stderr, wrong


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder."""
    program = str(Path(sys.executable).parent / command[0])
    return subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False, timeout=120, cwd=folder)


def test_taplo_uses_the_schema_as_the_reference_describes(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/reference/configuration.md").read_text("utf-8")
    section = page.partition("\n## JSON Schema\n")[2].partition("\n## ")[0]
    (settings_file,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    write, check = re.findall(r"^\$ ((?:wasmcp|taplo) .*)$", section, re.MULTILINE)
    done = run(write.split(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "pyproject.schema.json").read_text("utf-8")) == pyproject_schema()
    (tmp_path / ".taplo.toml").write_text(settings_file)
    path = tmp_path / "pyproject.toml"
    for project in PROJECTS:
        path.write_text((REPOSITORY / project / "pyproject.toml").read_text("utf-8"))
        done = run(check.split(), tmp_path)
        assert done.returncode == 0, done.stderr
    for right, wrong in FAULTS.items():
        path.write_text(GOOD.replace(right, wrong))
        done = run(check.split(), tmp_path)
        assert done.returncode != 0, wrong


def test_command_prints_the_schema_of_the_table(tmp_path: Path) -> None:
    assert json.loads(run(["wasmcp", "schema"], tmp_path).stdout) == SCHEMA
