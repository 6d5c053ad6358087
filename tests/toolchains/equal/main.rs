//! Component of the shared tables, in Rust.
use wasmcp_guest::schemars::{self, JsonSchema};
use wasmcp_guest::serde::{Deserialize, Serialize};
use wasmcp_guest::{choices, component, prompt, template, tool, Completion, Component, Context, Json};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
enum Size {
    #[serde(rename = "small")]
    Small,
    Large,
}

#[allow(dead_code)]
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde", deny_unknown_fields)]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Stop {
    town: String,
    days: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde", deny_unknown_fields)]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Check {
    count: u8,
    price: f64,
    size: Size,
    stops: Vec<Stop>,
    #[serde(default)]
    open: bool,
}

fn check(args: Check) -> String {
    format!("{} {} {:?} {} {}", args.count, args.price, args.size, args.stops.len(), args.open)
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde", deny_unknown_fields)]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Trip {
    city: String,
    size: Size,
    deep: Option<bool>,
    days: Option<i64>,
    pages: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Nothing {}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde", rename_all = "lowercase")]
#[schemars(crate = "wasmcp_guest::schemars")]
enum Kind {
    Day,
    Night,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Listed {
    kind: Kind,
    open: bool,
    name: String,
}

component!(|| Component::new()
    .tool(tool("check", "", check))
    .tool(tool("nothing", "", || "nothing"))
    .prompt(
        prompt("trip", "", |args: Trip, _: &Context| {
            format!("{} {:?} {:?} {:?} {:?}", args.city, args.size, args.deep, args.days, args.pages)
        })
        .complete("city", |_, _, _| choices(["Bremen", "Berlin", "Łódź"]))
        .complete("days", |typed, filled, _| match typed {
            "many" => vec!["x".to_owned(); 150],
            _ => std::iter::once(typed.to_owned()).chain(filled.values().cloned()).collect(),
        })
        .complete("pages", |typed, _, _| Completion {
            values: vec!["1".into(), "2".into()],
            total: (typed != "more").then_some(7),
            has_more: (typed == "more").then_some(true),
        }),
    )
    .prompt(prompt("plain", "", |_: Nothing, _: &Context| "plain"))
    .template(template("trips://{kind}/{open}/{name}", "listed", |args: Listed, _: &Context| Json(args))));
