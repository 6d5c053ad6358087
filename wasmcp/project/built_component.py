"""Compiled components, ready to be composed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wasmcp.project.build_plan import ComponentStep

if TYPE_CHECKING:
    from wasmcp.compose.catalogue import Catalogue


@dataclass(frozen=True)
class Built:
    """One component, ready to be composed.

    Attributes:
        step: Its step of the plan.
        data: The component.
        digest: Its digest.
        catalogue: Its catalogue; None for a dynamic component.
        built_with: The compilers, with their versions.
    """

    step: ComponentStep
    data: bytes
    digest: str
    catalogue: Catalogue | None
    built_with: Mapping[str, str]
