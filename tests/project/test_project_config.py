from __future__ import annotations

from pathlib import Path

import pytest
from support.projects import write_project

from wasmcp.compose.metadata import AUTHORIZATIONS
from wasmcp.errors import ConfigError
from wasmcp.host.configuration.declared import Configuration, Directory, Variable
from wasmcp.project.config import load
from wasmcp.project.model import ServerConfig

MISTAKES = Path(__file__).parent / "mistakes"

GOOD = """\
[project]
name = "my-demo"
version = "1.0"
description = "Does things"
urls = { homepage = "https://example.org" }

[tool.wasmcp.components.text]
source = "src/my_demo/tools.py"
grants = ["http", "env"]
config = { greeting = "Hello", deep = { list = [1, 2.5, true] } }
[tool.wasmcp.components.calc]
source = "zig/calc.zig"
dynamic = true
grants = ["middleware"]
extensions = { "com.example/numbers" = {} }
[tool.wasmcp.components.vendored]
path = "vendor/tools.wasm"

[tool.wasmcp.servers.default]
components = ["calc", "text"]
title = "Demo"
extensions = { "com.example/shapes" = { sides = [3, 4] }, "com.example/plain" = {} }
[tool.wasmcp.servers.small]
components = ["vendored"]
name = "small"
description = "Less"
website-url = "https://example.org/small"
instructions = "Ask."
on-duplicate = "first"
"""


def make_tree(root: Path, package: str = "demo") -> Path:
    for name in (f"src/{package}/__init__.py", f"src/{package}/tools.py", "zig/calc.zig", "vendor/tools.wasm"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


@pytest.mark.parametrize("case", sorted(path.stem for path in MISTAKES.glob("*.toml")))
def test_all_mistakes_are_reported_at_once(case: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    if case == "no_package":
        make_tree(tmp_path, "other")
    (tmp_path / "pyproject.toml").write_bytes((MISTAKES / f"{case}.toml").read_bytes())
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    expected = (MISTAKES / f"{case}.txt").read_text("utf-8")
    assert str(caught.value) + "\n" == expected
    assert len(caught.value.problems) == expected.count("\n  * ")


def test_every_case_has_its_message() -> None:
    assert {path.stem for path in MISTAKES.glob("*.toml")} == {path.stem for path in MISTAKES.glob("*.txt")}


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`pyproject\.toml` not found"):
        load(tmp_path)


OPTIONS = """\
[project]
name = "my-demo"
[tool.wasmcp.components.text]
source = "src/my_demo/tools.py"
dependencies = ["jinja2>=3"]
{more}
[tool.wasmcp.servers.default]
components = ["text"]
"""


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('python-path = "vendor"', "`tool.wasmcp.components.text.python-path` must be a list of strings"),
        (
            "[tool.wasmcp.components.text.python]\ndependencies = []",
            "`tool.wasmcp.components.text.dependencies` is given twice",
        ),
        ('dependencys = ["x"]', "`tool.wasmcp.components.text.dependencys` is unknown; did you mean `dependencies`?"),
        ('optimize = "Debug"', "`tool.wasmcp.components.text.optimize` is unknown"),
    ],
)
def test_mistakes_in_options_of_the_toolchain(tmp_path: Path, more: str, problem: str) -> None:
    make_tree(tmp_path, "my_demo")
    (tmp_path / "pyproject.toml").write_text(OPTIONS.replace("{more}", more))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert problem in str(caught.value)


def test_options_of_the_toolchain_may_be_in_its_own_table(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    below = "[tool.wasmcp.components.text.python]\npython-path = []"
    (tmp_path / "pyproject.toml").write_text(OPTIONS.replace("{more}", below))
    assert load(tmp_path).components["text"].options == {"dependencies": ["jinja2>=3"], "python-path": []}


def test_valid_configuration(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    (tmp_path / "pyproject.toml").write_text(GOOD)
    project = load(tmp_path)
    assert (project.name, project.version, project.package) == ("my-demo", "1.0", "src/my_demo")
    text, calc, vendored = project.components.values()
    assert (text.file, text.language, text.grants, text.dynamic) == (
        "src/my_demo/tools.py",
        "python",
        {"http", "env"},
        False,
    )
    assert (text.values, calc.values) == ({"greeting": "Hello", "deep": {"list": [1, 2.5, True]}}, {})
    assert (calc.language, calc.grants, calc.dynamic) == ("zig", {"middleware"}, True)
    assert (calc.extensions, text.extensions) == ({"com.example/numbers": {}}, {})
    assert (vendored.file, vendored.language) == ("vendor/tools.wasm", None)
    default, small = project.servers.values()
    assert default.components == ("calc", "text")
    assert (default.name, default.title, default.on_duplicate) == ("my-demo", "Demo", "error")
    assert default.extensions == {"com.example/shapes": {"sides": [3, 4]}, "com.example/plain": {}}
    assert small.extensions == {}
    assert (default.description, default.website_url) == ("Does things", "https://example.org")
    assert (small.name, small.description, small.website_url, small.instructions, small.on_duplicate) == (
        "small",
        "Less",
        "https://example.org/small",
        "Ask.",
        "first",
    )


NAMESPACE = """\
[project]
name = "acme-tools"
{tables}
[tool.wasmcp.components.calc]
path = "calc.wasm"
[tool.wasmcp.servers.default]
components = ["calc"]
"""
PACKAGES = '[tool.hatch.build.targets.wheel]\npackages = ["src/acme"]'
EXTENDED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


@pytest.mark.parametrize(
    ("files", "tables", "package"),
    [
        # The namespace is shared; the package inside belongs to the distribution.
        ({"src/acme/tools/__init__.py": ""}, PACKAGES, "src/acme/tools"),
        ({"src/acme/__init__.py": EXTENDED, "src/acme/tools/__init__.py": ""}, PACKAGES, "src/acme/tools"),
        ({"src/acme/deep/tools/__init__.py": ""}, PACKAGES, "src/acme/deep/tools"),
        ({"acme/acme_tools/__init__.py": ""}, "", "acme/acme_tools"),
        ({"src/acme/__init__.py": ""}, PACKAGES, "src/acme"),
        # Named like the project, it belongs to the project even without `__init__.py`.
        ({"src/acme_tools/x.py": ""}, '[tool.wasmcp]\npackage = "src/acme_tools"', "src/acme_tools"),
    ],
)
def test_servers_stay_out_of_namespaces(tmp_path: Path, files: dict[str, str], tables: str, package: str) -> None:
    write_project(tmp_path, {**files, "calc.wasm": "", "pyproject.toml": NAMESPACE.replace("{tables}", tables)})
    assert load(tmp_path).package == package


@pytest.mark.parametrize(
    ("files", "tables", "problem"),
    [
        (
            {"src/acme/tools/__init__.py": "", "src/acme/more/__init__.py": ""},
            PACKAGES,
            r"`src/acme` is a namespace package \(it has no `__init__\.py`\).* `more`, `tools`; name it",
        ),
        ({"src/acme/tools.py": ""}, PACKAGES, r"`tool\.wasmcp\.package` is needed.* would replace each other"),
        (
            {"src/acme/tools/__init__.py": ""},
            '[tool.wasmcp]\npackage = "src/acme"',
            r"`tool\.wasmcp\.package` names `src/acme`, which is a namespace package .*; name a package inside it",
        ),
    ],
)
def test_namespace_without_a_single_package(tmp_path: Path, files: dict[str, str], tables: str, problem: str) -> None:
    write_project(tmp_path, {**files, "calc.wasm": "", "pyproject.toml": NAMESPACE.replace("{tables}", tables)})
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path)


OPERATOR = """\
[project]
name = "demo"
[tool.wasmcp.components.calc]
source = "zig/calc.zig"
grants = ["env", "fs", "kv"]
[tool.wasmcp.servers.default]
components = ["calc"]
keyvalue = "sqlite:{data}/graph.sqlite3"
[tool.wasmcp.servers.default.env]
API_KEY = { description = "Key", required = true, secret = true }
PREFIX = { default = "", choices = ["", "x"] }
[tool.wasmcp.servers.default.directories]
"/data" = { description = "Files", writable = true, default = "~/Files", env = "FILES" }
"/" = {}
"""


def test_configuration_of_a_server(tmp_path: Path) -> None:
    make_tree(tmp_path)
    (tmp_path / "pyproject.toml").write_text(OPERATOR)
    assert load(tmp_path).servers["default"].configuration == Configuration(
        (
            Variable("API_KEY", "Key", required=True, secret=True),
            Variable("PREFIX", default="", choices=("", "x")),
        ),
        (Directory("/data", "Files", writable=True, default="~/Files", variable="FILES"), Directory("/")),
        "sqlite:{data}/graph.sqlite3",
    )


def test_grants_with_rules(tmp_path: Path) -> None:
    make_tree(tmp_path)
    table = 'grants = { http = ["https://A.org"], env = ["API_KEY", "PREFIX"], fs = true, kv = true }'
    (tmp_path / "pyproject.toml").write_text(OPERATOR.replace('grants = ["env", "fs", "kv"]', table))
    config = load(tmp_path).components["calc"]
    assert config.grants == {"http", "env", "fs", "kv"}
    assert config.rules.to_dict() == {"http": ["https://a.org"], "env": ["API_KEY", "PREFIX"]}


def test_outputs_follow_from_the_configuration_alone(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    (tmp_path / "pyproject.toml").write_text(GOOD)
    names = [path.relative_to(tmp_path).as_posix() for path in load(tmp_path).outputs]
    folder = "src/my_demo/_wasmcp"
    assert names == [f"{folder}/default.wasm", f"{folder}/small.wasm", f"{folder}/manifest.json"]


def test_cleaning_needs_no_sources(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    (tmp_path / "pyproject.toml").write_text(GOOD)
    (tmp_path / "zig/calc.zig").unlink()
    with pytest.raises(ConfigError, match=r"calc\.source` does not exist"):
        load(tmp_path)
    assert load(tmp_path, check_files=False).servers


def test_a_link_out_of_the_project(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "project", "my_demo")
    (tmp_path / "outside.zig").write_text("")
    (root / "zig/calc.zig").unlink()
    (root / "zig/calc.zig").symlink_to(tmp_path / "outside.zig")
    (root / "pyproject.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match="leads out of the project through a link"):
        load(root)


def test_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f"a = {'[' * 20_000}")
    with pytest.raises(ConfigError, match="not TOML"):
        load(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match=r"`pyproject\.toml` in `.*` cannot be read: Is a directory"):
        load(tmp_path)


def test_a_loop_of_links_is_a_missing_file(tmp_path: Path) -> None:
    root = make_tree(tmp_path, "my_demo")
    (root / "zig/calc.zig").unlink()
    (root / "zig/calc.zig").symlink_to(root / "zig/calc.zig")
    (root / "pyproject.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"calc\.source` does not exist"):
        load(root)


def test_a_project_under_a_linked_folder(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "real", "my_demo")
    (root / "pyproject.toml").write_text(GOOD)
    (tmp_path / "link").symlink_to(root)
    assert load(tmp_path / "link").root == tmp_path / "link"


def test_the_command_lines_names_are_checked_too(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    (tmp_path / "pyproject.toml").write_text(
        GOOD + '[tool.wasmcp.aliases]\ncalc = "x:y"\nlist = "x:y"\nother = 1\n[tool.wasmcp.profiles]\np = 1\n'
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.problems == (
        "`tool.wasmcp.aliases.other` must be a string that names a component",
        "`tool.wasmcp.profiles.p` must be a table",
    )
    (tmp_path / "pyproject.toml").write_text(
        GOOD
        + '[tool.wasmcp.aliases]\ncalc = "x:y"\nlist = "x:y"\np = "x:y"\n[tool.wasmcp.profiles.p]\ncomponents = []\n'
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.problems == (
        "`tool.wasmcp.aliases.calc` has the name of a component: rename one of them",
        "`tool.wasmcp.aliases.list`: `list` is reserved: it is a command's name",
        "`tool.wasmcp.aliases.p` has the name of a profile: rename one of them",
    )


def server_with(root: Path, line: str) -> ServerConfig:
    (make_tree(root, "my_demo") / "pyproject.toml").write_text(f"{GOOD}{line}\n")
    return load(root).servers["small"]


@pytest.mark.parametrize("auth", AUTHORIZATIONS)
def test_authorization_of_a_server(tmp_path: Path, auth: str) -> None:
    assert server_with(tmp_path, f'auth = "{auth}"').auth == auth


def test_a_server_leaves_authorization_to_its_operator(tmp_path: Path) -> None:
    assert server_with(tmp_path, "").auth == "operator"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('auth = "oauth"', "`tool.wasmcp.servers.small.auth` must be"),
        ("auth = true", "`tool.wasmcp.servers.small.auth` must be"),
        (
            'auth = "none"\nsettings = { WASMCP_AUTH_MODE = "oauth" }',
            '`tool.wasmcp.servers.small.settings` has `WASMCP_AUTH_MODE`, which has no effect with `auth = "none"`',
        ),
        (
            'auth = "none"\nlimits = { by = "identity", tools = "1/minute" }',
            '`tool.wasmcp.servers.small.limits` has `by = "identity"`, but a server with `auth = "none"` has no',
        ),
    ],
)
def test_authorization_that_cannot_hold_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        server_with(tmp_path, line)
    assert problem in str(error.value)


def test_target_runtime(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    path = tmp_path / "pyproject.toml"
    path.write_text(GOOD)
    assert load(tmp_path).servers["small"].runtime == "wasmcp"
    path.write_text(GOOD + 'runtime = "spin"\n')
    assert load(tmp_path).servers["small"].runtime == "spin"
    path.write_text(GOOD + 'runtime = "wasmer"\n')
    with pytest.raises(ConfigError, match="must be one of `wasmcp`, `wasmtime`, `spin`, `wasmcloud`, not `wasmer`"):
        load(tmp_path)


def test_replacing_components_of_the_framework(tmp_path: Path) -> None:
    make_tree(tmp_path, "my_demo")
    path = tmp_path / "pyproject.toml"
    path.write_text(GOOD + 'framework = { transport = "vendor/tools.wasm" }\n')
    assert load(tmp_path).servers["small"].framework == {"transport": "vendor/tools.wasm"}
    path.write_text(GOOD + 'framework = { transports = "vendor/tools.wasm", server-io = "none.wasm", catalogue = 1 }\n')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    place = "`tool.wasmcp.servers.small.framework."
    assert set(caught.value.problems) == {
        f"{place}transports` is not a framework component; did you mean `transport`?",
        f"{place}server-io` does not exist: `none.wasm`",
        f"{place}catalogue` must be a string, not an integer (1)",
    }


COERCING = """\
[project]
name = "demo"
version = "1.0"
[tool.wasmcp.components.text]
source = "src/demo/tools.py"
%s
[tool.wasmcp.components.calc]
source = "zig/calc.zig"
[tool.wasmcp.servers.one]
components = [%s]
%s
[tool.wasmcp.servers.two]
components = ["text"]
%s
"""


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        (("", '"text"', "coerce = true", "coerce = true"), {"coerce": True}),
        (("coerce = true", '"text"', "", ""), {"coerce": True}),
        (("coerce = false", '"text"', "coerce = true", ""), {"coerce": False}),
        (("schema-references = true", '"text"', "", ""), {"schema-references": True}),
        (("", '"text"', "", ""), {}),
    ],
)
def test_tools_of_a_component_or_of_a_server_coerce(
    tmp_path: Path, keys: tuple[str, str, str, str], options: dict[str, bool]
) -> None:
    root = make_tree(tmp_path)
    (root / "pyproject.toml").write_text(COERCING % keys)
    assert load(root).components["text"].options == options


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            ("", '"text"', "coerce = true", ""),
            "one.coerce` differs from `tool.wasmcp.servers.two`, which has the component",
        ),
        (("", '"text"', "coerce = true", "coerce = false"), "Set it in both, or in `tool.wasmcp.components.text`"),
        (("", '"text", "calc"', "coerce = true", "coerce = true"), "is for components in Python, and `calc` is in zig"),
        (('coerce = "yes"', '"text"', "", ""), "`tool.wasmcp.components.text.coerce` must be a boolean"),
        (("", '"text"', "coerce = 1", ""), "`tool.wasmcp.servers.one.coerce` must be a boolean, not an integer"),
    ],
)
def test_invalid_coerce_is_refused(tmp_path: Path, keys: tuple[str, str, str, str], problem: str) -> None:
    root = make_tree(tmp_path)
    (root / "pyproject.toml").write_text(COERCING % keys)
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert problem in str(caught.value)
