"""Aliases, profiles and component specs: their types, files, scopes and validation, and edits of the user's.

.. code-block:: toml

    [components]                       # alias = an absolute path, `ns:name@version`, or another alias
    calc = "/home/me/calc.wasm"
    [profiles.dev]
    base = "common"                    # optional: its components come first
    components = ["calc", "acme:text@1.0.0"]
    output = "dev.wasm"                # in `composed/` next to this file, or absolute

A bare name is looked up first in the project's scope, then in the user's. Edits are locked and atomic, and preserve
comments and unknown keys. Source of the user's paths: XDG Base Directory Specification; elsewhere platformdirs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import ConfigError, InvalidNameError
from wasmcp.file_writing import write_atomically
from wasmcp.registry.oci.references import Origin
from wasmcp.terminal import without_password

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def config_directory() -> Path:
    """Return the user's configuration directory: ``$XDG_CONFIG_HOME/wasmcp``, or the platform's default."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # noqa: PTH117 - str, can be empty
        return Path(base) / "wasmcp"
    if sys.platform.startswith("linux"):
        return Path.home() / ".config" / "wasmcp"
    from platformdirs import user_config_path

    return user_config_path("wasmcp", appauthor=False)


def config_path() -> Path:
    """Return the file of aliases and profiles, whose format is shared with the Rust tool."""
    return config_directory() / "config.toml"


def own_path() -> Path:
    """Return the file of the keys of this tool only: the Rust tool drops unknown keys from `config.toml`."""
    return config_directory() / "wasmcp-python.toml"


def composed_directory() -> Path:
    """Return the default directory for servers of profiles."""
    return config_directory() / "composed"


_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?==)")
_PACKAGE = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*(?:/[a-z][a-z0-9-]*)*(?:@\S.*)?")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


class Kind(Enum):
    """Kinds of component specs."""

    PATH = "path"
    """A file: begins with `./`, `../`, `~/` or `/`, contains a separator, or ends in `.wasm`."""
    PACKAGE = "package"
    """`ns:name`, `ns:name@version`: a package in a registry."""
    OCI = "oci"
    """`oci://host/repository[:tag][@digest]`."""
    URL = "url"
    """`https://.../x.wasm`."""
    NAME = "name"
    """A bare name: a profile, an alias or a component of the project."""


def classify(spec: str) -> Kind:
    """Return the kind of a spec by its syntax, without resolving it."""
    if spec.startswith("oci://"):
        return Kind.OCI
    if _URL.fullmatch(spec):
        return Kind.URL
    if _PACKAGE.fullmatch(spec):
        return Kind.PACKAGE
    if "/" in spec or "\\" in spec or spec.endswith(".wasm") or spec in {".", ".."}:
        return Kind.PATH
    return Kind.NAME


def is_remote(spec: str) -> bool:
    """Return if a spec names a remote component."""
    return classify(spec) in {Kind.PACKAGE, Kind.OCI, Kind.URL}


def split_label(argument: str) -> tuple[str | None, str]:
    """Split `NAME=SPEC` into name and spec; return None as the name if not given."""
    match = _LABEL.match(argument)
    return (None, argument) if match is None else (match[0], argument[match.end() + 1 :])


def label_of(spec: str) -> str:
    """Return the default name of a component: the last part of its spec, without version."""
    kind = classify(spec)
    if kind is Kind.PACKAGE:
        return spec.partition("@")[0].partition(":")[2].rpartition("/")[2] or spec
    if kind is Kind.OCI:
        return spec.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if kind is Kind.URL:
        return Path(spec.partition("#")[0].partition("?")[0]).stem
    return Path(spec).stem if kind is Kind.PATH else spec


RESERVED = frozenset({"help", "version", "new", "compose", "wit", "registry"}) | frozenset(
    {"component", "profile", "add", "remove", "list", "info"}
)
"""Names reserved for commands of the Rust tool; not allowed for aliases and profiles."""


@dataclass(frozen=True)
class Profile:
    """List of components to compose.

    Attributes:
        components: Specs, in the order of the chain.
        output: The server's file: a file name in `composed/`, or an absolute path.
        base: A profile whose components come before these.
    """

    components: tuple[str, ...]
    output: str
    base: str | None = None

    @property
    def path(self) -> Path:
        """The path of the profile's server."""
        return composed_directory() / self.output


@dataclass(frozen=True)
class Registry:
    """Aliases and profiles of one file.

    Attributes:
        components: The spec of each alias.
        profiles: The profiles by name.
        path: The file's path as shown to users.
    """

    components: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    path: str = ""


def read_registry(path: Path | None = None) -> Registry:
    """Read the user's aliases and profiles; an empty registry if the file does not exist.

    Raises:
        ConfigError: The file cannot be read or has the wrong types. Inconsistent entries (a cycle, a missing base) are
            accepted here, so that commands can repair them; see `problems`.
    """
    path = config_path() if path is None else path
    return parse_registry(read_toml(path), str(path))


def read_own() -> dict[str, Any]:
    """Read the part of the user's configuration that only wasmcp for Python uses (`location.own_path`).

    Raises:
        ConfigError: The file cannot be read, or is not TOML.
    """
    return read_toml(own_path())


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; an empty document if it does not exist.

    Raises:
        ConfigError: The file cannot be read, or is not TOML.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"], path=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"not TOML: {error}"], path=str(path)) from None
    return data


def parse_registry(data: Mapping[str, Any], path: str, *, aliases: str = "components", prefix: str = "") -> Registry:
    """Parse aliases and profiles of a TOML document.

    Args:
        data: The document, or the table that contains them.
        path: The file, for messages.
        aliases: The key of the aliases.
        prefix: The path of the table in the document, with a final dot.

    Raises:
        ConfigError: Entries have the wrong types; all of them are listed.
    """
    mistakes: list[str] = []
    components: dict[str, str] = {}
    for name, spec in _table(data, aliases, prefix, mistakes).items():
        if isinstance(spec, str) and spec.strip():
            components[name] = spec
        else:
            mistakes.append(f"`{prefix}{aliases}.{name}` must be a string that names a component")
    profiles = {}
    for name, entry in _table(data, "profiles", prefix, mistakes).items():
        profile = _profile(f"{prefix}profiles.{name}", name, entry, mistakes)
        if profile is not None:
            profiles[name] = profile
    if mistakes:
        raise ConfigError(mistakes, path=path)
    return Registry(components, profiles, path)


def _table(data: Mapping[str, Any], key: str, prefix: str, mistakes: list[str]) -> Mapping[str, Any]:
    found = data.get(key, {})
    if isinstance(found, dict):
        return found
    mistakes.append(f"`{prefix}{key}` must be a table")
    return {}


def _profile(place: str, name: str, entry: Any, mistakes: list[str]) -> Profile | None:
    if not isinstance(entry, dict):
        mistakes.append(f"`{place}` must be a table")
        return None
    components, base, output = entry.get("components", []), entry.get("base"), entry.get("output", f"{name}.wasm")
    if not isinstance(components, list) or not all(isinstance(spec, str) and spec.strip() for spec in components):
        mistakes.append(f"`{place}.components` must be a list of strings that name components")
    elif base is not None and not isinstance(base, str):
        mistakes.append(f"`{place}.base` must be a string that names a profile")
    elif not isinstance(output, str) or not output.strip():
        mistakes.append(f"`{place}.output` must be a string that names a file")
    else:
        return Profile(tuple(components), output, base)
    return None


def name_problem(name: str) -> str | None:
    """Return the problem with the name of an alias or a profile, or None."""
    if name in RESERVED:
        return f"`{name}` is reserved: it is a command's name"
    if not name or name.startswith("-") or not all(letter.isalnum() or letter in "-_" for letter in name):
        return f"`{name}` is not a usable name: letters, digits, `-` and `_`, no `-` at its beginning"
    return None


def problems(registry: Registry) -> list[str]:
    """Yield a sentence for each invalid or inconsistent entry."""
    return [*_name_problems(registry), *_alias_problems(registry), *_profile_problems(registry)]


def _name_problems(registry: Registry) -> Iterator[str]:
    for kind, names in (("components", registry.components), ("profiles", registry.profiles)):
        for name in names:
            problem = name_problem(name)
            if problem is not None:
                yield f"`{kind}.{name}`: {problem}"
    for name in registry.components:
        if name in registry.profiles:
            yield f"`{name}` is the name of an alias and of a profile: rename one of them"


def _alias_problems(registry: Registry) -> Iterator[str]:
    for name, spec in registry.components.items():
        cycle = cycle_of(name, registry.components)
        if cycle:
            if name == min(cycle):  # report each cycle once
                yield f"aliases that refer to each other: {arrows(cycle)}"
        elif classify(spec) is Kind.NAME and spec not in registry.components:
            yield f"the alias `{name}` refers to `{spec}`, which is not an alias, a path or `ns:name@version`"


def _profile_problems(registry: Registry) -> Iterator[str]:
    bases = {name: profile.base for name, profile in registry.profiles.items() if profile.base is not None}
    for name, profile in registry.profiles.items():
        cycle = cycle_of(name, bases)
        if cycle:
            if name == min(cycle):
                yield f"profiles that inherit from each other: {arrows(cycle)}"
        elif profile.base is not None and profile.base not in registry.profiles:
            yield f"the profile `{name}` inherits from `{profile.base}`, which is not a profile"
        for _, spec in map(split_label, profile.components):
            if classify(spec) is Kind.NAME and spec not in registry.components:
                also = " (profiles are inherited with `base`)" if spec in registry.profiles else ""
                yield f"the profile `{name}` names `{spec}`, which is not an alias, a path or `ns:name@version`{also}"


def needed_by(name: str, key: str, registry: Registry) -> list[tuple[str, str]]:
    """Return the references to a name, each as a kind (`the alias`, `the profile`) and a name.

    Args:
        name: An alias or a profile.
        key: `components` for an alias, `profiles` for a profile.
        registry: The registry to search.
    """
    if key == "profiles":
        return [("the profile", user) for user, profile in registry.profiles.items() if profile.base == name]
    members = {user: [spec for _, spec in map(split_label, one.components)] for user, one in registry.profiles.items()}
    aliases = [("the alias", user) for user, spec in registry.components.items() if spec == name != user]
    return aliases + [("the profile", user) for user, specs in members.items() if name in specs]


def cycle_of(start: str, following: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names on the cycle that contains a name, beginning with it; empty without a cycle."""
    path = [start]
    while (name := following.get(path[-1])) is not None and len(path) <= len(following):
        if name == start:
            return tuple(path)
        path.append(name)
    return ()


def arrows(cycle: tuple[str, ...]) -> str:
    """Return a cycle as text."""
    return " -> ".join(f"`{name}`" for name in (*cycle, cycle[0]))


@dataclass(frozen=True)
class Layer:
    """Names defined by one file.

    Attributes:
        registry: The aliases and profiles.
        folder: The base of relative paths.
        owner: The owner of the names in messages: `your` or `the project's`.
        components: The names of the project's components.
    """

    registry: Registry
    folder: Path
    owner: str
    components: tuple[str, ...] = field(default=())

    def names(self) -> Iterator[str]:
        """Yield every name, of any kind."""
        yield from self.registry.profiles
        yield from self.components
        yield from self.registry.components

    def output(self, profile: Profile) -> Path:
        """Return the output path of a profile; relative paths are relative to the project."""
        if self.owner == USER or Path(profile.output).name == profile.output:
            return profile.path
        return self.folder / profile.output


USER = "your"
PROJECT = "the project's"


def user_layer() -> Layer:
    """Return the user's names.

    Raises:
        ConfigError: The user's file is invalid.
    """
    return Layer(read_registry(), Path.cwd(), USER)


def project_layer(root: Path) -> Layer:
    """Return the names of a project. Its components are validated when one of them is used.

    Raises:
        ConfigError: The aliases or profiles have mistakes.
    """
    table = tool_table(read_toml(root / "pyproject.toml"))
    return Layer(project_registry(table), root, PROJECT, tuple(_components(table)))


def project_registry(table: Mapping[str, Any]) -> Registry:
    """Return the aliases and profiles in the table `[tool.wasmcp]`.

    Raises:
        ConfigError: The aliases or profiles have mistakes.
    """
    registry = parse_registry(table, "pyproject.toml", aliases="aliases", prefix="tool.wasmcp.")
    mistakes = []
    for key, names in (("aliases", registry.components), ("profiles", registry.profiles)):
        for name in names:
            problem = name_problem(name)
            if problem is not None:
                mistakes.append(f"`tool.wasmcp.{key}.{name}`: {problem}")
            elif name in _components(table) or (key == "aliases" and name in registry.profiles):
                other = "component" if name in _components(table) else "profile"
                mistakes.append(f"`tool.wasmcp.{key}.{name}` has the name of a {other}: rename one of them")
    if mistakes:
        raise ConfigError(mistakes)
    return registry


def _components(table: Mapping[str, Any]) -> Mapping[str, Any]:
    components = table.get("components", {})
    return components if isinstance(components, dict) else {}


def tool_table(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table `[tool.wasmcp]`; empty if it is missing or not a table."""
    tool = pyproject.get("tool", {})
    table = tool.get("wasmcp", {}) if isinstance(tool, dict) else {}
    return table if isinstance(table, dict) else {}


def find_project(start: Path) -> Path | None:
    """Return the nearest enclosing directory with a `[tool.wasmcp]`, or None."""
    for folder in (start, *start.parents):
        if _is_project(folder / "pyproject.toml"):
            return folder
    return None


def _is_project(path: Path) -> bool:
    try:
        return bool(tool_table(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, ValueError):  # missing, or not readable as TOML
        return False


def add_component(alias: str, spec: str) -> Registry:
    """Add or replace an alias.

    Args:
        alias: The alias.
        spec: The target: a path, stored as absolute; `ns:name@version`; `oci://...`; or another alias.

    Raises:
        InvalidNameError: The name or the spec is invalid, or aliases would form a cycle.
        ConfigError: The file cannot be read or written.
    """
    _check_name(alias)
    kept = absolute(spec)

    def change(document: TOMLDocument) -> None:
        _edited_table(document, "components")[alias] = kept

    return _edit(alias, change)


def remove_component(alias: str) -> Registry:
    """Remove an alias.

    Raises:
        InvalidNameError: The alias does not exist, or other aliases or profiles use it.
        ConfigError: The file cannot be read or written.
    """
    return _remove(alias, "components", "alias")


def add_profile(
    name: str, components: Sequence[str], *, output: str | None = None, base: str | None = None
) -> Registry:
    """Add or replace a profile.

    Args:
        name: The profile's name.
        components: Specs in the order of the chain, each a SPEC or a NAME=SPEC (unknown to the Rust tool);
            paths are stored as absolute.
        output: The server's file: a file name in `composed/`, or a path, stored as absolute; by default `<name>.wasm`.
        base: A profile whose components come before these.

    Raises:
        InvalidNameError: A name or a spec is invalid, the base does not exist, or profiles inherit in a cycle.
        ConfigError: The file cannot be read or written.
    """
    _check_name(name)
    labelled = [split_label(spec) for spec in components]
    specs = [absolute(spec) if label is None else f"{label}={absolute(spec)}" for label, spec in labelled]
    file = f"{name}.wasm" if output is None else output
    if not file or file.endswith(("/", os.sep)) or Path(file).name in {"", ".", ".."}:
        raise InvalidNameError(name, [f"`{file}` is not the name of a file"])
    if Path(file).name != file:
        file = str(Path(file).expanduser().absolute())

    def change(document: TOMLDocument) -> None:
        import tomlkit

        profiles = _edited_table(document, "profiles")
        entry = profiles.get(name)
        if not isinstance(entry, MutableMapping):
            entry = tomlkit.table()
            profiles[name] = entry
            entry = profiles[name]
        if base is None:
            entry.pop("base", None)
        else:
            entry["base"] = base
        entry["components"] = specs
        entry["output"] = file

    return _edit(name, change)


def remove_profile(name: str) -> Registry:
    """Remove a profile. Servers composed from it stay.

    Raises:
        InvalidNameError: The profile does not exist, or others inherit from it.
        ConfigError: The file cannot be read or written.
    """
    return _remove(name, "profiles", "profile")


def absolute(spec: str) -> str:
    """Return a spec in the form to store: a path is made absolute, and must exist.

    Raises:
        InvalidNameError: The spec is empty, or a path without a file.
    """
    if not spec.strip():
        raise InvalidNameError(spec, ["a spec must not be empty"])
    kind = classify(spec)
    if kind is Kind.URL:
        try:
            Origin.of(spec)
        except ValueError as error:
            raise InvalidNameError(
                without_password(spec), [f"`{without_password(spec)}` cannot be kept: {error}"]
            ) from None
    if kind is not Kind.PATH:
        return spec
    path = Path(spec).expanduser()
    if not path.is_file():
        raise InvalidNameError(spec, [f"`{spec}` {'is a folder' if path.is_dir() else 'does not exist'}"])
    return str(path.resolve())


def _check_name(name: str) -> None:
    problem = name_problem(name)
    if problem is not None:
        raise InvalidNameError(name, [problem])


def _remove(name: str, key: str, kind: str) -> Registry:
    def change(document: TOMLDocument) -> None:
        from wasmcp.toolchains.base import did_you_mean

        table = _edited_table(document, key)
        if name not in table:
            raise InvalidNameError(name, [f"unknown {kind} `{name}`{did_you_mean(name, list(table))}"])
        users = needed_by(name, key, parse_registry(document.unwrap(), ""))
        if users:
            listed = ", ".join(f"{of} `{user}`" for of, user in users)
            raise InvalidNameError(
                name, [f"the {kind} `{name}` is still used by {listed}: change or remove these first"]
            )
        del table[name]

    return _edit(name, change)


def _edit(name: str, change: Callable[[TOMLDocument], None]) -> Registry:
    """Edit the file. Existing problems are ignored; an edit that would add one is rejected."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    path = config_path().resolve()  # follow the link of users that link their configuration, and keep it
    with _locked(path):
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"cannot be read: {error}"], path=str(path)) from None
        try:
            document = tomlkit.parse(text)
        except ParseError as error:
            raise ConfigError([f"not TOML: {error}"], path=str(path)) from None
        before = parse_registry(document.unwrap(), str(path))
        change(document)
        after = parse_registry(document.unwrap(), str(path))
        old = set(problems(before))
        new = [problem for problem in problems(after) if problem not in old]
        if new:
            raise InvalidNameError(name, new)
        _write(path, tomlkit.dumps(document))
    return after


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=10):
            yield
    except Timeout:
        problem = "another process has locked it for 10 s: try again"
        raise ConfigError([problem], path=str(path)) from None
    except OSError as error:
        raise ConfigError([f"cannot be written: {error.strerror or error}"], path=str(path)) from None


def _write(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_atomically(path, text.encode(), mode)


def _edited_table(document: TOMLDocument, key: str) -> Any:
    import tomlkit

    if key not in document:
        document.add(key, tomlkit.table(is_super_table=key == "profiles"))
    return document[key]
