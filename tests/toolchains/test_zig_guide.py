"""The guide's own code: compiled, and doing what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from python_guest import GuestComponent
from test_zig_tools import build, call, result_is_error, structured, text_of

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "zig-tools.md"


def test_the_guides_tools(tmp_path: Path) -> None:
    (source,) = re.findall(r"^```zig\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    guest = GuestComponent(build(tmp_path, source))
    assert structured(call(guest, "add", {"a": 1, "b": 2})) == {"result": 3}
    days = structured(call(guest, "forecast", {"city": "Berlin", "days": 2}))["result"]
    assert days == [{"date": "2026-12-01", "degrees": -0.5}, {"date": "2026-12-02", "degrees": -0.5}]
    assert [event[0] for event in guest.events] == ["progress", "progress"]
    late = call(guest, "forecast", {"city": "Berlin", "days": 15})
    assert result_is_error(late)
    assert text_of(late) == "15 days is further than anybody can see"
    schema = json.loads(getattr(guest.list_tools().payload.items[1], "input-schema"))
    assert schema["required"] == ["city"]
    assert schema["properties"]["days"]["description"] == "How many days ahead"
