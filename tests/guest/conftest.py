"""Nothing that one test declares is there in the next."""

from __future__ import annotations

import pytest

from wasmcp.guest import providers, registry


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in (registry.TOOLS, registry.RESOURCES, registry.PROMPTS, registry.COMPLETIONS):
        monkeypatch.setattr(known, "_items", [])
    monkeypatch.setattr(providers, "PROVIDERS", {})
    monkeypatch.setattr(providers, "ARGUMENTS", {})
    monkeypatch.setattr(registry.ListCache, "cache", None)
