"""The guide's own code: compiled, and doing what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from python_guest import GuestComponent
from test_zig_tools import build, call, result_is_error, structured, text_of, unwrapped

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "zig-tools.md"


def test_the_guides_tools(tmp_path: Path) -> None:
    (source,) = re.findall(r"^```zig\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    guest = GuestComponent(build(tmp_path, source))
    assert structured(call(guest, "add", {"a": 1, "b": 2})) == {"result": 3}
    by_zero = call(guest, "divide", {"a": 1, "b": 0})
    assert result_is_error(by_zero)
    assert text_of(by_zero) == "DivisionByZero"
    divide = unwrapped(guest.list_tools()).items[1]
    assert divide.title == "Division"
    properties = json.loads(getattr(divide, "input-schema"))["properties"]
    assert properties["b"] == {"type": "number", "description": "The divisor; not 0."}
