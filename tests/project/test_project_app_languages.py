"""Apps declared in each language: the same metadata and the same page. Slow: it runs the compilers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project

from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.protocol import APP_MIME_TYPE

TYPESCRIPT = """\
import { app, tool } from "wasmcp";

const ui = app("ui/page.html", {
  uri: "ui://shop/cart",
  title: "Cart",
  description: "The cart",
  csp: { connectDomains: ["https://api.example.com"], resourceDomains: ["https://*.cdn.example"] },
  permissions: ["camera", "clipboardWrite"],
  domain: "shop.example",
  prefersBorder: false,
  tags: ["shop"],
});

tool({ name: "cart", ui, meta: { own: 1 } }, ({ user }: { user: string }) => `the cart of ${user}`);
tool({ name: "refresh", ui, visibility: ["app"] }, () => "nothing");
tool({ name: "model_only", visibility: ["model"] }, () => "nothing");
"""
ZIG = """\
const mcp = @import("wasmcp");

const ui = mcp.app("ui/page.html", .{
    .uri = "ui://shop/cart",
    .title = "Cart",
    .description = "The cart",
    .csp = .{
        .connect_domains = &.{"https://api.example.com"},
        .resource_domains = &.{"https://*.cdn.example"},
    },
    .permissions = &.{ .camera, .clipboardWrite },
    .domain = "shop.example",
    .prefers_border = false,
    .tags = &.{"shop"},
});
pub const resources = .{ui};
pub const tools = .{
    mcp.tool("cart", "", cart).with(.{ .ui = ui, .meta = "{\\"own\\": 1}" }),
    mcp.tool("refresh", "", refresh).with(.{ .ui = ui, .visibility = &.{.app} }),
    mcp.tool("model_only", "", refresh).with(.{ .visibility = &.{.model} }),
};

fn cart(args: struct { user: []const u8 }) ![]const u8 {
    return @import("std").mem.concat(mcp.allocator, u8, &.{ "the cart of ", args.user });
}

fn refresh() []const u8 {
    return "nothing";
}
"""
RUST = """\
use wasmcp_guest::{app, component, tool, Component, Permission, Visibility};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct User {
    user: String,
}

component!(|| {
    let ui = app("ui/page.html")
        .uri("ui://shop/cart")
        .title("Cart")
        .description("The cart")
        .connect_domains(["https://api.example.com"])
        .resource_domains(["https://*.cdn.example"])
        .permissions([Permission::Camera, Permission::ClipboardWrite])
        .domain("shop.example")
        .prefers_border(false)
        .tags(["shop"]);
    Component::new()
        .tool(
            tool("cart", "", |args: User| format!("the cart of {}", args.user))
                .ui(&ui)
                .meta(wasmcp_guest::serde_json::json!({ "own": 1 })),
        )
        .tool(tool("refresh", "", || "nothing").ui(&ui).visibility([Visibility::App]))
        .tool(tool("model_only", "", || "nothing").visibility([Visibility::Model]))
        .app(ui)
});
"""
SOURCES = {"typescript": ("ts/shop.ts", TYPESCRIPT), "zig": ("zig/shop.zig", ZIG), "rust": ("rust/shop.rs", RUST)}
RULES = ["connect:https://api.example.com", "resource:https://*.cdn.example", "camera", "clipboard-write"]
UI = {
    "csp": {"connectDomains": ["https://api.example.com"], "resourceDomains": ["https://*.cdn.example"]},
    "permissions": {"camera": {}, "clipboardWrite": {}},
    "domain": "shop.example",
    "prefersBorder": False,
}
PAGE = "<!doctype html>\n<script src=cart.js></script>"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", SOURCES)
def test_app_in_each_language(language: str, tmp_path: Path) -> None:
    if language == "rust" and shutil.which("cargo") is None:
        pytest.skip("cargo was not found")
    path, source = SOURCES[language]
    tables = (
        f'[tool.wasmcp.components.shop]\nsource = "{path}"\n'
        f"[tool.wasmcp.components.shop.grants]\napps = {RULES!r}\n\n"
        '[tool.wasmcp.servers.default]\ncomponents = ["shop"]\n'
    )
    contents = {path: source, "ui/page.html": PAGE, "ui/cart.js": "show(1)"}
    root = write_project(tmp_path, project_files("apps", contents, tables))
    with open_server(ensure_built(root)) as server:
        tools = {one["name"]: one["_meta"] for one in server.request("tools/list")["tools"]}
        (resource,) = server.request("resources/list")["resources"]
        (content,) = server.request("resources/read", {"uri": "ui://shop/cart"})["contents"]
        assert server.call_tool("cart", {"user": "Ada"}).text == "the cart of Ada"
    shown: dict[str, Any] = {"resourceUri": "ui://shop/cart"}
    assert tools == {
        "cart": {"own": 1, "ui": shown},
        "refresh": {"ui": {**shown, "visibility": ["app"]}},
        "model_only": {"ui": {"visibility": ["model"]}},
    }
    html = "<!doctype html>\n<script>show(1)</script>"
    assert content == {"uri": "ui://shop/cart", "mimeType": APP_MIME_TYPE, "text": html, "_meta": {"ui": UI}}
    assert resource == {
        "uri": "ui://shop/cart",
        "name": "page.html",
        "title": "Cart",
        "description": "The cart",
        "mimeType": APP_MIME_TYPE,
        "size": len(html),
        "_meta": {"ui": UI, "wasmcp/tags": ["shop"]},
    }
