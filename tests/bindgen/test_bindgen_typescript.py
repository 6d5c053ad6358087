"""TypeScript declarations of WIT interfaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.bindgen.typescript import declarations
from wasmcp.errors import BindgenError
from wasmcp.package_data import wit_declarations, wit_directory

WIT = """\
package demo:shop@1.0.0;

interface types {
  /// A colour.
  enum colour { red, dark-blue }
  flags marks { is-new, is-old }
  record item-info {
    /// Its name.
    name: string,
    price: option<f64>,
    tags: list<string>,
    data: list<u8>,
    size: u64,
    place: tuple<u8, bool>,
  }
  variant event { bought(item-info), gone }
  type id = string;
  resource cart {
    constructor(owner: id);
    add: func(item: item-info) -> result<u32, string>;
    open: static func(id: id) -> option<cart>;
  }
}

interface shop {
  use types.{cart, event as happening};
  /// Delete one.
  delete: func(this: borrow<cart>, in: list<happening>);
  last: func() -> result<happening>;
  nested: func() -> option<result<_, u8>>;
}

world w { import shop; }
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("wit") / "shop.wit"
    path.write_text(WIT, "utf-8")
    return declarations(path, ["w"])


@pytest.mark.parametrize(
    "line",
    [
        'declare module "demo:shop/types@1.0.0" {',
        "  /** A colour. */",
        '  export type Colour = "red" | "dark-blue";',
        "  export type Marks = { isNew?: boolean; isOld?: boolean };",
        "  export interface ItemInfo {",
        "    /** Its name. */",
        "    price?: number | null | undefined;",
        "    tags: (string)[];",
        "    data: Uint8Array;",
        "    size: number | bigint;",
        "    place: [number, boolean];",
        '  export type Event = { tag: "bought"; val: ItemInfo } | { tag: "gone" };',
        "  export class Cart {",
        "    constructor(owner: Id);",
        "    add(item: ItemInfo): number;",
        "    static open(id: Id): Cart | null | undefined;",
        "    [Symbol.dispose](): void;",
        '  export type Cart = import("demo:shop/types@1.0.0").Cart;',
        '  export type Happening = import("demo:shop/types@1.0.0").Event;',
        "  function delete_(this_: Cart, in_: (Happening)[]): void;",
        "  export { delete_ as delete };",
        "  export function last(): Happening;",
        '  export function nested(): { tag: "ok" } | { tag: "err"; val: number } | null | undefined;',
    ],
)
def test_declarations(text: str, line: str) -> None:
    assert line in text.splitlines()


def test_modules_are_sorted_and_named_once(text: str) -> None:
    modules = [line for line in text.splitlines() if line.startswith("declare module")]
    assert modules == sorted(set(modules))


def test_a_world_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BindgenError, match="no world `gone`"):
        declarations(wit_directory(), ["gone"])


def test_ours_are_built() -> None:
    built = wit_declarations().read_text("utf-8")
    assert 'declare module "wasmcp:mcp-v20260728/scripted@0.1.0" {' in built
    assert 'declare module "wasi:http/outgoing-handler@0.2.8" {' in built
