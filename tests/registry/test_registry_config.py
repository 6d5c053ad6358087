"""Reading and editing of aliases and profiles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wasmcp.errors import ConfigError, InvalidNameError
from wasmcp.registry.names import aliases
from wasmcp.registry.names.aliases import Profile, config_path, own_path, parse_registry, problems, read_registry

RUST = """\
# my components
[components]
calc = "/abs/calculator.wasm"  # the good one
db = "acme:database@1.0.0"

[profiles.dev]
components = ["calc", "db"]
output = "dev.wasm"

[telemetry]
sent = false
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the user of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    path = config_path()
    assert path == tmp_path / "config" / "wasmcp" / "config.toml"
    return path


@pytest.fixture
def rust(config: Path) -> Path:
    """A file as the Rust tool leaves it, with comments of the user's."""
    config.parent.mkdir(parents=True)
    config.write_text(RUST)
    return config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text.wasm"
    path.touch()
    return path


class TestReading:
    def test_no_file_is_empty(self) -> None:
        registry = read_registry()
        assert (registry.components, registry.profiles, problems(registry)) == ({}, {}, [])

    @pytest.mark.usefixtures("rust")
    def test_file_of_the_rust_tool_is_read(self) -> None:
        registry = read_registry()
        assert registry.components == {"calc": "/abs/calculator.wasm", "db": "acme:database@1.0.0"}
        assert registry.profiles == {"dev": Profile(("calc", "db"), "dev.wasm")}
        assert problems(registry) == []

    def test_every_mistake_at_once(self, config: Path) -> None:
        config.parent.mkdir(parents=True)
        config.write_text(
            'components = {a = 1, b = " "}\n'
            "[profiles]\nx = 1\ny = {components = [1]}\nz = {base = 1}\nw = {output = ''}\n"
        )
        with pytest.raises(ConfigError) as caught:
            read_registry()
        assert len(caught.value.problems) == 6
        assert str(config) in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [("[", "not TOML"), (f"a = {'[' * 20_000}", "not TOML"), ("components = 1", "must be a table")],
        ids=["unfinished", "deep", "other"],
    )
    def test_unknown_format_is_refused(self, config: Path, text: str, message: str) -> None:
        config.parent.mkdir(parents=True)
        config.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_registry()

    def test_folder_in_place_of_the_file(self, config: Path) -> None:
        config.mkdir(parents=True)
        with pytest.raises(ConfigError, match="cannot be read"):
            read_registry()

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            ({"components": {"a": "b", "b": "c", "c": "b"}}, "refer to each other: `b` -> `c` -> `b`"),
            ({"components": {"a": "a"}}, "`a` -> `a`"),
            ({"components": {"a": "b"}}, "`a` refers to `b`, which is not an alias"),
            ({"components": {"list": "./x.wasm"}}, "`list` is reserved"),
            ({"components": {"a.b": "./x.wasm"}}, "`a.b` is not a usable name"),
            ({"components": {"a": "./x"}, "profiles": {"a": {}}}, "`a` is the name of an alias and of a profile"),
            ({"profiles": {"a": {"base": "b"}, "b": {"base": "a"}}}, "inherit from each other: `a` -> `b` -> `a`"),
            ({"profiles": {"a": {"base": "b"}}}, "`a` inherits from `b`, which is not a profile"),
            ({"profiles": {"a": {"components": ["b"]}, "b": {}}}, "names `b`, which is not an alias"),
        ],
    )
    def test_inconsistent_entries_are_reported(self, data: dict[str, object], problem: str) -> None:
        found = problems(parse_registry(data, "config.toml"))
        assert len([one for one in found if problem in one]) == 1, found


class TestEditing:
    def test_comments_and_unknown_keys_are_kept(self, rust: Path, file: Path) -> None:
        aliases.add_component("text", "./text.wasm")
        aliases.add_profile("all", ["text"], base="dev")
        text = rust.read_text()
        assert text.startswith('# my components\n[components]\ncalc = "/abs/calculator.wasm"  # the good one\n')
        assert "[telemetry]\nsent = false" in text
        registry = read_registry()
        assert registry.components["text"] == str(file)
        assert registry.profiles["all"] == Profile(("text",), "all.wasm", "dev")

    def test_adding_an_existing_name_replaces_it(self) -> None:
        aliases.add_component("a", "x:one")
        aliases.add_component("b", "a")
        aliases.add_profile("p", ["a"], base=None)
        aliases.add_profile("q", [], base="p", output="other.wasm")
        aliases.add_component("a", "x:two")
        aliases.add_profile("q", ["b"])
        registry = read_registry()
        assert registry.components == {"a": "x:two", "b": "a"}
        assert registry.profiles["q"] == Profile(("b",), "q.wasm", None)

    def test_outputs_of_profiles(self, tmp_path: Path) -> None:
        assert aliases.add_profile("a", ["x:y"], output="b.wasm").profiles["a"].path == (
            tmp_path / "config" / "wasmcp" / "composed" / "b.wasm"
        )
        assert aliases.add_profile("a", ["x:y"], output="./b.wasm").profiles["a"].path == tmp_path / "b.wasm"
        with pytest.raises(InvalidNameError, match="not the name of a file"):
            aliases.add_profile("a", ["x:y"], output="dist/")

    @pytest.mark.parametrize(
        ("name", "spec", "message"),
        [
            ("help", "x:y", "reserved"),
            ("-a", "x:y", "not a usable name"),
            ("a/b", "x:y", "not a usable name"),
            ("", "x:y", "not a usable name"),
            ("a", "./none.wasm", "`./none.wasm` does not exist"),
            ("a", "./config/", "is a folder"),
            ("a", "  ", "must not be empty"),
            ("a", "nothing", "`nothing`, which is not an alias"),
            ("a", "a", "refer to each other"),
            ("dev", "x:y", "the name of an alias and of a profile"),
        ],
    )
    def test_invalid_aliases_are_refused(self, rust: Path, name: str, spec: str, message: str) -> None:
        with pytest.raises(InvalidNameError, match=message):
            aliases.add_component(name, spec)
        assert rust.read_text() == RUST

    def test_names_in_use_are_not_removed(self, rust: Path) -> None:
        aliases.add_component("sums", "calc")
        with pytest.raises(InvalidNameError) as caught:
            aliases.remove_component("calc")
        advice = "change or remove these first"
        assert str(caught.value) == f"the alias `calc` is still used by the alias `sums`, the profile `dev`: {advice}"
        aliases.add_profile("prod", [], base="dev")
        before = rust.read_text()
        with pytest.raises(InvalidNameError, match="the profile `dev` is still used by the profile `prod`: change or"):
            aliases.remove_profile("dev")
        with pytest.raises(InvalidNameError, match="inherit from each other"):
            aliases.add_profile("dev", [], base="prod")
        assert rust.read_text() == before

    def test_password_is_not_stored(self, rust: Path) -> None:
        with pytest.raises(InvalidNameError, match="user name or a password") as caught:
            aliases.add_component("a", "https://ann:pa55@host/x.wasm")
        assert "pa55" not in str(caught.value) + rust.read_text()

    def test_removing_names(self, rust: Path) -> None:
        with pytest.raises(InvalidNameError, match="unknown profile `dve`; did you mean `dev`"):
            aliases.remove_profile("dve")
        aliases.remove_profile("dev")
        registry = aliases.remove_component("db")
        assert registry == read_registry()
        assert (list(registry.components), registry.profiles) == (["calc"], {})
        assert "[telemetry]" in rust.read_text()

    def test_file_with_mistakes_can_be_corrected(self, config: Path) -> None:
        config.parent.mkdir(parents=True)
        config.write_text(
            '[components]\na = "b"\nb = "a"\n[profiles.p]\nbase = "none"\ncomponents = []\noutput = "p"\n'
        )
        aliases.add_component("b", "x:y")
        assert len(problems(aliases.remove_profile("p"))) == 0

    def test_symbolic_link_is_kept(self, rust: Path, tmp_path: Path) -> None:
        real = tmp_path / "dotfiles.toml"
        rust.rename(real)
        rust.symlink_to(real)
        aliases.add_component("a", "x:y")
        assert rust.is_symlink()
        assert 'a = "x:y"' in real.read_text()

    def test_broken_file_is_not_overwritten(self, config: Path) -> None:
        config.parent.mkdir(parents=True)
        config.write_text("[components\n")
        with pytest.raises(ConfigError, match="not TOML"):
            aliases.add_component("a", "x:y")
        assert config.read_text() == "[components\n"

    def test_folder_that_cannot_be_created(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("")
        with pytest.raises(ConfigError, match="cannot be written"):
            aliases.add_component("a", "x:y")

    def test_concurrent_processes_lose_no_change(self, rust: Path) -> None:
        code = "import sys; from wasmcp.registry.names.aliases import add_component; add_component(sys.argv[1], 'x:y')"
        running = [subprocess.Popen([sys.executable, "-c", code, f"n{number}"]) for number in range(6)]
        assert [process.wait() for process in running] == [0] * 6
        assert set(read_registry().components) == {"calc", "db", *(f"n{number}" for number in range(6))}
        assert sorted(path.name for path in rust.parent.iterdir()) == [".config.toml.lock", "config.toml"]

    def test_keys_of_wasmcp_alone_are_in_a_separate_file(self, config: Path) -> None:
        assert own_path().parent == config.parent
        assert own_path() != config
