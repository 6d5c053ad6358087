"""Skills of a project: folders, front matter, links, and every mistake at once."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project

from wasmcp.errors import CatalogueError, ConfigError, SkillsError
from wasmcp.host import open_server
from wasmcp.project import ensure_built, load, plan, resolve
from wasmcp.project.component_files import folders_of, read_skills
from wasmcp.project.config import parse
from wasmcp.project.manifest import read, render_sbom
from wasmcp.project.model import SkillFolders

SKILLS = SkillFolders(("skills/*",))


def skill_text(name: str, front: str = "", body: str = "# Text\n", description: str = "Do a thing") -> str:
    return f"---\nname: {name}\ndescription: {description}\n{front}---\n{body}"


def files(root: Path, contents: dict[str, str | bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def test_files_of_a_skill(tmp_path: Path) -> None:
    body = (
        "See [guide](references/GUIDE.md#part), [templates](templates/), [web](https://example.com/a/b), [part](#x), "
        "![logo](<assets/my logo.png>), [root](/etc/passwd) and `[code](missing.md)`.\n"
    )
    files(
        tmp_path,
        {
            "skills/pdf/SKILL.md": skill_text("pdf", 'license: MIT\nmetadata:\n  version: "1.0"\n  n: 3\n', body),
            "skills/pdf/references/GUIDE.md": "[back](../SKILL.md) [next](other.md) [from root](references/other.md)",
            "skills/pdf/references/other.md": "",
            "skills/pdf/templates/a.txt": "a",
            "skills/pdf/assets/my logo.png": b"\x89PNG",
            "skills/pdf/scripts/run.py": "print(1)",
            "skills/pdf/.hidden/x": "no",
            "skills/pdf/scripts/__pycache__/run.pyc": b"no",
            "skills/README.md": "not a skill",
        },
    )
    (skill,) = read_skills(tmp_path, SKILLS)
    assert skill.path == "pdf"
    assert skill.frontmatter == {
        "name": "pdf",
        "description": "Do a thing",
        "license": "MIT",
        "metadata": {"version": "1.0", "n": 3},
    }
    assert {file.path: file.mime_type for file in skill.files} == {
        "SKILL.md": "text/markdown",
        "assets/my logo.png": "image/png",
        "references/GUIDE.md": "text/markdown",
        "references/other.md": "text/markdown",
        "scripts/run.py": "text/x-python",
        "templates/a.txt": "text/plain",
    }
    assert skill.uri_of("assets/my logo.png") == "skill://pdf/assets/my%20logo.png"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (SkillFolders(("skills/*",)), ["a"]),
        (SkillFolders(("skills/**",)), ["a", "deep/b"]),
        (SkillFolders(("skills/deep/b",)), ["b"]),
        (SkillFolders(("skills/*/*",), "acme/billing"), ["acme/billing/deep/b"]),
        (SkillFolders(("skills/a", "skills/deep/*")), ["a", "b"]),
    ],
)
def test_paths_in_the_server(tmp_path: Path, table: SkillFolders, expected: list[str]) -> None:
    files(tmp_path, {"skills/a/SKILL.md": skill_text("a"), "skills/deep/b/SKILL.md": skill_text("b")})
    found, problems = folders_of(tmp_path, table)
    assert [path for path, _ in found] == expected
    assert problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# No front matter\n", "must begin with front matter"),
        ("---\nname: s\n", "must begin with front matter"),
        ("---\n- a\n---\n", "is not a mapping"),
        ("---\n---\n", "is not a mapping"),
        ("---\nname: [\n---\n", "is not YAML (line 3)"),
        ("---\nname: &a s\ndescription: *a\n---\n", "an anchor, an alias or a tag"),
        ("---\nname: !!str s\ndescription: d\n---\n", "an anchor, an alias or a tag"),
        ("---\nname: s\ndescription: d\nname: s\n---\n", "line 4 has the key `name` a second time"),
        (
            "---\nname: s\ndescription: d\nuse: yes\n---\n",
            "line 4 has `yes`, which readers of YAML interpret differently",
        ),
        ("---\nname: s\ndescription: d\nday: 2026-01-01\n---\n", "line 4 has `2026-01-01`"),
        ("---\nname: s\ndescription: d\nmode: 0755\n---\n", "line 4 has `0755`"),
        ("---\nname: s\ndescription: d\ntime: 1:30\n---\n", "line 4 has `1:30`"),
        ("---\nname: s\ndescription: d\n1: x\n---\n", "line 4 has a key that is not a text"),
        ("---\nname: s\ndescription: d\nx: .inf\n---\n", "that JSON cannot hold"),
        ("---\nname: s\ndescription:\n---\n", "needs a `description`"),
        ("---\nname: other\ndescription: d\n---\n", "both must be the same"),
        (f"---\nname: s\ndescription: d\ncompatibility: {'x' * 501}\n---\n", "`compatibility` has more than 500"),
        ("---\nname: s\ndescription: d\n---\n[x](gone.md)\n", "a link to `gone.md` (line 5), which does not exist"),
        ("---\nname: s\ndescription: d\n---\n\n![x](../s2/a.png)\n", "`../s2/a.png` (line 6), which leads outside"),
        ("---\nname: s\ndescription: " + "x" * 70_000 + "\n---\n", "more than 64 KiB"),
    ],
)
def test_mistake_in_a_skill(tmp_path: Path, text: str, problem: str) -> None:
    files(tmp_path, {"skills/s/SKILL.md": text})
    with pytest.raises(SkillsError) as raised:
        read_skills(tmp_path, SKILLS)
    assert problem in str(raised.value)
    assert "skills/s" in str(raised.value)


@pytest.mark.parametrize(
    "value", ["true", "null", "12", "1.5", "text", "v1.2.3", "'yes'", "a: b", "[1, 'x']", "~", "-1"]
)
def test_value_that_all_readers_read_alike(tmp_path: Path, value: str) -> None:
    written = f"\n  {value}" if value == "a: b" else f" {value}"
    files(tmp_path, {"skills/s/SKILL.md": skill_text("s", f"x:{written}\n")})
    assert "x" in read_skills(tmp_path, SKILLS)[0].frontmatter


def test_a_skill_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    files(tmp_path, {"skills/a/SKILL.md": skill_text("a"), "skills/b/SKILL.md": skill_text("b")})
    with (tmp_path / "skills/a/data.bin").open("wb") as data:
        data.truncate(1 << 40)  # more than the memory of the machine
    files(tmp_path, {f"skills/b/{number}": "" for number in range(512)})
    with pytest.raises(SkillsError) as raised:
        read_skills(tmp_path, SKILLS)
    large, many = raised.value.problems
    assert large.startswith("the skill in `skills/a` has files of 1,099,511,627,8")
    assert large.endswith("bytes; clients accept 16,777,216")
    assert many == "the skill in `skills/b` has 513 files; clients accept 512"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    files(
        tmp_path,
        {
            "skills/a/SKILL.md": "nothing",
            "skills/b/SKILL.md": skill_text("c", body="[x](no.md) [y](none.md)"),
            "skills/d/SKILL.md": b"\xff",
        },
    )
    (tmp_path / "secret").write_text("s")
    (tmp_path / "skills/b/link").symlink_to(tmp_path / "secret")
    with pytest.raises(SkillsError) as raised:
        read_skills(tmp_path, SkillFolders(("skills/*", "none/*")))
    text = "\n".join(raised.value.problems)
    assert len(raised.value.problems) == 7
    for part in (
        "`none/*` matches no folder",
        "skills/a/",
        "both must be",
        "no.md",
        "none.md",
        "not UTF-8",
        "`skills/b/link`",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "`tool.wasmcp.skills.paths` is missing"),
        ({"paths": []}, "must not be empty"),
        ({"paths": ["/abs"]}, "relative to its folder, not `/abs`"),
        ({"paths": ["a/../b"]}, "must be a path inside the project"),
        ({"paths": ["a\\b"]}, "forward slashes"),
        ({"paths": ["a"], "prefix": "a//b"}, "must be names of letters"),
        ({"paths": ["a"], "more": 1}, "`tool.wasmcp.skills.more` is unknown"),
        ({"paths": "a"}, "must be a list"),
    ],
)
def test_mistake_in_the_table(tmp_path: Path, table: dict[str, Any], problem: str) -> None:
    data = {
        "package": "src",
        "components": {"c": {"path": "c.wasm"}},
        "servers": {"default": {"components": ["c"]}},
        "skills": table,
    }
    (tmp_path / "src").mkdir()
    (tmp_path / "c.wasm").write_bytes(b"")
    with pytest.raises(ConfigError) as raised:
        parse({"project": {"name": "x"}, "tool": {"wasmcp": data}}, tmp_path)
    assert problem in str(raised.value)


ZIG = """\
const mcp = @import("wasmcp");
pub const tools = .{mcp.tool("add", "Add two numbers.", add)};
fn add(args: struct { a: i64, b: i64 }) i64 {
    return args.a + args.b;
}
"""
TABLES = """\
[tool.wasmcp.skills]
paths = ["skills/*"]

[tool.wasmcp.components.tools]
source = "zig/tools.zig"
[tool.wasmcp.components.tools.skills]
paths = ["zig/skills/*"]
prefix = "tools"

[tool.wasmcp.servers.default]
components = ["tools"]

[tool.wasmcp.servers.other]
components = ["tools"]
[tool.wasmcp.servers.other.skills]
paths = ["more/*"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("skilled"), project_files("skilled", {"zig/tools.zig": ZIG}, TABLES))
    return files(
        root,
        {
            "skills/first/SKILL.md": skill_text("first", body="[x](x.txt)"),
            "skills/first/x.txt": "x",
            "zig/skills/second/SKILL.md": skill_text("second"),
            "more/third/SKILL.md": skill_text("third"),
        },
    )


def paths(file: Path) -> list[str]:
    with open_server(file) as server:
        return [one["uri"] for one in server.request("skills/list")["skills"]]


def test_skills_of_projects_components_and_servers(project: Path) -> None:
    assert paths(ensure_built(project, "default")) == ["skill://first/SKILL.md", "skill://tools/second/SKILL.md"]
    assert paths(ensure_built(project, "other")) == ["skill://third/SKILL.md", "skill://tools/second/SKILL.md"]
    entry = read(load(project).manifest)["default"]
    assert [(one["path"], one["owner"], one["files"]) for one in entry["skills"]] == [
        ("first", "", 2),
        ("tools/second", "tools", 1),
    ]
    text = render_sbom("skilled", "default", entry, {})
    assert '"skill:first"' in text
    assert '"skill:tools/second"' in text


def test_changed_skill_is_built_again(project: Path) -> None:
    before = plan(resolve(load(project))).servers["default"].inputs
    (project / "skills/first/x.txt").write_text("y")
    after = plan(resolve(load(project))).servers["default"].inputs
    assert before != after
    file = ensure_built(project, "default")
    with open_server(file) as server:
        (content,) = server.request("resources/read", {"uri": "skill://first/x.txt"})["contents"]
        assert content["text"] == "y"


def test_mistakes_in_generated_skills_are_reported_together(tmp_path: Path) -> None:
    source = """\
const mcp = @import("wasmcp");
pub const resources = .{
    mcp.skill(.{ .name = "Daily", .description = "About daily" }, text),
    mcp.skill(.{ .name = "weekly", .description = " " }, text),
};
fn text() []const u8 {
    return "";
}
"""
    tables = """
[tool.wasmcp.components.reports]
source = "zig/reports.zig"
[tool.wasmcp.servers.default]
components = ["reports"]
"""
    root = write_project(tmp_path, project_files("wrong", {"zig/reports.zig": source}, tables))
    with pytest.raises(CatalogueError) as raised:
        ensure_built(root)
    text = str(raised.value)
    assert "`reports`" in text
    assert "the skill `skill://Daily/SKILL.md` has the name 'Daily'" in text
    assert "the skill `skill://weekly/SKILL.md` needs a `description`" in text


def test_source_distribution_has_the_skills(project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"skills/first/SKILL.md", "skills/first/x.txt", "zig/skills/second/SKILL.md", "more/third/SKILL.md"} <= names
