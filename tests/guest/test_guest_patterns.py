"""Regular expressions that JavaScript clients compile, with the same meaning in both languages."""

from __future__ import annotations

import random
import re
import warnings
from dataclasses import dataclass
from typing import Annotated

import pytest
from support.npm_packages import javascript_client, regular_expressions

from wasmcp.guest import DeclarationError, Field, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.json_types.schema_checks import PatternError, check_pattern, matcher
from wasmcp.guest.testing import LocalContext

TRANSLATED = [
    (r"^\d{3}\-\d{4}$", r"^\d{3}-\d{4}$"),
    (r"\A[a-z]+\Z", "^[a-z]+$"),
    (r"(?P<year>\d{4})-(?P=year)", r"(?<year>\d{4})-\k<year>"),
    (r"a{,3}", "a{0,3}"),
    (r"{a}]", r"\{a\}\]"),
    (r"[]a]", r"[\]a]"),
    (r"[^]a]", r"[^\]a]"),
    (r"\"\'\ \:\@\_", "\"' :@_"),
    (r"[\_\@]", "[_@]"),
    (r"\a\07\141", r"\x07\x07\x61"),
    (r"\U0001F600\N{BULLET}", r"\u{1f600}\u{2022}"),
]


@pytest.mark.parametrize(("pattern", "translation"), TRANSLATED)
def test_python_syntax_is_refused_with_a_translation(pattern, translation):
    for read in (matcher, check_pattern):
        with pytest.raises(PatternError) as caught:
            read(pattern)
        assert caught.value.translation == translation
        assert str(caught.value).endswith(f"is not ECMA-262, the syntax of clients: write `{translation}`")
    matcher(translation)


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("(?i)abc", "`(?i)` is not ECMA-262, the syntax of clients: write both cases, such as `[Aa]`"),
        ("((?i:abc))", "write both cases"),
        ("a++", "leave out the `+` behind the quantifier"),
        ("(?>a)", "write a group without `>`"),
        ("(a)(?(1)b|c)", "write the two expressions as alternatives"),
        ("a(?#the a)+", "leave out the comment"),
        ("(?=a)*", "an assertion cannot be repeated"),
        (r"[\w-.]", "put the `-` last"),
        (r"(?<=a+)b", "look-behind requires fixed-width pattern"),
        (r"\p{L}", r"`\p{L}` is ECMA-262, but Python cannot check it"),
        *(
            (pattern, "`")
            for pattern in ("(", ")", "[a", "a**", "*", "a{2,1}", r"\e", r"\x4", r"\2(a)", "(?<1>a)", "\\")
        ),
        *((pattern, "`") for pattern in (r"\k<n>", r"\u{110000}", r"\N{NO SUCH}", "(?Xa)", "(?P=n", "[b-a]")),
    ],
)
def test_untranslatable_syntax_is_refused_with_advice(pattern, advice):
    with pytest.raises(PatternError) as caught:
        matcher(pattern)
    assert advice in str(caught.value)
    assert caught.value.translation is None


@pytest.mark.parametrize(
    ("pattern", "found", "other"),
    [
        ("^a+$", ["a", "aa"], ["a\n", "", "b"]),
        (r"^\d+$", ["12"], ["١٢", "１"]),  # noqa: RUF001 - digits of other scripts
        (r"^\w+$", ["a_1"], ["é", "a-b"]),
        (r"^.$", ["é", "🎉"], ["\n", "\r", "\u2028"]),
        (r"^\s$", [" ", "\u00a0", "\ufeff", "\u2028"], ["\x1c", "\x85", "a"]),
        (r"^[^\s]$", ["\x85", "a"], ["\ufeff", " "]),
        (r"^[\S]$", ["\x1c", "a"], ["\u00a0"]),
        (r"(?<x>a|b)\k<x>", ["aa", "bb"], ["ab"]),
        (r"^\uD83C\uDF89\u{e9}\xe9\0$", ["🎉éé\x00"], ["🎉"]),
        (r"[\]\-\\^]", ["]", "-", "\\", "^"], ["a"]),
        ("[[a&&b-]", ["[", "&", "-", "a"], ["c"]),
        (r"\/\.\$", ["/.$"], ["/a$"]),
    ],
)
def test_pattern_matches_as_in_javascript(pattern, found, other):
    finds = matcher(pattern)
    assert [text for text in found if not finds(text)] == []
    assert [text for text in other if finds(text)] == []
    assert regular_expressions([(pattern, [*found, *other])]) == [[True] * len(found) + [False] * len(other)]


_PIECES = [
    *"abAB01 -_/.^$|?*+(){}[],:=!<>\\\n", *(f"\\{letter}" for letter in "dwsSDWbBAZ-_.][nt012'"), r"\x41", r"\u0041",
    r"\u{41}", r"\12", r"\07", r"\cA", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?P<n>", "(?<n>", "(?P=n)", r"\k<n>",
    "{2}", "{1,}", "{,2}", "{0,1}", "[^", "[a-z]", r"[\w-", r"\a", "é", "\u2028", "\u00a0", "++", "*?", "(?>",
    "(?i:", "🎉",
]  # fmt: skip
_TEXTS = [
    "",
    "a",
    "ab",
    "A",
    "0",
    "a0",
    "-",
    " ",
    "a b",
    "\n",
    "a\n",
    "é",
    "\u2028",
    "\u00a0",
    "_",
    "🎉",
    "]",
    "aa",
    "\x07",
]


def test_random_patterns_match_as_in_javascript():
    drawn = random.Random(8)  # noqa: S311 - nothing is secret
    patterns = ["".join(drawn.choice(_PIECES) for _ in range(drawn.randint(1, 7))) for _ in range(6000)]
    accepted, translated, sent = [], [], []
    for pattern in patterns:
        try:
            finds = matcher(pattern)
        except PatternError as error:
            if error.translation is not None:
                translated.append((pattern, error.translation))
            continue
        accepted.append((pattern, [finds(text) for text in _TEXTS]))
    sent = [(pattern, _TEXTS) for pattern, _ in accepted] + [(translation, []) for _, translation in translated]
    found = regular_expressions(sent)
    assert len(accepted) > 500
    assert len(translated) > 500
    assert [pattern for (pattern, mine), theirs in zip(accepted, found, strict=False) if mine != theirs] == []
    assert [pair for pair, theirs in zip(translated, found[len(accepted) :], strict=True) if theirs is None] == []


def test_translation_matches_as_in_python():
    drawn = random.Random(9)  # noqa: S311 - nothing is secret
    pieces = [piece for piece in _PIECES if piece not in (r"\B", r"\D", r"\S", r"\W", ".")]  # these match line ends
    texts = [text for text in _TEXTS if text.isascii() and "\n" not in text]
    compared = 0
    for _ in range(4000):
        pattern = "".join(drawn.choice(pieces) for _ in range(drawn.randint(1, 6)))
        try:
            matcher(pattern)
        except PatternError as error:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", FutureWarning)
                    search = re.compile(pattern).search
                finds = matcher(error.translation or "(")
            except (PatternError, re.error):
                continue
            compared += 1
            assert [finds(text) for text in texts] == [search(text) is not None for text in texts], pattern
    assert compared > 100


@dataclass
class Contact:
    phone: Annotated[str, Field(pattern=r"^\d{3}\-\d{4}$")]


def test_pattern_that_clients_cannot_compile_is_refused():
    reason = r"^tool `f`, (return, member `phone`|parameter `x`): `Field\(pattern=...\)` with .*: write `\^"

    with pytest.raises(DeclarationError, match=reason):

        @tool
        def f() -> Contact: ...

    with pytest.raises(DeclarationError, match=reason):

        @tool
        def f(x: Annotated[str, Field(pattern=r"\Aa\Z")]) -> None: ...


def test_dollar_matches_only_the_end_of_the_text():
    @tool
    def f(x: Annotated[str, Field(pattern="^[a-z]+$")]) -> str:
        return x

    assert not tool_of(f).call('{"x": "a"}', LocalContext()).is_error
    assert tool_of(f).call('{"x": "a\\n"}', LocalContext()).is_error


GIVEN = [
    ({"properties": {"a": {"pattern": r"\Aa"}}}, r"`properties.a.pattern`: `\Aa`: `\A` is not ECMA-262, .* write `^a`"),
    ({"patternProperties": {r"\Aa": {}}}, r"`patternProperties`: `\Aa`"),
    ({"properties": {"a": {"pattern": 5}}}, "`properties.a.pattern` must be a string"),
    ({"properties": {"a": {"type": "int"}}}, '`properties.a.type` is "int", expected one of array, boolean'),
    ({"anyOf": [{"properties": {"a": {"type": ["string", "none"]}}}]}, '`anyOf[0].properties.a.type` is "none"'),
    ({"properties": {"a": {"$ref": "#/$defs/A"}}}, '`properties.a.$ref` is "#/$defs/A", which is not in the schema'),
    ({"properties": {"a": {"$ref": "https://example.com/a"}}}, "clients do not load other schemas"),
    ({"properties": {"a": True}}, "`properties.a` must be an object, for any value `{}`"),
    ({"properties": []}, "`properties` must be an object"),
    ({"properties": {"a": {"default": {1}}}}, "it is not JSON"),
    ({"properties": {"a": {"minimum": float("nan")}}}, "it is not JSON"),
]


@pytest.mark.parametrize(("schema", "reason"), GIVEN)
def test_given_schema_that_clients_cannot_compile_is_refused(schema, reason):
    for option in ("input_schema", "output_schema"):
        with pytest.raises(DeclarationError) as caught:

            @tool(**{option: {"type": "object", **schema}})
            def f() -> None: ...

        message = str(caught.value)
        assert message.startswith(f"tool `f`, {option.replace('_', ' ')}: ")
        assert re.search(re.escape(reason).replace(r"\.\*", ".*"), message)


def test_all_mistakes_of_a_given_schema_are_reported():
    with pytest.raises(DeclarationError, match=r"`properties.a.type` .*; `properties.b.pattern`"):

        @tool(input_schema={"type": "object", "properties": {"a": {"type": "int"}, "b": {"pattern": "("}}})
        def f() -> None: ...


def test_valid_given_schemas_are_accepted():
    schemas = [
        {"properties": {"a": {"pattern": r"^\p{L}+$"}, "b": {"pattern": r"(?<=a+)b"}}},
        {"properties": {"pattern": {"type": "string"}, "type": {"type": ["null", "string"]}, "$ref": {}}},
        {"properties": {"a": {"$ref": "#/$defs/a~1b/anyOf/0"}}, "$defs": {"a/b": {"anyOf": [{"$ref": "#"}]}}},
        {"properties": {"a": {"$ref": "#here"}}, "$defs": {"x": {"$anchor": "here"}}},
        {"properties": {"a": {"default": {"pattern": "(", "type": "int"}, "enum": [{"$ref": "x"}]}}},
    ]
    for number, schema in enumerate(schemas):
        tool(name=f"f{number}", input_schema={"type": "object", **schema})(lambda: None)

    cases = [({"type": "object", **schema}, []) for schema in schemas]
    assert javascript_client().problems(cases) == [None] * len(cases)


def test_extra_keywords_of_a_field_are_checked():
    with pytest.raises(DeclarationError, match=r"tool `f`, input schema: `properties.x.pattern`: `\\Aa`"):

        @tool
        def f(x: Annotated[str, Field(extra={"pattern": r"\Aa"})]) -> None: ...
