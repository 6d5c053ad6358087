"""Errors for content values that clients would reject, at the place where the author makes them."""

from __future__ import annotations

import pytest

from wasmcp.guest import (
    Annotations,
    Audio,
    Context,
    DeclarationError,
    EmbeddedResource,
    Icon,
    Image,
    ResourceLink,
    resource,
    tool,
)
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.testing import LocalContext


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        *(
            ({"last_modified": text}, "`last_modified` must be an RFC 3339 date and time with an offset")
            for text in ("2026-01-02", "2026-01-02T03:04:05", "2026-01-02t03:04:05z", "20260102T030405Z", "now", "")
        ),
        *(({"priority": number}, "`priority` must be a number from 0 to 1") for number in (-0.1, 1.5, float("nan"))),
        ({"audience": ["system"]}, "`audience` must be a list of `user` and `assistant`"),
        ({"audience": "user"}, "`audience` must be a list of `user` and `assistant`"),
    ],
)
def test_invalid_annotations_are_refused(values, reason):
    with pytest.raises(ValueError, match=reason):
        Annotations(**values)


def test_valid_annotations():
    found = Annotations(audience=["user"], priority=1, last_modified="2026-01-02T03:04:05.678+01:00")
    assert found.priority == 1


@pytest.mark.parametrize("data", [5, "text", None, [1]])
def test_data_must_be_bytes(data):
    for make in (lambda: Image(data, "image/png"), lambda: Audio(data, "audio/wav")):
        with pytest.raises(TypeError, match="`data` must be bytes, not "):
            make()
    if not isinstance(data, str):
        with pytest.raises(TypeError, match="`data` must be bytes, not "):
            EmbeddedResource("a:b", data)
    assert Image(bytearray(b"1"), "image/png").data == b"1"


@pytest.mark.parametrize("size", [-1, 1.5, True, 2**53, "5"])
def test_size_must_be_a_number_of_bytes(size):
    with pytest.raises(ValueError, match="`size` must be a number of bytes, not "):
        ResourceLink("a:b", "b", size=size)
    with pytest.raises(DeclarationError, match="resource `f`: `size` must be a number of bytes, not "):

        @resource("a:b", size=size)
        def f() -> str: ...


def test_icon_theme_must_be_known():
    with pytest.raises(ValueError, match="`theme` must be `light` or `dark`, not 'blue'"):
        Icon(src="https://example.com/i.png", theme="blue")


@pytest.mark.parametrize("url", ["example.com/pay", "/pay", "https://", "https://a b", ""])
def test_invalid_link_is_refused(url, capsys):
    @tool
    def f(context: Context) -> str:
        return context.elicit_url("Pay", url, key="k").action

    able = LocalContext(client_capabilities={"elicitation": {"url": {}}})
    assert tool_of(f).call("{}", able).is_error
    assert "must be an absolute URL" in capsys.readouterr().err
