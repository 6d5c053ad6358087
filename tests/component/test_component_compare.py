from __future__ import annotations

import pytest

from wasmcp.component.types import (
    Borrow,
    Enum,
    ExternType,
    Flags,
    Func,
    Instance,
    List,
    Opaque,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    Variant,
    difference,
    mismatch,
)

U8, U16, TEXT = Primitive.U8, Primitive.U16, Primitive.STRING
R, S = Resource("a:b/c", "r"), Resource("a:b/c", "s")
SIDES = ("`one`", "`two`")


def differ(one: ValueType, two: ValueType) -> str | None:
    return difference(TypeBound(one), TypeBound(two), "`t`", SIDES)


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (U8, U16, "`t` is `u8` in `one` and `u16` in `two`"),
        (U8, List(U8), "`t` is `u8` in `one` and a list in `two`"),
        (List(U8), List(U16), "the element of `t` is `u8` in `one` and `u16` in `two`"),
        (List(U8), List(U8, 4), "`t` has length None in `one` and length 4 in `two`"),
        (Record((("a", U8),)), Record((("b", U8),)), "field 1 of `t` is `a` in `one` and `b` in `two`"),
        (Record((("a", U8),)), Record((("a", TEXT),)), "`a` of `t` is `u8` in `one` and `string` in `two`"),
        (Variant((("a", None),)), Variant((("a", U8),)), "`a` of `t` is nothing in `one` and `u8` in `two`"),
        (
            Variant((("a", U8),)),
            Variant((("a", U8), ("b", None))),
            "case 2 of `t` is missing in `one` and `b` in `two`",
        ),
        (Enum(("a", "b")), Enum(("b", "a")), "label 1 of `t` is `a` in `one` and `b` in `two`"),
        (Flags(("a",)), Enum(("a",)), "`t` is flags in `one` and an enum in `two`"),
        (Tuple((U8,)), Tuple((U8, U8)), "`t` has 1 items in `one` and 2 items in `two`"),
        (Tuple((U8, U8)), Tuple((U8, U16)), "item 1 of `t` is `u8` in `one` and `u16` in `two`"),
        (Option(U8), Option(U16), "the payload of `t` is `u8` in `one` and `u16` in `two`"),
        (Result(U8, None), Result(U8, TEXT), "the failure of `t` is nothing in `one` and `string` in `two`"),
        (Own(R), Borrow(R), "`t` is an owned handle in `one` and a borrowed handle in `two`"),
        (Own(R), Own(S), "`t` is the resource `r` of `a:b/c` in `one` and `s` of `a:b/c` in `two`"),
    ],
)
def test_differences(one: ValueType, two: ValueType, words: str) -> None:
    assert differ(one, two) == words
    assert differ(one, one) is None
    assert differ(two, two) is None


def test_names_of_types_are_ignored() -> None:
    named = TypeName("a:b/c", "small", TypeName("a:b/d", "tiny", U8))
    assert differ(List(named), List(U8)) is None
    assert differ(Own(TypeName("x:y/z", "alias", R)), Own(R)) is None


def test_functions_and_kinds() -> None:
    f = Func((("a", U8),), TEXT)
    assert difference(f, Func((("a", U8),), TEXT), "`f`", SIDES) is None
    assert (
        difference(f, Func((("a", U8),)), "`f`", SIDES) == "the result of `f` is `string` in `one` and nothing in `two`"
    )
    assert difference(f, TypeBound(U8), "`f`", SIDES) == "`f` is of kind func in `one` and of kind type in `two`"


def test_shared_parts_are_compared_once() -> None:
    one: ValueType = U8
    two: ValueType = U8
    for _ in range(90):  # 2 ** 90 paths
        one, two = Tuple((one, one)), Tuple((two, two))
    assert differ(one, two) is None


def handler(resource: Resource, **more: ExternType) -> Instance:
    message = TypeName("own:name/space", "message", resource)
    return Instance({"message": TypeBound(resource), "handle": Func((("m", Borrow(message)),)), **more})


class TestMismatch:
    def test_resources_correspond(self) -> None:
        assert mismatch(handler(R), handler(Resource(None, "elsewhere"))) is None

    def test_additional_exports_are_accepted(self) -> None:
        assert mismatch(handler(R), handler(S, extra=Func())) is None

    def test_missing_exports_are_reported(self) -> None:
        assert mismatch(handler(R, extra=Func()), handler(S)) == "`extra` (func) is missing in the given type"

    def test_two_resources_do_not_match_one(self) -> None:
        wanted = Instance({"r": TypeBound(R), "s": TypeBound(S)})
        offered = Instance({"r": TypeBound(R), "s": TypeBound(R)})
        assert mismatch(wanted, offered) is not None
        assert mismatch(offered, wanted) is not None

    def test_crossed_handles(self) -> None:
        wanted = Instance({"r": TypeBound(R), "s": TypeBound(S), "f": Func((("x", Own(R)),))})
        offered = Instance({"r": TypeBound(R), "s": TypeBound(S), "f": Func((("x", Own(S)),))})
        assert mismatch(wanted, offered, SIDES) == (
            "`x` of `f` is the resource `r` of `a:b/c` in `one` and `s` of `a:b/c` in `two`"
        )

    def test_unknown_types_are_not_compared(self) -> None:
        assert mismatch(Instance({"f": Func()}), Instance({"f": Opaque("func")})) is None
        assert mismatch(Instance({"f": Func()}), Instance({"f": Opaque("instance")})) is not None
