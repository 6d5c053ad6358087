"""Generating: files, the command, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.zig_component import Guest
from wasmtime.component import Record, ResourceHost, ResourceType

from wasmcp.bindgen import RUNTIME, generate
from wasmcp.bindgen.__main__ import main
from wasmcp.errors import BindgenError
from wasmcp.package_data import wit_directory

WORLD = "package t:t;\ninterface i { f: func(); }\nworld w { import i; }\n"
MANY = ", ".join(f"n{i}" for i in range(33))


@pytest.fixture
def wit(tmp_path: Path) -> Path:
    path = tmp_path / "world.wit"
    path.write_text(WORLD, "utf-8")
    return path


def test_files(wit: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert generate(wit, "w", out) == out / "bindings.zig"
    assert {path.name for path in out.iterdir()} == {"bindings.zig", *(path.name for path in RUNTIME.glob("*.zig"))}


def test_files_that_would_not_change_are_not_touched(wit: Path, tmp_path: Path) -> None:
    path = generate(wit, "w", tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    generate(wit, "w", tmp_path / "out")
    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before
    wit.write_text(WORLD.replace("f:", "g:"), "utf-8")
    generate(wit, "w", tmp_path / "out")
    assert "pub fn g(" in path.read_text("utf-8")


@pytest.mark.parametrize("world", ["tools-component", "middleware", "server-io", "transport", "catalogue"])
def test_the_worlds_of_this_project(world: str, tmp_path: Path) -> None:
    text = generate(wit_directory(), world, tmp_path).read_text("utf-8")
    assert "/// A JSON text (RFC 8259).\n    pub const Json = []const u8;" in text
    assert "pub fn exportWorld() void {" in text


def test_the_command(wit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(wit), "w", "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'bindings.zig'}\n"
    assert main([str(wit), "nope", "-o", str(tmp_path / "out")]) == 1
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("package t:t;\nworld w { import nope; }", "world.wit:2:18"),
        ("not wit", "is not a valid WIT package"),
        ("package t:t;\nworld other {}\nworld more {}", "has no world `w`; its worlds: `more`, `other`"),
        ("package t:t;\nworld w { export f: async func(); }", "`async-freestanding` functions belong to WASI 0.3"),
        ("package t:t;\nworld w { export f: func(a: stream<u8>); }", "`stream`: bindings support the types of WASI"),
        ("package t:t;\nworld w { import f: func() -> future<string>; }", "`future`: bindings support"),
        (f"package t:t;\nworld w {{ flags f {{ {MANY} }} }}", "cannot have more than 32 flags"),
        ("package t:t;\nworld w { import f: func(e: error-context); }", "`error-context`: bindings support"),
    ],
)
def test_invalid_packages_are_rejected(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "world.wit"
    path.write_text(text, "utf-8")
    with pytest.raises(BindgenError) as caught:
        generate(path, "w", tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BindgenError, match="WIT file or directory not found"):
        generate(tmp_path / "gone", "w", tmp_path / "out")


WORLD_RESOURCE = """\
package t:t;
world w {
  resource file {
    constructor(name: string);
    name: func() -> string;
    open: static func(name: string) -> option<file>;
  }
  export work: func(name: string) -> string;
}
"""

WORLD_RESOURCE_ZIG = """\
const bindings = @import("bindings");
pub const exports = struct {
    pub fn work(name: []const u8) []const u8 {
        const file = bindings.File.open(name) orelse bindings.File.init("default");
        defer file.drop();
        return file.name();
    }
};
"""


def test_a_resource_of_the_world_itself(build_zig: Any) -> None:
    guest = Guest(build_zig(WORLD_RESOURCE, "w", WORLD_RESOURCE_ZIG))
    names: list[str] = []
    dropped: list[int] = []

    def make(_store: Any, name: str) -> ResourceHost:
        names.append(name)
        return ResourceHost.own(len(names) - 1, 1)

    with guest.linker.root() as root:
        root.add_resource("file", ResourceType.host(1), lambda _store, rep: dropped.append(rep))
        root.add_func("[constructor]file", make)
        root.add_func("[method]file.name", lambda store, file: names[file.to_host(store).rep])
        root.add_func("[static]file.open", lambda store, name: make(store, name) if name else None)
    guest.start()
    assert [guest.call("work", name) for name in ("a", "")] == ["a", "default"]
    assert dropped == [0, 1]


# Names that Zig, the generated code or other names would hide; two versions of a package; interfaces inside a world.
AWKWARD = """\
package t:t;
interface types { record point { x: u32 } type points = list<point>; }
interface error {
  use types.{point as p};
  resource self { constructor(error: u8); init: func(other: u8) -> u32; }
  std: func(abi: p, error: p, types: u32, memory: u32, bindings: u32) -> u32;
  abi: func(std: u32) -> u32;
}
world w {
  use types.{points};
  import error;
  import twice: func(n: u32) -> u32;
  import inline: interface { use types.{point}; get: func() -> point; }
  export struct: interface { use types.{point}; var: func(const: point) -> point; }
  export total: func(all: points) -> u32;
}
"""

AWKWARD_ZIG = """\
const bindings = @import("bindings");
pub const exports = struct {
    pub const @"struct" = struct {
        pub fn @"var"(point: bindings.types.Point) bindings.types.Point {
            const self: bindings.@"error".Self_ = .init(3);
            defer self.drop();
            const inner = bindings.@"inline".get();
            return .{ .x = point.x + bindings.@"error".std_(inner, inner, 1, 1, 1) + self.init_(2) };
        }
    };
    pub fn total(all: []const bindings.types.Point) u32 {
        var sum: u32 = 0;
        for (all) |point| sum += bindings.twice(point.x);
        return sum;
    }
};
"""


def test_awkward_names(build_zig: Any) -> None:
    guest = Guest(build_zig(AWKWARD, "w", AWKWARD_ZIG))
    point = Record()
    point.x = 20
    with guest.linker.root() as root:
        root.add_func("twice", lambda _store, n: n * 2)
        with root.add_instance("t:t/error") as error:
            error.add_resource("self", ResourceType.host(1), lambda _store, _rep: None)
            error.add_func("[constructor]self", lambda _store, e: ResourceHost.own(e, 1))
            error.add_func("[method]self.init", lambda store, file, other: file.to_host(store).rep * 100 + other)
            error.add_func("std", lambda _store, a, _b, t, m, b: a.x + t + m + b)
            error.add_func("abi", lambda _store, std: std)
        with root.add_instance("inline") as inline:
            inline.add_func("get", lambda _store: point)
    guest.start()
    assert guest.call("var", point, interface="struct").x == 20 + 23 + 302
    assert guest.call("total", [point, point]) == 80


VERSIONS = """\
package t:t;
package a:b@1.0.0 { interface x { record r { v: u32 } f: func() -> r; } }
package a:b@2.0.0 { interface x { record r { v: string } f: func() -> r; } }
package a:only@0.1.0 { interface y { g: func() -> u32; } }
world w {
  import a:b/x@1.0.0;
  import a:b/x@2.0.0;
  import a:only/y@0.1.0;
  export both: func() -> tuple<u32, string, u32>;
}
"""

VERSIONS_ZIG = """\
const bindings = @import("bindings");
pub const exports = struct {
    pub fn both() struct { u32, []const u8, u32 } {
        return .{ bindings.a_b_1_0_0.x.f().v, bindings.a_b_2_0_0.x.f().v, bindings.a_only.y.g() };
    }
};
"""


def test_two_versions_of_a_package(build_zig: Any) -> None:
    guest = Guest(build_zig(VERSIONS, "w", VERSIONS_ZIG))
    numbers, texts = Record(), Record()
    numbers.v, texts.v = 1, "two"
    guest.define("a:b/x@1.0.0", {"f": lambda _store: numbers})
    guest.define("a:b/x@2.0.0", {"f": lambda _store: texts})
    guest.define("a:only/y@0.1.0", {"g": lambda _store: 3})
    guest.start()
    assert guest.call("both") == (1, "two", 3)


# A component between two others: it defines the same resource that it imports.
BETWEEN = """\
package t:t;
interface things {
  resource thing { constructor(value: u32); value: func() -> u32; }
  record plain { x: u32 }
  record box { thing: thing, label: string }
  pack: func(thing: thing, plain: plain) -> box;
}
world w { import things; export things; }
"""

BETWEEN_ZIG = """\
const bindings = @import("bindings");
const inner = bindings.things;
const outer = bindings.exports.things;

pub const exports = struct {
    pub const things = struct {
        pub const Thing = struct {
            wrapped: inner.Thing,

            fn wrap(wrapped: inner.Thing) outer.Thing {
                const self = bindings.memory.gpa.create(Thing) catch unreachable;
                self.* = .{ .wrapped = wrapped };
                return .new(self);
            }

            pub fn init(number: u32) outer.Thing {
                return wrap(.init(number + 1));
            }

            pub fn value(self: *Thing) u32 {
                return self.wrapped.value() * 10;
            }

            pub fn deinit(self: *Thing) void {
                self.wrapped.drop();
                bindings.memory.gpa.destroy(self);
            }
        };

        pub fn pack(thing: outer.Thing, plain: inner.Plain) outer.Box {
            const wrapped = thing.rep().wrapped;
            thing.rep().wrapped = .init(0);
            thing.drop();
            const box = inner.pack(wrapped, plain);
            return .{ .thing = Thing.wrap(box.thing), .label = box.label };
        }
    };
};
"""


def test_an_interface_that_is_imported_and_exported(build_zig: Any) -> None:
    guest = Guest(build_zig(BETWEEN, "w", BETWEEN_ZIG))
    dropped: list[int] = []

    def pack(_store: Any, thing: Any, plain: Any) -> Any:
        box = Record()
        box.thing, box.label = thing, f"packed {plain.x}"
        return box

    with guest.linker.root() as root, root.add_instance("t:t/things") as things:
        things.add_resource("thing", ResourceType.host(1), lambda _store, rep: dropped.append(rep))
        things.add_func("[constructor]thing", lambda _store, value: ResourceHost.own(value, 1))
        things.add_func("[method]thing.value", lambda store, thing: thing.to_host(store).rep)
        things.add_func("pack", pack)
    guest.start()
    thing = guest.call("[constructor]thing", 4, interface="t:t/things")
    assert guest.call("[method]thing.value", thing, interface="t:t/things") == 50
    plain = Record()
    plain.x = 7
    box = guest.call("pack", thing, plain, interface="t:t/things")
    assert box.label == "packed 7"
    assert guest.call("[method]thing.value", box.thing, interface="t:t/things") == 50
    assert dropped == [0]
    box.thing.drop(guest.store)
    assert dropped == [0, 5]
