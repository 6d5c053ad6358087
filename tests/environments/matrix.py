"""Choice of the environments that are tried."""

from __future__ import annotations

from collections.abc import Sequence

from environments.supported import oldest
from environments.trial import FRONT_ENDS, Environment

OLDEST = tuple(oldest(name) for name in ("hatchling", "pytest", "wasmtime"))
"""The oldest supported versions; the newest ones are those that an installer chooses."""


def environments(pythons: Sequence[str], *, small: bool) -> list[Environment]:
    """Return the environments for the interpreters of a machine, oldest first.

    Args:
        pythons: The versions of the interpreters, oldest first.
        small: One environment for each interpreter, with another front end each; the oldest has the oldest versions.
    """
    if small:
        return [
            Environment(version, FRONT_ENDS[(index + 2) % 4], OLDEST if index == 0 else ())
            for index, version in enumerate(pythons)
        ]
    ends = dict.fromkeys([pythons[0], pythons[-1]])
    middle = [version for version in pythons if version not in ends]
    return [
        *(Environment(version, front, pins) for version in ends for front in FRONT_ENDS for pins in ((), OLDEST)),
        *(Environment(version, "build") for version in middle),
    ]
