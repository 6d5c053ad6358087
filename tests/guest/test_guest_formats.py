"""String formats: accepted values, announced schemas, and the validation of clients."""

# ruff: noqa: DTZ001, RUF001 - the tests need times without an offset and digits of other scripts

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.guest_tables import FITTING, UNFITTING
from support.npm_packages import javascript_client
from support.type_matrix import REFUSED, RESULTS

from wasmcp.guest import Field
from wasmcp.guest.declarations.tools import output_of, rendered
from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.base import Definitions
from wasmcp.guest.json_types.string_types import FORMATS, check_of, decode_bytes, encode_bytes

SOME = "12345678-1234-5678-1234-567812345678"


def json_type_of(annotation: Any) -> Any:
    return Resolver().json_type(annotation)


def schema_of(annotation: Any) -> dict[str, Any]:
    json_type = json_type_of(annotation)
    return json_type.schema(Definitions([json_type]))


ACCEPTED = [
    (datetime, "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (datetime, "2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (datetime, "2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
    (datetime, "2026-01-02T03:04:05.1", datetime(2026, 1, 2, 3, 4, 5, 100_000)),
    (
        datetime,
        "2026-01-02T03:04:05.123456789-01:30",
        datetime(2026, 1, 2, 3, 4, 5, 123_456, timezone(-timedelta(hours=1, minutes=30))),
    ),
    (time, "10:30:00", time(10, 30)),
    (time, "10:30:00.5Z", time(10, 30, 0, 500_000, UTC)),
    (date, "2024-02-29", date(2024, 2, 29)),
    (UUID, SOME.upper(), UUID(SOME)),
    (Decimal, "-1.5e3", Decimal("-1.5e3")),
    (IPv6Address, "::1", IPv6Address("::1")),
    (bytes, "+//+", b"\xfb\xff\xfe"),
    (bytes, "", b""),
    (Path, "a/b c", Path("a/b c")),
]


@pytest.mark.parametrize(("annotation", "text", "value"), ACCEPTED)
def test_valid_strings_are_accepted(annotation, text, value):
    found = json_type_of(annotation).load(text)
    assert found == value
    assert getattr(found, "tzinfo", None) == getattr(value, "tzinfo", None)


# Strings that the constructors of these types accept, but no format.
LENIENT = [
    *(
        (datetime, text)
        for text in ("2026-W01-1", "20260102T030405Z", "2026-01-02", "2026-01-02T03", "2026-01-02T03:04")
    ),
    *((datetime, text) for text in ("2026-01-02T24:00:00", "2026-01-02T03:04:05+0100", "2026-01-02T03:04:05,5")),
    *(
        (datetime, text)
        for text in ("2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05Z", "2026-01-02\n03:04:05", "٢٠٢٦-01-02T03:04:05")
    ),
    *(
        (date, text)
        for text in ("2026-W01-1", "20260102", "2026-1-2", "2026-02-29", "0000-01-01", "2026-01-02T00:00:00")
    ),
    *((time, text) for text in ("10", "10:30", "T10:30:00", "103000", "10:30:00+01", "24:00:00", "10:30:60")),
    *((timedelta, text) for text in ("P1Y", "P1M", "1:00:00", "90", "PT1_0S", " PT1S", "PT١S", "P1DT")),
    *(
        (UUID, text)
        for text in (SOME.replace("-", ""), f"{{{SOME}}}", f"urn:uuid:{SOME}", SOME.replace("1234-", "1_34-"))
    ),
    *((UUID, text) for text in (f" {SOME}", SOME.replace("-", "") + "----")),
    *(
        (Decimal, text)
        for text in ("1_000", " 1 ", "NaN", "sNaN1", "Infinity", "١", "1e", "", "1e99999999999999999999")
    ),
    *((IPv4Address, text) for text in ("127.1", "010.0.0.1", "1.2.3.4/32", "１.1.1.1", " 1.2.3.4")),
    *((IPv6Address, text) for text in ("::1/128", "[::1]", "::1%", ":::")),
    *(
        (bytes, text)
        for text in ("-__-", "AAE", "AAE=\n", "AA==garbage", "<html>", "%%%%", "AB==", "A===", "====", "é", "AA==AA==")
    ),
    *((Path, text) for text in ("", "a\0b")),
]


@pytest.mark.parametrize(("annotation", "text"), LENIENT)
def test_other_strings_of_constructors_are_refused(annotation, text):
    with pytest.raises(MismatchError, match=r"^expected "):
        json_type_of(annotation).load(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-__--__--__-", "the URL-safe alphabet: send `+` for `-` and `/` for `_`"),
        ("data:text/plain;base64,aGVsbG8gd29ybGQ=", "a data URL: send only what follows `;base64,`"),
        ("%%%%", "other characters than"),
        ("<html>", "other characters than"),
        ("aGVs bG8=", "white space"),
        ("aGVsbG8", "is the padding `=` missing?"),
        ("aGVsbG8=garbage", "not a multiple of 4"),
        ("aGVsbG9=", "bits after the last byte"),
    ],
)
def test_invalid_base64_is_refused_with_the_reason(text, reason):
    with pytest.raises(MismatchError) as caught:
        json_type_of(bytes).load(text)
    assert str(caught.value).startswith("expected base64 (RFC 4648, section 4), got ")
    assert reason in str(caught.value)


@given(st.binary())
def test_bytes_round_trip(data):
    assert decode_bytes(encode_bytes(data)) == data


@given(st.text(st.sampled_from("AQgw+/-_=\n é"), max_size=9))
def test_random_text_is_valid_base64_or_refused(text):
    try:
        data = decode_bytes(text)
    except ValueError:
        return
    assert encode_bytes(data) == text


# The formats of JSON Schema by their RFCs, written without the library's own patterns.
_OFFSET = r"(?:[zZ]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_CLOCK = rf"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?{_OFFSET}"
RFC = {
    "date": r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])",
    "time": _CLOCK,
    "date-time": rf"\d{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt]{_CLOCK}",
    "duration": r"P(?!$)(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?",
    "uuid": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "ipv4": r"(?:\d{1,3}\.){3}\d{1,3}",
    "ipv6": r"[0-9a-f:]+(?:[0-9.]+)?",
    "email": r"[^@\s]+@[^@\s]+",
    "uri": r"[a-z][a-z0-9+.-]*:[!-~]*",
    "hostname": r"[a-z0-9.-]+",
}
CHECKER = jsonschema.FormatChecker(formats=())
for _name, _pattern in RFC.items():
    CHECKER.checks(_name)(lambda text, pattern=_pattern: re.fullmatch(pattern, text, re.ASCII) is not None)


def sent(annotation: Any, values: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return the output schema of a tool, and the structured content of its results as sent."""
    schema, render = output_of(annotation, Resolver(), None)
    assert schema is not None
    return schema, [json.loads(rendered(render(value)).structured or "") for value in values]


@pytest.mark.parametrize(("annotation", "values"), RESULTS, ids=[str(annotation)[:60] for annotation, _ in RESULTS])
def test_results_fit_schemas_with_format_assertions(annotation, values):
    schema, written = sent(annotation, values)
    for draft in (jsonschema.Draft202012Validator, jsonschema.Draft7Validator):
        draft.check_schema(schema)
        for value in written:
            draft(schema, format_checker=CHECKER).validate(value)


def test_official_typescript_client_accepts_all_results():
    cases = [sent(annotation, values) for annotation, values in RESULTS]
    found = javascript_client().problems(cases)
    assert [(cases[index], problem) for index, problem in enumerate(found) if problem is not None] == []


@pytest.mark.parametrize(("annotation", "value"), REFUSED, ids=lambda item: str(item)[:60])
def test_unreadable_result_is_refused(annotation, value):
    with pytest.raises(MismatchError, match=r"^expected "):
        json_type_of(annotation).dump(value)


def test_each_format_has_a_check_and_examples():
    assert set(FITTING) == set(UNFITTING) == set(FORMATS) == set(RFC)


@pytest.mark.parametrize("name", FORMATS)
def test_string_formats_are_checked(name):
    _, fits = check_of(name)
    assert [text for text in FITTING[name] if not fits(text)] == []
    assert [text for text in UNFITTING[name] if fits(text)] == []
    assert schema_of(Annotated[str, Field(format=name)]) == {"type": "string", "format": name}


def test_official_typescript_client_accepts_checked_formats():
    cases = [({"type": "string", "format": name}, texts) for name, texts in FITTING.items()]
    assert javascript_client().problems(cases) == [None] * len(cases)


@settings(max_examples=300)
@given(
    st.sampled_from(["email", "hostname", "uri", "ipv4", "duration"]),
    st.text(st.sampled_from("aZ0.-_@:/?#[]%é PDTHMS1\n"), max_size=10),
)
def test_checks_never_raise(name, text):
    assert check_of(name)[1](text) in (True, False)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Annotated[str, Field(format="e-mail")], "expected one of `date`, `date-time`, `duration`, `email`"),
        (Annotated[str, Field(format="binary")], 'declare others, which are not checked, with `Field(extra={"format"'),
        (Annotated[int, Field(format="date")], "`Field(format=...)` does not apply to `int`"),
        (Annotated[datetime, Field(format="date")], "`Field(format='date')` does not apply to `datetime`"),
        (Annotated[Decimal, Field(format="date")], "`Field(format='date')` does not apply to `Decimal`"),
    ],
)
def test_inapplicable_format_is_refused(annotation, reason):
    with pytest.raises(UnsupportedTypeError) as caught:
        json_type_of(annotation)
    assert reason in str(caught.value)


def test_required_format_refuses_other_arguments():
    json_type = json_type_of(Annotated[datetime, Field(format="date-time")])
    assert json_type.load("2026-01-02T03:04:05Z").tzinfo is not None
    with pytest.raises(MismatchError, match="expected an RFC 3339 date and time with an offset"):
        json_type.load("2026-01-02T03:04:05")
    with pytest.raises(MismatchError, match="expected string"):
        json_type.load(5)


def test_constraints_and_format_are_combined():
    json_type = json_type_of(Annotated[str, Field(format="email", max_length=10)])
    assert schema_of(Annotated[str, Field(format="email", max_length=10)]) == {
        "type": "string",
        "format": "email",
        "maxLength": 10,
    }
    with pytest.raises(MismatchError, match="an e-mail address"):
        json_type.load("x")
    with pytest.raises(MismatchError, match="at most 10 characters"):
        json_type.load("abc@example.com")


def test_field_is_hashable():
    fields = [Field(examples=["Bremen"]), Field(extra={"a": []}, ge=1), Field(description="x")]
    assert len(set(fields)) == 3
    assert hash(Field(examples=[1])) == hash(Field(examples=[1]))
    assert Annotated[str, fields[0]] == Annotated[str, Field(examples=["Bremen"])]
