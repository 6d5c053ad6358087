"""Errors of pydantic 2 as mismatches, and its JSON Schemas, both in the form of all other types.

Imported only if the author imported pydantic. Source: ``pydantic_core.core_schema.ErrorType``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema

from wasmcp.guest.call_errors import MISSING, ONLY, UNEXPECTED
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import Mismatches, json_type_name, quoted
from wasmcp.guest.json_types.string_types import SENT_DATE_TIME, SENT_TIME

_UNSURE = frozenset({"date-time", "time", "duration", "email", "uri", "ipv6", "hostname", "byte"})
"""Formats that clients check, and that some values written by pydantic do not have: a time without an offset."""

_PATTERNS = {"date-time": f"^{SENT_DATE_TIME}$", "time": f"^{SENT_TIME}$"}

_REFERENCE = "#/$defs/"


class SchemaWriter(GenerateJsonSchema):
    """Generator of the JSON Schemas of types that pydantic converts."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Leave out titles that are made of the names of fields."""
        return False

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Ignore warnings: an unsupported default is not in the schema."""

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a part; in results without a format that some values do not have."""
        found: dict[str, Any] = super().generate_inner(schema)
        if self.mode != "serialization" or found.get("format") not in _UNSURE or found.get("type") != "string":
            return found
        if schema.get("type") == "datetime" and schema.get("tz_constraint") == "aware":
            return found
        kept = {key: value for key, value in found.items() if key != "format"}
        if schema.get("type") in ("datetime", "time"):
            kept.setdefault("pattern", _PATTERNS[found["format"]])
        return kept

    def ser_schema(self, schema: Any) -> dict[str, Any] | None:
        """Return the schema of what a serializer returns: of any value if it has no return annotation."""
        found = super().ser_schema(schema)
        if found is None and schema["type"] in ("function-plain", "function-wrap"):
            function = schema["function"]
            if not str(getattr(function, "__module__", "")).startswith("pydantic."):
                return {}
            if getattr(function, "__name__", "") == "_serialize_secret":
                return {"type": "string"}
        return found

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a value with a default; a secret one is left out."""
        found: dict[str, Any] = super().default_schema(schema)
        if found.get("writeOnly"):
            found.pop("default", None)
        return found

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema without the keyword ``discriminator``, which JSON Schema does not define."""
        found: dict[str, Any] = super().tagged_union_schema(schema)
        found.pop("discriminator", None)
        return found

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a model without the name of its class as the title."""
        return _untitled(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a dataclass without the name of its class as the title."""
        return _untitled(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a TypedDict without the name of its class as the title."""
        return _untitled(super().typed_dict_schema(schema), schema.get("cls"))

    def enum_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of an enum without the name of its class as the title."""
        return _untitled(super().enum_schema(schema), schema["cls"])


def _untitled(schema: dict[str, Any], cls: Any) -> dict[str, Any]:
    if cls is not None and schema.get("title") == cls.__name__:
        del schema["title"]
    return schema


def schemas_at(schema: dict[str, Any], path: Iterable[str | int]) -> list[dict[str, Any]]:
    """Return the schemas that a value at a path can have, alternatives and references resolved.

    Args:
        schema: The whole schema, with its ``$defs``.
        path: Names of members and indices of items, the outermost first.
    """
    definitions = schema.get("$defs", {})
    found = list(_alternatives(schema, definitions))
    for segment in path:
        found = [each for one in found for below in _below(one, segment) for each in _alternatives(below, definitions)]
    return found


def _alternatives(schema: Any, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting, seen = [schema], set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, dict) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        reference = one.get("$ref", "")
        if reference.startswith(_REFERENCE):
            waiting.append(definitions.get(reference[len(_REFERENCE) :]))
        for key in ("anyOf", "oneOf", "allOf"):
            waiting.extend(one.get(key, ()))


def _below(schema: dict[str, Any], segment: str | int) -> Iterator[Any]:
    if isinstance(segment, int):
        fixed = schema.get("prefixItems", [])
        yield fixed[segment] if segment < len(fixed) else schema.get("items")
    elif segment in schema.get("properties", {}):
        yield schema["properties"][segment]
    else:
        yield schema.get("additionalProperties")


_MOST_LISTED = 2000
"""The maximum number of errors of a value that are listed."""

_MOST_READ = 400
"""The maximum number of errors that are read; of several for one place, such as a union, one is reported."""

_MOST_READINGS = 64
"""The maximum number of readings of one location."""

_KEY = "[key]"
_MISSING = frozenset(
    {"missing", "missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument"}
)
_UNEXPECTED = frozenset({"extra_forbidden", "unexpected_keyword_argument", "unexpected_positional_argument"})

_KINDS: dict[str, str] = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type", "dict_type", "mapping_type"), "object"),
    **dict.fromkeys(("frozen_dict_type", "ordered_dict_type", "counter_type", "arguments_type"), "object"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type"), "array"),
    **dict.fromkeys(("iterable_type", "named_tuple_type"), "array"),
    **dict.fromkeys(("string_type", "bytes_type", "url_type", "uuid_type"), "string"),
    "int_type": "integer",
    "float_type": "number",
    "bool_type": "boolean",
    "none_required": "null",
}
"""Errors about the type of a value -> the expected type."""

_VALUES: dict[str, str] = {
    **dict.fromkeys(("int_parsing", "int_parsing_size", "int_from_float"), "integer"),
    "float_parsing": "number",
    "bool_parsing": "boolean",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_not_ascii": "ASCII characters",
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "an RFC 3339 date"),
    "date_from_datetime_inexact": "an RFC 3339 date",
    "date_past": "a date in the past",
    "date_future": "a date in the future",
    **dict.fromkeys(("time_type", "time_parsing"), "an RFC 3339 time"),
    **dict.fromkeys(("datetime_type", "datetime_parsing"), "an RFC 3339 date and time"),
    **dict.fromkeys(("datetime_from_date_parsing", "datetime_object_invalid"), "an RFC 3339 date and time"),
    "datetime_past": "a time in the past",
    "datetime_future": "a time in the future",
    "timezone_naive": "a time without an offset",
    "timezone_aware": "a time with an offset",
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "an ISO 8601 duration"),
    **dict.fromkeys(("url_parsing", "url_syntax_violation"), "a URL ({error})"),
    "url_scheme": "a URL with the scheme {expected_schemes}",
    "url_too_long": "a URL of at most {max_length} characters",
    "uuid_parsing": "a UUID",
    "uuid_version": "a UUID of version {expected_version}",
    **dict.fromkeys(("decimal_type", "decimal_parsing"), "a decimal number"),
    "decimal_max_digits": "at most {max_digits} digits",
    "decimal_max_places": "at most {decimal_places} decimal places",
    "decimal_whole_digits": "at most {whole_digits} digits before the decimal point",
    "json_invalid": "a string with JSON ({error})",
    "json_type": "a string with JSON",
}
"""Errors about a value -> the expectation."""

_LENGTHS = {
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
    "bytes_too_short": ("at least", "min_length"),
    "bytes_too_long": ("at most", "max_length"),
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
}
_INPUT = "Input should be "


class _Problem(NamedTuple):
    """One error.

    Attributes:
        steps: For each segment of pydantic's location True for a member or item of the value, False for the name of
            an alternative of a union; and the segment.
        expected: The expectation; None for a problem of another form.
        rest: The found value with a comma before it, or the whole problem without an expectation.
    """

    steps: list[tuple[bool, str | int]]
    expected: str | None
    rest: str

    @property
    def text(self) -> str:
        return self.rest if self.expected is None else f"expected {self.expected}{self.rest}"


def mismatch_of(
    error: ValidationError, value: Any, text: str, schema: Mapping[str, Any], *, conceal: bool
) -> MismatchError:
    """Return the mismatch for an error of a validation.

    Args:
        error: The error.
        value: The JSON value.
        text: The same, as it was given to pydantic.
        schema: The JSON Schema of accepted values; empty without one.
        conceal: True to leave out values of the client.
    """
    count = error.error_count()
    if count > _MOST_LISTED:  # each costs memory and time, and few of them would be reported
        return MismatchError(f"does not fit: {count} problems, too many to list")
    reader = _Reader(value, text, dict(schema), conceal=conceal)
    errors = error.errors(include_url=False)[:_MOST_READ]
    problems = [found for each in errors for found in reader.problems(each)]
    wrong = Mismatches()
    for path, reason in _chosen(problems) or [([], "does not fit its type")]:
        if wrong.full:
            break
        mismatch = MismatchError(reason)
        for segment in reversed(path):
            mismatch.under(segment)
        wrong.add(mismatch)
    try:
        wrong.check()
    except MismatchError as mismatch:
        mismatch.more = mismatch.more or count > _MOST_READ
        return mismatch
    raise AssertionError  # unreachable: there is at least one problem


class _Reader:
    """Conversion of single errors."""

    def __init__(self, value: Any, text: str, schema: dict[str, Any], *, conceal: bool) -> None:
        self._value = value
        self._text = text
        self._schema = schema
        self._conceal = conceal
        self._listed: set[tuple[tuple[bool, str | int], ...]] = set()

    def problems(self, error: Mapping[str, Any]) -> Iterator[_Problem]:
        """Yield the problems of an error; several if a validator raised the error of another model."""
        kind, found, context = error["type"], error["input"], error.get("ctx", {})
        if kind == "default_factory_not_called":  # the consequence of another error
            return
        steps = self._steps(error["loc"], found, missing=kind in _MISSING)
        if kind == "json_invalid" and not error["loc"] and found == self._text:
            reason = "nested too deeply" if "recursion" in str(context.get("error")) else "expected valid Unicode"
            yield _Problem(steps, None, reason)
        elif kind in _MISSING:
            yield _Problem(steps, None, MISSING)
        elif kind in _UNEXPECTED:
            place = tuple(steps[:-1])
            known = [] if place in self._listed else self._names(_path_of(steps[:-1]))
            self._listed.add(place)
            yield _Problem(steps, None, ONLY.format(", ".join(known)) if known else UNEXPECTED)
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            yield self._tag(steps, found, context, error["msg"])
        elif kind == "value_error" and self._is_email(steps):
            yield _Problem(steps, "an e-mail address", self._got(found))
        elif kind in ("value_error", "assertion_error") and "error" in context:
            yield from self._raised(steps, context["error"])
        else:
            yield _Problem(steps, *self._words(kind, _path_of(steps), found, context, error["msg"]))

    def _steps(self, location: tuple[str | int, ...], found: Any, *, missing: bool) -> list[tuple[bool, str | int]]:
        """Return the reading of a location that ends at the value of the error, else the first reading."""
        readings = list(islice(self._readings(self._value, location, [], missing=missing), _MOST_READINGS))
        fitting = [steps for steps, end in readings if end is found or (type(end) is type(found) and end == found)]
        return (fitting or [readings[0][0]])[0]

    def _readings(
        self, value: Any, location: tuple[str | int, ...], before: list[tuple[bool, str | int]], *, missing: bool
    ) -> Iterator[tuple[list[tuple[bool, str | int]], Any]]:
        if not location:
            yield before, value
            return
        segment, rest = location[0], location[1:]
        if segment == _KEY:
            yield from self._readings(value, rest, before, missing=missing)
            return
        inside = [*before, (True, segment)]
        if (type(value) is dict and segment in value) or (
            type(value) is list and type(segment) is int and segment < len(value)
        ):
            below: Any = value  # an object or an array
            yield from self._readings(below[segment], rest, inside, missing=missing)
        elif not self._may_be_union(_path_of(before)):
            # A member that is missing, at a path of several steps, or one of a value that a validator made.
            yield [*inside, *((True, name) for name in rest)] if missing else before, value
            return
        elif missing and not rest:
            yield inside, value
        yield from self._readings(value, rest, [*before, (False, segment)], missing=missing)

    def _may_be_union(self, path: list[str | int]) -> bool:
        found = schemas_at(self._schema, path)
        return not found or any({"anyOf", "oneOf"} & set(one) or not set(one) - {"description"} for one in found)

    def _names(self, path: list[str | int], *, closed: bool = True) -> list[str]:
        """Return the members of objects at a path."""
        found = [
            one for one in schemas_at(self._schema, path) if not closed or one.get("additionalProperties") is False
        ]
        return list(dict.fromkeys(name for one in found for name in one.get("properties", ())))

    def _choices(self, path: list[str | int]) -> str | None:
        """Return the values of enums and literals at a path."""
        found: list[Any] = []
        for one in schemas_at(self._schema, path):
            found += [one["const"]] if "const" in one else one.get("enum", [])
        return "one of " + ", ".join(dict.fromkeys(map(quoted, found))) if found else None

    def _got(self, value: Any) -> str:
        if not isinstance(value, (str, int, float, type(None))):
            return f", got {json_type_name(value)}"
        return "" if self._conceal else f", got {quoted(value)}"

    def _tag(
        self, steps: list[tuple[bool, str | int]], found: Any, context: Mapping[str, Any], message: str
    ) -> _Problem:
        name = str(context.get("discriminator", "")).strip("'")
        if type(found) is not dict or name not in self._names(_path_of(steps), closed=False):
            return _Problem(steps, None, _lowered(message) if not self._conceal else "fits no alternative")
        steps = [*steps, (True, name)]
        if name not in found:
            return _Problem(steps, None, MISSING)
        return _Problem(
            steps, self._choices(_path_of(steps)) or str(context.get("expected_tags")), self._got(found[name])
        )

    def _is_email(self, steps: list[tuple[bool, str | int]]) -> bool:
        found = schemas_at(self._schema, _path_of(steps))
        return bool(found) and all(one.get("format", "").endswith("email") for one in found if "type" in one)

    def _raised(self, steps: list[tuple[bool, str | int]], raised: Any) -> Iterator[_Problem]:
        if not isinstance(raised, ValidationError):
            yield _Problem(steps, None, str(raised) or "rejected")
            return
        for error in raised.errors(include_url=False):
            below = [(True, segment) for segment in error["loc"]]
            inner = _Reader(error["input"], "", {}, conceal=self._conceal)
            for problem in inner.problems({**error, "loc": ()}):
                yield problem._replace(steps=[*steps, *below])

    def _words(
        self, kind: str, path: list[str | int], found: Any, context: Mapping[str, Any], message: str
    ) -> tuple[str | None, str]:
        """Return the expectation and the rest of a problem."""
        if kind in _KINDS:
            return _KINDS[kind], f", got {json_type_name(found)}"
        if kind in _LENGTHS:
            return self._length(kind, found, context)
        if kind == "string_pattern_mismatch":
            return f"a match of {quoted(context['pattern'])}", self._got(found)
        if kind in ("literal_error", "enum"):
            return self._choices(path) or f"one of {context['expected']}", self._got(found)
        if kind in _VALUES:
            return _VALUES[kind].format_map(context), self._got(found)
        if message.startswith(_INPUT):
            return message.removeprefix(_INPUT), self._got(found)
        return None, _lowered(message)

    def _length(self, kind: str, found: Any, context: Mapping[str, Any]) -> tuple[str, str]:
        words, name = _LENGTHS[kind]
        if kind.startswith("string"):
            unit = "characters"
        elif kind.startswith("bytes"):
            unit = "bytes"
        else:
            unit = {"Dictionary": "members", "Value": "characters"}.get(str(context.get("field_type")), "items")
        length = context.get("actual_length", len(found) if isinstance(found, str) and unit == "characters" else None)
        shown = "" if length is None or self._conceal else f", got {length}"
        return f"{words} {context[name]} {unit}", shown


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _path_of(steps: list[tuple[bool, str | int]]) -> list[str | int]:
    return [segment for inside, segment in steps if inside]


def _chosen(problems: list[_Problem]) -> list[tuple[list[str | int], str]]:
    """Return path and text of the problems to report: for each union those of the alternative that matched furthest."""
    found: list[tuple[list[str | int], str]] = []
    unions: dict[tuple[str | int, ...], dict[str | int, list[_Problem]]] = {}
    order: list[Any] = []
    for problem in problems:
        index = next((index for index, (inside, _) in enumerate(problem.steps) if not inside), None)
        if index is None:
            order.append(problem)
            continue
        place = tuple(_path_of(problem.steps[:index]))
        if place not in unions:
            unions[place] = {}
            order.append(place)
        steps = problem.steps[:index] + problem.steps[index + 1 :]
        unions[place].setdefault(problem.steps[index][1], []).append(problem._replace(steps=steps))
    for item in order:
        if isinstance(item, _Problem):
            found.append((_path_of(item.steps), item.text))
        else:
            found += _of_union(item, list(unions[item].values()))
    return found


def _of_union(place: tuple[str | int, ...], branches: list[list[_Problem]]) -> list[tuple[list[str | int], str]]:
    if len(branches) == 1:
        return _chosen(branches[0])
    reported = [_chosen(branch) for branch in branches]
    deepest = max(len(path) for branch in reported for path, _ in branch)
    if deepest > len(place):
        return min(reported, key=lambda branch: (-max(len(path) for path, _ in branch), len(branch)))
    flat = [problem for branch in branches for problem in branch if not any(not inside for inside, _ in problem.steps)]
    expected = list(dict.fromkeys(problem.expected for problem in flat if problem.expected is not None))
    if len(flat) == len(expected) and len({problem.rest for problem in flat}) == 1:
        return [([*place], f"expected {' or '.join(expected)}{flat[0].rest}")]
    return [([*place], " or ".join(dict.fromkeys(text for branch in reported for _, text in branch)))]
