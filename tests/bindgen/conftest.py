"""Zig components made from a text, for the tests of the bindings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from wasmcp.toolchains.zig import build_component, user_cache

BuildZig = Callable[..., bytes]


@pytest.fixture(scope="session")
def build_zig(tmp_path_factory: pytest.TempPathFactory) -> BuildZig:
    """Build a component from WIT and Zig texts."""

    def build(wit: str, world: str, source: str, **options: object) -> bytes:
        # The same folder for the same texts, so that the compiler's cache knows them from the last run.
        key = hashlib.sha256(f"{wit}\0{source}".encode()).hexdigest()[:16]
        folder = user_cache() / "test-sources" / key
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "world.wit").write_text(wit, "utf-8")
        (folder / "source.zig").write_text(source, "utf-8")
        output = tmp_path_factory.mktemp("zig") / "component.wasm"
        build_component(folder / "source.zig", folder / "world.wit", world, output, **options)
        return Path(output).read_bytes()

    return build
