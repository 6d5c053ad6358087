"""Skills for tests."""

from __future__ import annotations

import json
from typing import Any

from wasmcp.skills_section import Skill, SkillFile

MARKDOWN = "text/markdown"


def skill_of(path: str, files: dict[str, bytes] | None = None, **front: Any) -> Skill:
    """Return a skill with a `SKILL.md` and other files, by path."""
    name = path.rpartition("/")[2]
    front = {"name": name, "description": f"About {name}", **front}
    text = f"---\n{json.dumps(front)}\n---\n# {name}\n".encode()
    every = {"SKILL.md": text, **(files or {})}
    return Skill(
        path,
        front,
        tuple(
            SkillFile(one, MARKDOWN if one.endswith(".md") else "application/octet-stream", every[one])
            for one in sorted(every)
        ),
    )
