"""The guide's code does what the guide says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from wasmcp.guest.registry import tool_of
from wasmcp.guest.testing import LocalContext

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "python-tools.md"
AROUND = 'CITIES = ["Bremen"]\ndef look_ahead(city, day):\n    return Day(f"2026-12-0{day + 1}", -0.5)\n'


def test_the_guides_tool() -> None:
    tool, test = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(f"{tool}\n{AROUND}\n{test}", namespace)  # noqa: S102 - our own page
    namespace["test_forecast"]()
    forecast = tool_of(namespace["forecast"])
    assert forecast.input_schema["properties"]["days"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 14,
        "description": "How many days ahead.",
        "default": 3,
    }
    answer = forecast.call('{"city": "Bremen", "days": 1}', LocalContext())
    assert json.loads(answer.structured or "") == {"result": [{"date": "2026-12-01", "degrees": -0.5}]}
    assert forecast.call('{"city": "Atlantis"}', LocalContext()).content[0].text == "no weather station in Atlantis"
