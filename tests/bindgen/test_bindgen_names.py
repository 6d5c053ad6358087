"""WIT names as Zig names."""

from __future__ import annotations

import pytest

from wasmcp.bindgen.zig import Scope, camel, quote, snake, title


@pytest.mark.parametrize(
    ("name", "function", "kind", "field"),
    [
        ("call-tool", "callTool", "CallTool", "call_tool"),
        ("a", "a", "A", "a"),
        ("http-URL", "httpUrl", "HttpUrl", "http_url"),
        ("tools-v20241105", "toolsV20241105", "ToolsV20241105", "tools_v20241105"),
    ],
)
def test_cases(name: str, function: str, kind: str, field: str) -> None:
    assert (camel(name), title(name), snake(name)) == (function, kind, field)


@pytest.mark.parametrize("name", ["error", "u8", "i128", "type", "f64", "_", "c_int", "anyerror", "struct"])
def test_zig_keywords_are_quoted(name: str) -> None:
    assert quote(name) == f'@"{name}"'


@pytest.mark.parametrize("name", ["u", "ua", "errors", "u8x", "tool"])
def test_other_names_stay(name: str) -> None:
    assert quote(name) == name


def test_a_scope_gives_no_name_twice() -> None:
    scope = Scope()
    assert [scope.give(name) for name in ("a", "a", "a", "abi", "error", "error")] == [
        "a",
        "a_",
        "a__",
        "abi_",
        '@"error"',
        "error_",
    ]
    other = Scope(frozenset())
    other.avoid(scope.given)
    assert other.give("a") == "a___"
