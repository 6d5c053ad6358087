from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from wasmcp.errors import ConfigError, ScaffoldError
from wasmcp.project import load
from wasmcp.project.scaffold import add_component, new_project
from wasmcp.project.template_files import LANGUAGES

ROOT = Path(__file__).parent.parent.parent

COMMENTED = """\
# The project.
[project]
name = "shop"  # of tea
version = "1.0.0"
optional-dependencies.dev = ["ruff", "wasmcp[ build , python ] >= 0.1; python_version > '3'"]

[dependency-groups]
test = [
    "pytest",
    "wasmcp[test,build]",  # with the compilers
    {include-group = "lint"},
]
lint = ["ruff"]

[tool.wasmcp.components.tea]  # the first
source = "shop/tea.py"

# Admin things.
[tool.wasmcp.components.admin]
source = "shop/admin.py"

# What users get.
[tool.wasmcp.servers.default]
components = [
    "tea",  # always
]
[tool.wasmcp.servers.admin]
components = ["tea", "admin"]

[tool.pytest.ini_options]
testpaths = ["checks/unit"]

# In between.
[build-system]
requires = ["hatchling", "wasmcp"]

[tool.ruff]
line-length = 120  # as ever
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Project with a hand-written `pyproject.toml`."""
    root = tmp_path / "shop"
    (root / "shop").mkdir(parents=True)
    for name in ("__init__", "tea", "admin"):
        (root / "shop" / f"{name}.py").write_text("")
    (root / "pyproject.toml").write_text(COMMENTED)
    return root


def new_lines(root: Path) -> list[str]:
    """Return the added or changed lines; all others must still exist, in their order."""
    lines = (root / "pyproject.toml").read_text().splitlines()
    old = COMMENTED.splitlines()
    kept = iter(lines)
    missing = [line for line in old if line not in kept and line]
    assert all("wasmcp[" in line or line.startswith("components") for line in missing), missing
    return [line for line in lines if line and line not in old]


def test_hand_written_pyproject(shop: Path) -> None:
    added = add_component(shop, "text-tools", "zig")
    assert (added.server, added.files) == (
        "default",
        ("checks/unit/test_text_tools.py", "zig/text_tools.zig"),
    )
    text = (shop / "pyproject.toml").read_text()
    assert '\n\n[tool.wasmcp.components.text-tools]\nsource = "zig/text_tools.zig"\n\n' in text
    assert '    "tea",  # always\n    "text-tools",\n]\n' in text
    assert '    "wasmcp[build,test,zig]",  # with the compilers\n' in text
    document = tomllib.loads(text)
    # The lines before and after the bracket stay.
    assert (
        document["project"]["optional-dependencies"]["dev"][1]
        == "wasmcp[build,python,zig] >= 0.1; python_version > '3'"
    )
    for comment in (
        "# The project.",
        "# of tea",
        "# the first",
        "# Admin",
        "# What users",
        "# In between.",
        "# as ever",
    ):
        assert text.count(comment) == 1
    assert load(shop).servers["default"].components == ("tea", "text-tools")
    assert '"text_tools_divide"' in (shop / "zig/text_tools.zig").read_text()
    assert "pytestmark" not in (shop / "checks/unit/test_text_tools.py").read_text()


def test_another_server(shop: Path) -> None:
    added = add_component(shop, "audit", "python", "full", server="admin")
    assert load(shop).servers["admin"].components == ("tea", "admin", "audit")
    assert load(shop).components["audit"].file == "shop/audit/main.py"
    assert set(added.files) == {
        *(f"shop/audit/{name}.py" for name in ("__init__", "main", "tools", "resources", "prompts")),
        *(f"checks/unit/test_audit_{part}.py" for part in ("tools", "resources", "prompts")),
    }
    test = (shop / "checks/unit/test_audit_tools.py").read_text()
    assert '\npytestmark = pytest.mark.wasmcp(server="admin")\n' in test
    assert "from shop.audit.tools import Count, audit_count, audit_shorten\n" in test
    assert "audit://note/{name}" in (shop / "shop/audit/resources.py").read_text()
    add_component(shop, "calc", "zig", server="admin")
    test = (shop / "checks/unit/test_calc.py").read_text()
    assert "\nimport pytest\n\nif TYPE_CHECKING:\n    from wasmcp.host import Server\n\npytestmark = " in test
    # Two more in the default server, in order.
    add_component(shop, "one", "zig")
    add_component(shop, "two", "zig")
    assert load(shop).servers["default"].components == ("tea", "one", "two")


def test_line_endings(shop: Path) -> None:
    (shop / "pyproject.toml").write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    add_component(shop, "calc", "zig")
    data = (shop / "pyproject.toml").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    assert b'\r\n\r\n[tool.wasmcp.components.calc]\r\nsource = "zig/calc.zig"\r\n\r\n' in data


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("template", ["tools", "full"])
def test_to_a_new_project(language: str, template: str, tmp_path: Path) -> None:
    if template not in LANGUAGES[language].templates:
        return
    root = new_project("my-server", "python", output=tmp_path).root
    added = add_component(root, "more", language, template)
    project = load(root)
    assert list(project.components) == ["my-server", "more"]
    assert project.servers["default"].components == ("my-server", "more")
    assert all((root / file).is_file() for file in added.files)
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    assert extras == [f"wasmcp[{','.join(sorted({'build', 'python', 'test', added.outline.extra}))}]"]


def test_to_the_example(tmp_path: Path) -> None:
    root = Path(shutil.copytree(ROOT / "example-project", tmp_path / "example"))
    before = (root / "pyproject.toml").read_text()
    add_component(root, "more", "python")
    after = (root / "pyproject.toml").read_text()
    added = '\n[tool.wasmcp.components.more]\nsource = "src/example/more.py"\n'
    assert after == before.replace("\n[tool.wasmcp.servers", f"{added}\n[tool.wasmcp.servers").replace(
        '["text", "calc"]', '["text", "calc", "more"]'
    )


def test_refused_addition_changes_nothing(shop: Path) -> None:
    (shop / "zig").mkdir()
    (shop / "zig/there.zig").write_text("mine")

    def refused(name: str, says: str, *, server: str | None = None, template: str = "tools") -> None:
        before = sorted(shop.rglob("*"))
        with pytest.raises(ScaffoldError) as caught:
            add_component(shop, name, "zig", template, server=server)
        assert says in str(caught.value)
        assert sorted(shop.rglob("*")) == before
        assert (shop / "pyproject.toml").read_text() == COMMENTED

    refused("tea", "`tool.wasmcp.components.tea` already exists in `pyproject.toml`")
    refused("Tea", "is not a name for a component")
    refused("there", "these files already exist and are not overwritten:\n  * `zig/there.zig`")
    refused("calc", "`tool.wasmcp.servers` has no server `amdin`; did you mean `admin`?", server="amdin")
    (shop / "zig/there.zig").unlink()
    (shop / "zig").rmdir()
    (shop / "zig").symlink_to(shop.parent)
    refused("calc", "leave the project through a link")


def test_a_name_that_is_an_alias(shop: Path) -> None:
    text = COMMENTED + '\n[tool.wasmcp.aliases]\ncalc = "acme:calc@1.0.0"\n'
    (shop / "pyproject.toml").write_text(text)
    with pytest.raises(ScaffoldError, match=r"`calc` cannot be added:\n.*has the name of a component"):
        add_component(shop, "calc", "zig")
    assert (shop / "pyproject.toml").read_text() == text
    assert not (shop / "zig").exists()


def test_failure_removes_all_files(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wasmcp.project import scaffold

    def fail(path: Path, data: bytes) -> None:
        if path.name == "pyproject.toml" and b"calc" in data:
            raise OSError(13, "Permission denied")
        write(path, data)

    write = scaffold.write_atomically
    monkeypatch.setattr(scaffold, "write_atomically", fail)
    before = sorted(shop.rglob("*"))
    with pytest.raises(ScaffoldError, match="`calc` cannot be added: Permission denied"):
        add_component(shop, "calc", "zig")
    assert sorted(shop.rglob("*")) == before


def test_invalid_projects(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(ConfigError, match=r"`pyproject.toml` not found in"):
        add_component(tmp_path, "calc", "zig")
    (shop / "pyproject.toml").write_text(COMMENTED.replace("tea.py", "tee.py"))
    with pytest.raises(ConfigError, match=r"`tool.wasmcp.components.tea.source` does not exist"):
        add_component(shop, "calc", "zig")
    (shop / "pyproject.toml").write_text(
        COMMENTED.replace("servers.default", "servers.one").replace("[tool.wasmcp.servers.admin]\ncomponents", "x")
    )
    with pytest.raises(ConfigError):
        add_component(shop, "calc", "zig")
    (shop / "pyproject.toml").write_text(COMMENTED.replace("servers.default", "servers.one"))
    with pytest.raises(ScaffoldError, match=r"has no server `default`.*; choose one with `--server`"):
        add_component(shop, "calc", "zig")


def test_a_table_on_one_line(shop: Path) -> None:
    inline = (
        'tool.wasmcp = {components = {tea = {source = "shop/tea.py"}}, servers = {default = {components = ["tea"]}}}\n'
    )
    (shop / "pyproject.toml").write_text(inline + '[project]\nname = "shop"\nversion = "1"\n')
    add_component(shop, "calc", "zig")
    assert load(shop).servers["default"].components == ("tea", "calc")
