"""Registries of namespaces and signature policies, from the user's file and the project's.

.. code-block:: toml

    [namespaces]                       # in wasmcp-python.toml; in a project: [tool.wasmcp.namespaces]
    acme = "registry.example.com/wasm" # acme:calc is registry.example.com/wasm/calc

    [policy]                           # in a project: [tool.wasmcp.policy]
    require-signature = ["acme"]       # namespaces; true: everything
    [policy.keys]
    acme = ["keys/acme.pub"]           # public key files, relative to this file or absolute; "*": for all namespaces
    [[policy.identities.acme]]         # or identities trusted to sign
    identity = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/*"
    issuer = "https://token.actions.githubusercontent.com"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError, InvalidReferenceError, UnknownPackageError
from wasmcp.registry.names.aliases import own_path, read_own, read_toml
from wasmcp.registry.oci.references import Package, Place, parse_place, same_place
from wasmcp.registry.signing.signers import Identity

DEFAULTS = {"wasmcp": "ghcr.io/wasmcp"}
"""Default registries of namespaces."""

ANY = "*"


@dataclass(frozen=True)
class Trust:
    """Trusted signers.

    Attributes:
        keys: Files of public keys.
        identities: Identities trusted to sign.
        root: The file with the root of trust for identities; None for the public Sigstore instance.
    """

    keys: tuple[Path, ...] = ()
    identities: tuple[Identity, ...] = ()
    root: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.identities)


@dataclass(frozen=True)
class Policy:
    """Signature policy of one file.

    Attributes:
        path: The file's path as shown to users.
        required: The namespaces that must be signed; `ANY` for all.
        keys: Public key files by namespace or `ANY`.
        identities: Trusted identities by namespace or `ANY`.
        trusted_root: The file with a root of trust that replaces the public Sigstore instance's.
        namespaces: `HOST/PREFIX` by namespace, as in this file: namespaces of another file do not change the places
            that this policy applies to.
    """

    path: str
    required: frozenset[str] = frozenset()
    keys: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    identities: Mapping[str, tuple[Identity, ...]] = field(default_factory=dict)
    trusted_root: Path | None = None
    namespaces: Mapping[str, str] = field(default_factory=dict)

    def trusts(self, place: Place, namespace: str | None) -> tuple[Trust, ...]:
        """Return the trusted signers of a component: of each of its namespaces with entries, else those of `ANY`.

        Args:
            place: The component's place.
            namespace: The namespace of the requested package, or None.
        """
        own = [name for name in sorted(self._names(place, namespace)) if name in {*self.keys, *self.identities}]
        return tuple(map(self._trust, own or [ANY]))

    def demands(self, place: Place, namespace: str | None) -> tuple[Trust, ...]:
        """Return the signers of which each must have signed a component; empty if no signature is required.

        Args:
            place: The component's place.
            namespace: The namespace of the requested package, or None.
        """
        if ANY in self.required:
            return self.trusts(place, namespace)
        return tuple(map(self._trust, sorted(self.required & self._names(place, namespace))))

    def holds_for(self, host: str) -> bool:
        """Return if any component at a host must be signed."""
        bases = [self.namespaces[name] for name in self.required if name in self.namespaces]
        return ANY in self.required or any(same_place(base.partition("/")[0]) == same_place(host) for base in bases)

    def _names(self, place: Place, namespace: str | None) -> frozenset[str]:
        """Return all namespaces whose base contains a place, and the requested one."""
        where = f"{same_place(place.host)}/{place.repository}"
        inside = {name for name, base in self.namespaces.items() if where.startswith(f"{_same_base(base)}/")}
        return frozenset(inside if namespace is None else inside | {namespace})

    def _trust(self, namespace: str) -> Trust:
        name = namespace if namespace in self.keys or namespace in self.identities else ANY
        return Trust(self.keys.get(name, ()), self.identities.get(name, ()), self.trusted_root)


@dataclass(frozen=True)
class Settings:
    """Registry configuration.

    Attributes:
        namespaces: `HOST/PREFIX` by namespace.
        policies: All of these apply, so that a project can be stricter than its user, but not laxer.
    """

    namespaces: Mapping[str, str]
    policies: tuple[Policy, ...] = ()

    def place(self, package: Package) -> Place:
        """Return the place of a package, without tag.

        Raises:
            UnknownPackageError: No registry is configured for the namespace.
        """
        base = self.namespaces.get(package.namespace)
        if base is None:
            known = ", ".join(f"`{name}`" for name in sorted(self.namespaces))
            problem = (
                f"no registry is configured for the namespace `{package.namespace}` (known: {known}); add it under "
                f"`[namespaces]` in `{own_path()}` or `[tool.wasmcp.namespaces]` of the project: "
                f'`{package.namespace} = "registry.example.com/{package.namespace}"`'
            )
            raise UnknownPackageError(problem, reference=str(package))
        host, _, prefix = base.partition("/")
        return Place(host, f"{prefix}/{package.name}" if prefix else package.name)


def merged(trusts: Iterable[Trust]) -> Trust:
    """Merge trusted signers; if roots of trust differ, the first one is used."""
    found = list(trusts)
    roots = [trust.root for trust in found if trust.root is not None]
    return Trust(
        tuple(key for trust in found for key in trust.keys),
        tuple(identity for trust in found for identity in trust.identities),
        roots[0] if roots else None,
    )


def load(root: Path | None = None) -> Settings:
    """Read the configuration of the user and (with `root`, its directory) of a project, whose namespaces win.

    Raises:
        ConfigError: A file has mistakes; all mistakes of that file are listed.
    """
    namespaces, policies = dict(DEFAULTS), []
    user, policy = parse_settings(read_own(), str(own_path()), own_path().parent, "")
    namespaces.update(user)
    policies.append(replace(policy, namespaces=dict(namespaces)))
    if root is not None:
        tool = read_toml(root / "pyproject.toml").get("tool", {}).get("wasmcp", {})
        project, policy = parse_settings(tool if isinstance(tool, dict) else {}, "pyproject.toml", root, "tool.wasmcp.")
        namespaces.update(project)
        policies.append(replace(policy, namespaces=dict(namespaces)))
    return Settings(namespaces, tuple(policies))


def parse_settings(data: Mapping[str, Any], path: str, folder: Path, prefix: str) -> tuple[dict[str, str], Policy]:
    """Parse the tables `namespaces` and `policy` of a document.

    Args:
        data: The document, or the table that contains them.
        path: The file, for messages.
        folder: The base of relative paths.
        prefix: The path of the table in the document, with a final dot.

    Raises:
        ConfigError: Entries are invalid; all of them are listed.
    """
    mistakes: list[str] = []
    namespaces: dict[str, str] = {}
    for name, base in _table(data, "namespaces", prefix, mistakes).items():
        problem = _place_problem(name, base)
        if problem:
            mistakes.append(f"`{prefix}namespaces.{name}` {problem}")
        else:
            place = parse_place(f"oci://{base.rstrip('/')}/name")
            namespaces[name] = f"{place.host}/{place.repository}".removesuffix("/name")
    policy = _policy(_table(data, "policy", prefix, mistakes), path, folder, f"{prefix}policy.", mistakes)
    if mistakes:
        raise ConfigError(mistakes, path=path)
    return namespaces, policy


def _policy(policy: Mapping[str, Any], path: str, folder: Path, prefix: str, mistakes: list[str]) -> Policy:
    required = policy.get("require-signature", [])
    names: list[str] = [ANY] if required is True else [] if required is False else required
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        mistakes.append(f"`{prefix}require-signature` must be true, false or a list of namespaces")
        names = []
    keys: dict[str, tuple[Path, ...]] = {}
    for name, files in _table(policy, "keys", prefix, mistakes).items():
        listed = [files] if isinstance(files, str) else files
        if not isinstance(listed, list) or not all(isinstance(file, str) for file in listed):
            mistakes.append(f"`{prefix}keys.{name}` must be a file or a list of files of public keys")
        else:
            keys[name] = tuple(folder / Path(file).expanduser() for file in listed)
    identities: dict[str, tuple[Identity, ...]] = {}
    for name, entries in _table(policy, "identities", prefix, mistakes).items():
        found = [_identity(entry) for entry in (entries if isinstance(entries, list) else [entries])]
        identities[name] = tuple(one for one in found if one is not None)
        if None in found:
            mistakes.append(
                f"`{prefix}identities.{name}` must be a list of tables with `identity` and `issuer`, strings"
            )
    root = policy.get("trusted-root")
    if root is not None and not isinstance(root, str):
        mistakes.append(f"`{prefix}trusted-root` must be a file")
        root = None
    unknown = set(policy) - {"require-signature", "keys", "identities", "trusted-root"}
    mistakes.extend(f"`{prefix}{key}` is unknown" for key in sorted(unknown))
    trusted_root = None if root is None else folder / Path(root).expanduser()
    return Policy(path, frozenset(names), keys, identities, trusted_root)


def _identity(entry: object) -> Identity | None:
    if not isinstance(entry, dict) or set(entry) != {"identity", "issuer"}:
        return None
    identity, issuer = entry["identity"], entry["issuer"]
    fine = isinstance(identity, str) and isinstance(issuer, str) and identity.strip("*") and issuer
    return Identity(identity, issuer) if fine else None


def _table(data: Mapping[str, Any], key: str, prefix: str, mistakes: list[str]) -> Mapping[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        mistakes.append(f"`{prefix}{key}` must be a table")
        return {}
    return table


def _place_problem(name: str, base: object) -> str | None:
    if not re.fullmatch(r"[a-z][0-9a-z]*(-[0-9a-z]+)*", name):
        return "is not a namespace: lower-case letters, digits and hyphens between them"
    if not isinstance(base, str):
        return 'must be a string `"HOST/PREFIX"`'
    try:
        parse_place(f"oci://{base.rstrip('/')}/name")
    except InvalidReferenceError:
        return f'must be `"HOST/PREFIX"`, the place of its packages in a registry, not `{base}`'
    return None


def _same_base(base: str) -> str:
    host, slash, prefix = base.partition("/")
    return f"{same_place(host)}{slash}{prefix}"
