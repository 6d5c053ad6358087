"""Seams between libraries and the component, most of them for HTTP: attributes of their modules that are replaced.

The seam of a library is applied when its module has finished importing, also if that happens in a call. In unit tests
the seams are applied inside the block of `wasmcp.guest.testing.fake_http`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wasmcp.guest.component.compressed_modules import keep

if TYPE_CHECKING:
    from wasmcp.guest.component.event_loop import TimerLoop

SEAMS = {
    "aiohttp": "wasmcp.guest.network.aiohttp_connections",
    "anyio._backends._asyncio": "wasmcp.guest.network.library_parts",
    "certifi": "wasmcp.guest.network.library_parts",
    "http.client": "wasmcp.guest.network.http_sockets",
    "httpcore": "wasmcp.guest.network.httpcore_pools",
    "httpcore2": "wasmcp.guest.network.httpcore_pools",
    "requests": "wasmcp.guest.network.library_parts",
    "urllib3": "wasmcp.guest.network.http_sockets",
}
"""Module of a library -> module with its seam: a function `patches` that returns what to replace."""

OF_COMPONENTS = {
    "asyncio": "wasmcp.guest.network.seams",
    "pydantic.plugin._loader": "wasmcp.guest.network.library_parts",
    "pydantic_core.core_schema": "wasmcp.guest.network.library_parts",
}
"""The same for modules that unit tests use unchanged."""

SUBSTITUTES = {
    "ssl": "wasmcp.guest.network.tls",
    "truststore": "wasmcp.guest.network.trust",
}
"""Module that cannot be imported in a component -> module whose code is executed under that name."""

_ABSENT = object()


@dataclass(frozen=True)
class Patch:
    """Replacement of one attribute.

    Attributes:
        owner: The module or class.
        name: The attribute.
        value: Its new value.
    """

    owner: Any
    name: str
    value: Any


class Seams:
    """The seams of all libraries, and a finder that applies them to libraries that are imported later.

    Args:
        seams: Module of a library -> module with its seam.
    """

    def __init__(self, seams: Mapping[str, str] = SEAMS) -> None:
        self._seams = seams
        self._replaced: list[Patch] = []

    def install(self) -> None:
        """Apply the seams of imported libraries, and those of other libraries when they have been imported."""
        sys.meta_path.insert(0, self)
        for name in self._seams:
            module = sys.modules.get(name)
            if module is not None:
                self.apply(module)

    def remove(self) -> None:
        """Restore all attributes."""
        sys.meta_path.remove(self)
        while self._replaced:
            patch = self._replaced.pop()
            if patch.value is _ABSENT:
                delattr(patch.owner, patch.name)
            else:
                setattr(patch.owner, patch.name, patch.value)

    def apply(self, module: ModuleType) -> None:
        """Apply the seam of a library.

        Args:
            module: The library's module.
        """
        for patch in importlib.import_module(self._seams[module.__name__]).patches(module):
            self._replaced.append(Patch(patch.owner, patch.name, vars(patch.owner).get(patch.name, _ABSENT)))
            setattr(patch.owner, patch.name, patch.value)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a library, with a loader that applies its seam; None for all other modules.

        A finished component without HTTP libraries has no seam of ``http.client``, which the standard library itself
        can import in a call, for `pathlib.Path.as_uri`.
        """
        if name not in self._seams or importlib.util.find_spec(self._seams[name]) is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _ApplyingLoader(spec.loader, self)
                return spec  # type: ignore[no-any-return]
        return None


class _ApplyingLoader:
    """A loader that applies the seam of a module after its code has run. The module keeps the original loader."""

    def __init__(self, loader: Any, seams: Seams) -> None:
        self._loader = loader
        self._seams = seams

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the original loader, such as ``get_code``."""
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._seams.apply(module)


def patches(asyncio: Any) -> Iterator[Patch]:
    """Yield the loops of `asyncio.run` and `asyncio.Runner` in a component: the standard loops need sockets."""

    def new_event_loop() -> TimerLoop:
        """Return a new event loop; see `asyncio.new_event_loop`."""
        from wasmcp.guest.component.event_loop import TimerLoop  # it imports `asyncio`

        return TimerLoop()

    yield Patch(asyncio, "new_event_loop", new_event_loop)
    yield Patch(asyncio.events, "new_event_loop", new_event_loop)


class _Substitutes:
    """A finder of the modules that cannot be imported in a component, while it is built."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec with the code of the substitute; None for all other modules."""
        if name not in SUBSTITUTES:
            return None
        found = importlib.machinery.PathFinder.find_spec(
            SUBSTITUTES[name], importlib.import_module(__package__ or "").__path__
        )
        if found is None or found.origin is None:
            return None
        loader = importlib.machinery.SourceFileLoader(name, found.origin)
        return importlib.machinery.ModuleSpec(name, loader, origin=found.origin)


def install(libraries: Iterable[str]) -> None:
    """Install the seams and the substitutes in a component, while it is built.

    Args:
        libraries: Top-level modules that the component can import. The seams of those among them are imported now,
            because a finished component cannot import them.
    """
    sys.meta_path.insert(0, _Substitutes)
    for name in SUBSTITUTES:
        spec = _Substitutes.find_spec(name)
        code = None if spec is None or spec.loader is None else spec.loader.get_code(name)  # type: ignore[attr-defined]
        if code is not None:
            keep(name, code)  # for modules that import it in a call
    top_level = {*libraries}
    seams = {**SEAMS, **OF_COMPONENTS}
    for name, seam in seams.items():
        if name.partition(".")[0] in top_level | {"asyncio"}:
            importlib.import_module(seam)
    Seams(seams).install()
