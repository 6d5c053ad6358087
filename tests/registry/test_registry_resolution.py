"""Resolution of specs to components."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.errors import ConfigError, SpecError
from wasmcp.registry import Fetched, FetchOptions
from wasmcp.registry.names import aliases
from wasmcp.registry.names.aliases import Kind, classify, find_project, label_of, split_label
from wasmcp.registry.names.spec_resolver import Request, Resolved, Resolver
from wasmcp.registry.oci import transfers

PROJECT = """\
[tool.wasmcp.components.text]
path = "vendor/text.wasm"
[tool.wasmcp.aliases]
local = "./vendor/local.wasm"
shared = "local"
[tool.wasmcp.profiles.dev]
components = ["text", "local"]
[tool.wasmcp.profiles.all]
base = "common"
components = ["named=shared"]
output = "dist/all.wasm"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a user without configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "vendor").mkdir(parents=True)
    (root / "src").mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    for name in ("text", "local"):
        (root / "vendor" / f"{name}.wasm").touch()
    return root


def resolve(spec: str, root: Path | None = None) -> Resolved:
    return Resolver(FetchOptions(root=root)).resolve(Request(spec, Path.cwd()))


@pytest.mark.parametrize(
    ("spec", "kind", "label"),
    [
        ("./calc", Kind.PATH, "calc"),
        ("../a/calc.wasm", Kind.PATH, "calc"),
        ("~/calc.wasm", Kind.PATH, "calc"),
        ("calc.wasm", Kind.PATH, "calc"),
        ("folder/calc", Kind.PATH, "calc"),
        (r"C:\x\calc", Kind.PATH, None),
        ("acme:calc", Kind.PACKAGE, "calc"),
        ("acme:calc@1.0.0", Kind.PACKAGE, "calc"),
        ("acme:calc@^1", Kind.PACKAGE, "calc"),
        ("oci://ghcr.io/acme/calc:1.0", Kind.OCI, "calc"),
        ("oci://localhost:5000/calc@sha256:00", Kind.OCI, "calc"),
        ("https://example.org/a/calc.wasm?x#y", Kind.URL, "calc"),
        ("calc", Kind.NAME, "calc"),
        ("my_calc-2", Kind.NAME, "my_calc-2"),
    ],
)
def test_kinds_of_specs(spec: str, kind: Kind, label: str | None) -> None:
    assert classify(spec) is kind
    if label is not None:
        assert label_of(spec) == label


def test_labels_of_specs() -> None:
    assert split_label("a=./b=c.wasm") == ("a", "./b=c.wasm")
    assert split_label("./b=c.wasm") == (None, "./b=c.wasm")
    assert split_label("oci://x/y?a=b") == (None, "oci://x/y?a=b")


class TestPaths:
    def test_file_is_resolved(self, here: Path) -> None:
        (here / "calc.wasm").touch()
        found = resolve("calc.wasm")
        assert (found.name, found.kind, found.path) == ("calc", Kind.PATH, here / "calc.wasm")

    @pytest.mark.parametrize(("spec", "problem"), [("./none.wasm", "does not exist"), ("./", "is a folder")])
    def test_missing_files_are_reported(self, spec: str, problem: str) -> None:
        with pytest.raises(SpecError, match=f"`{spec}` {problem}") as caught:
            resolve(spec)
        assert caught.value.spec == spec


class TestAliases:
    def test_alias_of_an_alias(self, here: Path) -> None:
        (here / "calc.wasm").touch()
        aliases.add_component("calc", "./calc.wasm")
        aliases.add_component("prod-calc", "calc")
        found = resolve("prod-calc")
        assert (found.name, found.path) == ("prod-calc", here / "calc.wasm")
        assert found.request.way == ("alias `prod-calc`", "alias `calc`")

    def test_alias_of_a_missing_file(self, here: Path) -> None:
        (here / "calc.wasm").touch()
        aliases.add_component("calc", "./calc.wasm")
        (here / "calc.wasm").unlink()
        with pytest.raises(SpecError, match=r"^alias `calc`: `.*calc.wasm` does not exist"):
            resolve("calc")

    @pytest.mark.parametrize(
        ("text", "spec", "message"),
        [
            ('a = "b"\nb = "c"\nc = "b"\n', "a", "refer to each other: `b` -> `c` -> `b`"),
            ('a = "gone"\n', "a", "alias `a`: `gone` is not an alias, a profile or a component of the project"),
            ('calc = "x:y"\n', "clac", "did you mean `calc`?; a file is written `./clac`"),
            ("", "clac", "none are known; a file"),
        ],
    )
    def test_aliases_that_do_not_resolve(self, tmp_path: Path, text: str, spec: str, message: str) -> None:
        path = tmp_path / "config/wasmcp/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(f"[components]\n{text}")
        with pytest.raises(SpecError) as caught:
            resolve(spec)
        assert message in str(caught.value)

    def test_alias_and_file_of_the_same_name(self, here: Path) -> None:
        (here / "calc").touch()
        with pytest.raises(SpecError, match=r"is not an alias or a profile; for the file write `\./calc`"):
            resolve("calc")
        aliases.add_component("calc", "x:y")
        with pytest.raises(SpecError, match="`calc` is ambiguous, your alias and a file here"):
            resolve("calc")
        assert resolve("./calc").path == here / "calc"

    def test_broken_configuration_affects_only_names(self, tmp_path: Path, here: Path) -> None:
        path = tmp_path / "config/wasmcp/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text("[")
        (here / "calc.wasm").touch()
        assert resolve("./calc.wasm").path is not None
        with pytest.raises(ConfigError, match="not TOML"):
            resolve("calc")


class TestProfiles:
    def test_components_of_the_base_profile_come_first(self, here: Path) -> None:
        (here / "calc.wasm").touch()
        aliases.add_profile("dev", ["y=./calc.wasm", "acme:text@1.0.0"])
        aliases.add_profile("prod", ["x=acme:log"], base="dev", output="./prod.wasm")
        requests, output = Resolver(FetchOptions()).expand(["acme:first", "prod"], ["dev"])
        calc = str(here / "calc.wasm")
        specs = [calc, "acme:text@1.0.0", "acme:first", calc, "acme:text@1.0.0", "acme:log"]
        assert [request.spec for request in requests] == specs
        assert output == here / "prod.wasm"
        assert requests[-1].label == "x"
        assert (requests[-1].origin, requests[-2].origin) == ("profile `prod`", "profile `dev`")

    def test_mistakes_in_profiles(self, tmp_path: Path, here: Path) -> None:
        path = tmp_path / "config/wasmcp/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            '[profiles.a]\nbase = "b"\n[profiles.b]\nbase = "c"\n[profiles.c]\nbase = "b"\n'
            '[profiles.d]\nbase = "gone"\n'
            '[profiles.e]\ncomponents = ["a"]\n'
        )
        resolver = Resolver(FetchOptions())
        with pytest.raises(SpecError, match="inherit from each other"):
            resolver.expand(["a"])
        with pytest.raises(SpecError, match="profile `d`: profile `gone` not found"):
            resolver.expand([], ["d"])
        with pytest.raises(SpecError, match="profile `f` not found"):
            resolver.expand([], ["f"])
        (request,), _ = resolver.expand(["e"])
        with pytest.raises(SpecError, match="profile `e`: `a` is a profile"):
            resolver.resolve(request)
        (here / "e").touch()
        with pytest.raises(SpecError, match="ambiguous, a profile and a file"):
            resolver.expand(["e"])


class TestProjects:
    def test_names_of_the_project_take_precedence(self, project: Path) -> None:
        aliases.add_component("local", "acme:other")
        aliases.add_component("mine", "local")
        assert resolve("local", project).path == project / "vendor/local.wasm"
        assert resolve("mine", project).path == project / "vendor/local.wasm"
        found = resolve("text", project)
        assert (found.kind, found.path) == (Kind.NAME, None)

    def test_profiles_of_the_project(self, project: Path, tmp_path: Path) -> None:
        aliases.add_profile("common", ["acme:first"])
        resolver = Resolver(FetchOptions(root=project))
        requests, output = resolver.expand(["dev"])
        assert ([one.spec for one in requests], output) == (
            ["text", "local"],
            tmp_path / "config/wasmcp/composed/dev.wasm",
        )
        requests, output = resolver.expand(["all"])
        assert ([one.spec for one in requests], output) == (["acme:first", "shared"], project / "dist/all.wasm")
        found = resolver.resolve(requests[1])
        assert (found.name, found.path) == ("named", project / "vendor/local.wasm")

    def test_search_for_the_project(self, project: Path, here: Path) -> None:
        assert find_project(project / "src") == project
        (project / "src/pyproject.toml").write_text("[project]\nname = 'other'\n")
        assert find_project(project / "src") == project
        (project / "src/pyproject.toml").write_text("[")
        assert find_project(project / "src") == project
        assert find_project(here) is None


class TestRemote:
    @pytest.mark.parametrize("spec", ["acme:calc@^1.0", "oci://ghcr.io/acme/calc:1", "https://example.org/calc.wasm"])
    def test_remote_component_is_fetched_with_options(
        self, spec: str, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def fetch(reference: str, options: FetchOptions) -> Fetched:
            asked.append((reference, options))
            return Fetched(here / "blob", "sha256:00", f"{reference}!")

        monkeypatch.setattr(transfers, "fetch", fetch)
        aliases.add_component("calc", "https://example.org/calc.wasm")
        options = FetchOptions(offline=True, locked=True)
        found = Resolver(options).resolve(Request(spec, here))
        assert asked == [(spec, options)]
        assert (found.name, found.path, found.fetched) == (
            "calc",
            here / "blob",
            Fetched(here / "blob", "sha256:00", f"{spec}!"),
        )
