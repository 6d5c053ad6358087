"""Models of pydantic 1, which is pure Python: the model checks, converts and describes its values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import Foreign, Mismatches

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions


def is_model(cls: type) -> bool:
    """Return True for a model of pydantic 1, also of ``pydantic.v1`` in pydantic 2."""
    return not hasattr(cls, "__pydantic_fields__") and hasattr(cls, "__fields__") and hasattr(cls, "parse_obj")


class Model(Foreign):
    """A model of pydantic 1.

    Args:
        python: The class.
    """

    name = "object"
    exact = (dict,)
    hashable = False

    def __init__(self, python: Any) -> None:
        self.python = python

    def load(self, value: Any) -> Any:
        """Parse a JSON value by the model."""
        if type(value) is not dict:
            raise self.mismatch(value)
        try:
            return self.python.parse_obj(value)
        except ValueError as error:  # also pydantic's ValidationError
            raise _mismatch(error) from None

    def dump(self, value: Any) -> Any:
        """Write a JSON value by the model."""
        if not isinstance(value, self.python):
            raise MismatchError(f"expected {self.python.__name__}, got {type(value).__name__}")
        return json.loads(value.json(by_alias=True))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the model's schema; its definitions are added to those of the whole schema."""
        written = _modern(self.python.schema(by_alias=True, ref_template="#/$defs/{model}"))
        if "definitions" in written:
            written["$defs"] = written.pop("definitions")
        return definitions.adopt(written)


def _mismatch(error: ValueError) -> MismatchError:
    errors = getattr(error, "errors", None)
    if errors is None:
        return MismatchError(str(error))
    wrong = Mismatches()
    for found in errors():
        mismatch = MismatchError(str(found["msg"]))
        for segment in reversed(found["loc"]):
            if segment != "__root__":
                mismatch = mismatch.under(segment)
        wrong.add(mismatch)
    try:
        wrong.check()
    except MismatchError as mismatch:
        return mismatch
    return MismatchError(str(error))


def _modern(schema: Any) -> Any:
    """Return a schema of draft 7 as one of 2020-12, which differs in arrays of a fixed length; see `Tuple`."""
    if isinstance(schema, list):
        return [_modern(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _modern(value) for key, value in schema.items()}
    if isinstance(found.get("items"), list):
        found["prefixItems"] = found.pop("items")
        found.setdefault("maxItems", len(found["prefixItems"]))
    return found
