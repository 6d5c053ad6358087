"""Generated skills: the entries and texts that the guest libraries of all languages have in common.

The components of `tests/toolchains/equal/` declare the same skills.
"""

from __future__ import annotations

from typing import Any

ENTRIES: list[dict[str, Any]] = [
    {
        "uri": "skill://reports/daily-report/SKILL.md",
        "frontmatter": {
            "name": "daily-report",
            "description": 'Report of "today": é😀 #1\n- [x]',
            "license": "Apache-2.0",
            "compatibility": "yes",
            "allowed-tools": "Bash(git:*) Read",
            "metadata": {"version": "2.1"},
        },
        "resources": "dynamic",
    },
    {
        "uri": "skill://true/SKILL.md",
        "frontmatter": {"name": "true", "description": "About true"},
        "resources": "dynamic",
    },
]
"""The entries of `skills/list`."""

TEXTS = {
    "skill://reports/daily-report/SKILL.md": "# Report for 2026-07-28\n",
    "skill://true/SKILL.md": "plain",
}
"""The texts after the front matter, by URI."""
