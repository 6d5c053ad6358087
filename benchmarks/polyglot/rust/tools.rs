//! The two tools that every language is measured with.

use wasmcp_guest::{component, tool, Component};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Operands {
    a: f64,
    b: f64,
}

#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Item {
    name: String,
    price: f64,
    tags: Vec<String>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Items {
    items: Vec<Item>,
}

component!(|| Component::new()
    .tool(tool("add", "Add two numbers.", |args: Operands| args.a + args.b))
    .tool(tool("reverse", "Return the items in the opposite order.", |args: Items| {
        args.items.into_iter().rev().collect::<Vec<Item>>()
    })));
