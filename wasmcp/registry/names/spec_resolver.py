"""Resolution of component specs: expands profiles and aliases, finds files, fetches packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from wasmcp.errors import SpecError
from wasmcp.registry import Fetched, FetchOptions
from wasmcp.registry.names.aliases import (
    Kind,
    Layer,
    Profile,
    arrows,
    classify,
    cycle_of,
    is_remote,
    label_of,
    project_layer,
    split_label,
    user_layer,
)


@dataclass(frozen=True)
class Request:
    """Component spec with its origin.

    Attributes:
        spec: The spec as written, without `NAME=`.
        folder: The base of a relative path.
        label: The name given to the component, or None.
        way: The profile and the aliases that led to this spec, as text.
    """

    spec: str
    folder: Path
    label: str | None = None
    way: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The profile and aliases on one line."""
        return ", ".join(self.way)


@dataclass(frozen=True)
class Resolved:
    """Resolved component spec.

    Attributes:
        name: The component's name.
        request: The spec with its origin.
        kind: `Kind.PATH`, `Kind.NAME` for a component of the project, or one of the remote kinds.
        path: The file; None for a component of the project.
        fetched: The fetched component, if it is remote.
    """

    name: str
    request: Request
    kind: Kind
    path: Path | None
    fetched: Fetched | None = None


class Resolver:
    """Resolver of component specs for one command.

    Args:
        options: Options for remote components; `root` is the project whose names apply.
    """

    def __init__(self, options: FetchOptions) -> None:
        self.options = options

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The scopes of bare names, in order. Read on first use."""
        project = () if self.options.root is None else (project_layer(self.options.root),)
        return (*project, user_layer())

    def expand(self, arguments: Sequence[str], profiles: Sequence[str] = ()) -> tuple[list[Request], Path | None]:
        """Replace profiles by their components.

        Args:
            arguments: Specs in order, each a SPEC or a NAME=SPEC; can include profiles.
            profiles: Names of profiles whose components come first.

        Returns:
            The specs, and the output path of the last profile.

        Raises:
            SpecError: A profile or a base does not exist, or profiles inherit in a cycle.
        """
        requests: list[Request] = []
        output = None
        for name in profiles:
            layer, profile = self._profile(name)
            requests += self._members(name)
            output = layer.output(profile)
        for argument in arguments:
            label, spec = split_label(argument)
            found = self._lookup(spec) if label is None and classify(spec) is Kind.NAME else None
            if found is not None and spec in found.registry.profiles:
                self._check_file(spec, "a profile")
                requests += self._members(spec)
                output = found.output(found.registry.profiles[spec])
            else:
                requests.append(Request(spec, Path.cwd(), label))
        return requests, output

    def resolve(self, request: Request) -> Resolved:
        """Resolve a spec through aliases to a file, a component of the project, or a package, which is fetched.

        Raises:
            SpecError: The spec does not resolve, aliases form a cycle, or the name is ambiguous.
            RegistryError: The package cannot be fetched.
        """
        name = request.label
        while classify(request.spec) is Kind.NAME:
            name = name or request.spec
            layer = self._lookup(request.spec)
            if layer is None:
                raise self._unknown(request)
            if request.spec in layer.components:
                self._check_file(request.spec, "a component of the project")
                return Resolved(name, request, Kind.NAME, None)
            request = self._follow(layer, request)
        name = name or label_of(request.spec)
        if is_remote(request.spec):
            fetched = self.fetch(request.spec)
            return Resolved(name, request, classify(request.spec), fetched.path, fetched)
        path = request.folder / Path(request.spec).expanduser()
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise SpecError(request.spec, f"`{request.spec}` {what}", origin=request.origin)
        return Resolved(name, request, Kind.PATH, path)

    def resolve_all(self, requests: Iterable[Request]) -> list[Resolved]:
        """Resolve specs in order; a component that a profile repeats, for instance by an alias, is used once.

        A spec with a name (`NAME=SPEC`), or on the command line, always adds an instance.

        Raises:
            SpecError: See `resolve`.
            RegistryError: A package cannot be fetched.
        """
        found: list[Resolved] = []
        known: dict[str, str] = {}
        for request in requests:
            one = self.resolve(request)
            if request.label is None:
                target = one.request.spec if one.path is None else str(one.path.resolve())
                if request.way and target in known:
                    again = f"`{one.name}` is `{known[target]}` again" if one.name != known[target] else f"`{one.name}`"
                    self.options.progress(
                        f"{one.request.origin}: {again}, which is already in the server: included once"
                    )
                    continue
                known.setdefault(target, one.name)
            found.append(one)
        return found

    def fetch(self, reference: str) -> Fetched:
        """Fetch a remote component.

        Raises:
            RegistryError: The package cannot be fetched.
        """
        from wasmcp.registry.oci.transfers import fetch

        return fetch(reference, self.options)

    def names(self) -> Iterator[str]:
        """Yield every defined bare name."""
        for layer in self.layers:
            yield from layer.names()

    def _lookup(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if name in layer.names()), None)

    def _follow(self, layer: Layer, request: Request) -> Request:
        """Resolve one alias."""
        aliases = {name: spec for one in reversed(self.layers) for name, spec in one.registry.components.items()}
        if request.spec in layer.registry.profiles:
            problem = f"`{request.spec}` is a profile, which only `compose` and `base` accept"
            raise SpecError(request.spec, problem, origin=request.origin)
        cycle = cycle_of(request.spec, aliases)
        if cycle:
            raise SpecError(request.spec, f"aliases that refer to each other: {arrows(cycle)}", origin=request.origin)
        self._check_file(request.spec, f"{layer.owner} alias")
        way = (*request.way, f"alias `{request.spec}`")
        return replace(request, spec=layer.registry.components[request.spec], folder=layer.folder, way=way)

    @staticmethod
    def _check_file(name: str, kind: str) -> None:
        """Reject a bare name that is also the name of a file in the current directory."""
        if Path(name).is_file():
            problem = f"`{name}` is ambiguous, {kind} and a file here: write `./{name}` for the file, or rename one"
            raise SpecError(name, problem)

    def _profile(self, name: str, origin: str = "") -> tuple[Layer, Profile]:
        for layer in self.layers:
            if name in layer.registry.profiles:
                return layer, layer.registry.profiles[name]
        known = [profile for layer in self.layers for profile in layer.registry.profiles]
        raise SpecError(name, f"profile `{name}` not found{_similar(name, known)}", origin=origin)

    def _members(self, name: str) -> list[Request]:
        """Return the specs of a profile, inherited ones first."""
        chain: list[tuple[str, Layer, Profile]] = []
        following: str | None = name
        while following is not None:
            if following in [known for known, _, _ in chain]:
                problem = f"profiles that inherit from each other: {arrows(tuple(known for known, _, _ in chain))}"
                raise SpecError(name, problem)
            layer, profile = self._profile(following, f"profile `{chain[-1][0]}`" if chain else "")
            chain.append((following, layer, profile))
            following = profile.base
        return [
            Request(spec, layer.folder, label, (f"profile `{owner}`",))
            for owner, layer, profile in reversed(chain)
            for label, spec in map(split_label, profile.components)
        ]

    def _unknown(self, request: Request) -> SpecError:
        spec = request.spec
        if (request.folder / spec).is_file():
            problem = f"`{spec}` is not an alias or a profile; for the file write `./{spec}`"
        else:
            known = f"`{spec}` is not an alias, a profile or a component of the project{_similar(spec, self.names())}"
            problem = f"{known}; a file is written `./{spec}` or `{spec}.wasm`, a package `ns:name@version`"
        return SpecError(spec, problem, origin=request.origin)


def _similar(word: str, known: Iterable[str]) -> str:
    from wasmcp.toolchains.base import did_you_mean

    return did_you_mean(word, set(known))
