"""Edits of the user's aliases and profiles: locked, atomic, with comments and unknown keys preserved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import ConfigError, InvalidNameError
from wasmcp.file_writing import write_atomically
from wasmcp.registry.hosts import Origin
from wasmcp.registry.names.aliases import (
    Kind,
    Registry,
    classify,
    config_path,
    name_problem,
    needed_by,
    parse_registry,
    problems,
    split_label,
)
from wasmcp.terminal import without_password

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


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
        _table(document, "components")[alias] = kept

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

        profiles = _table(document, "profiles")
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

        table = _table(document, key)
        if name not in table:
            raise InvalidNameError(name, [f"there is no {kind} `{name}`{did_you_mean(name, list(table))}"])
        users = needed_by(name, key, parse_registry(document.unwrap(), ""))
        if users:
            listed = ", ".join(f"{of} `{user}`" for of, user in users)
            raise InvalidNameError(
                name, [f"the {kind} `{name}` is still needed, by {listed}: change or remove what needs it first"]
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
        problem = "another process has been changing it for 10 s: try again"
        raise ConfigError([problem], path=str(path)) from None
    except OSError as error:
        raise ConfigError([f"cannot be written: {error.strerror or error}"], path=str(path)) from None


def _write(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    write_atomically(path, text.encode(), mode)


def _table(document: TOMLDocument, key: str) -> Any:
    import tomlkit

    if key not in document:
        document.add(key, tomlkit.table(is_super_table=key == "profiles"))
    return document[key]
