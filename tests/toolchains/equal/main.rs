//! Component of the shared tables, in Rust.
use wasmcp_guest::schemars::{self, JsonSchema};
use wasmcp_guest::serde::{Deserialize, Serialize};
use wasmcp_guest::serde_json::json;
use wasmcp_guest::{choices, component, prompt, resource, skill, template, tool};
use wasmcp_guest::{Cache, Completion, Component, Context, Elicited, Failure, Json, Task};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

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

#[allow(dead_code)]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde", deny_unknown_fields)]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Limits {
    #[schemars(length(min = 2, max = 4))]
    code: Option<String>,
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    ratio: Option<f64>,
    #[schemars(extend("multipleOf" = 5))]
    step: Option<i64>,
    #[schemars(length(min = 1, max = 2))]
    words: Option<Vec<String>>,
    tags: Option<BTreeSet<String>>,
}

fn limits(args: Limits) -> String {
    format!("{args:?}")
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

static RUNS: AtomicU32 = AtomicU32::new(0);

fn run() -> u32 {
    RUNS.fetch_add(1, Ordering::Relaxed)
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Person {
    name: String,
    loud: Option<bool>,
}

fn steps(_: Nothing, context: &Context) -> Result<String, Failure> {
    let ticket = context.once("ticket", run)?;
    let person = match context.elicit::<Person>("Who?")? {
        Elicited::Accepted(person) => person,
        Elicited::Declined => return Ok("decline".into()),
        Elicited::Cancelled => return Ok("cancel".into()),
    };
    let words = json!({ "type": "text", "text": format!("Greet {}", person.name) });
    let greeting = context.sample(json!({ "messages": [{ "role": "user", "content": words }], "maxTokens": 5 }))?;
    let roots = context.roots()?;
    let uris: Vec<String> =
        roots["roots"].as_array().unwrap().iter().map(|root| format!("'{}'", root["uri"].as_str().unwrap())).collect();
    let same = if ticket == context.once("ticket", run)? { "True" } else { "False" };
    let loud = person.loud.map_or("none".to_owned(), |loud| loud.to_string());
    let text = greeting["content"]["text"].as_str().unwrap_or_default();
    Ok(format!("{} {loud} {text} [{}] {same}", person.name, uris.join(", ")))
}

fn count(_: Nothing, context: &Context) -> Result<String, Failure> {
    let done: u32 = context.state()?.unwrap_or(0);
    if done == 1 && !matches!(context.elicit::<Person>("Who?")?, Elicited::Accepted(_)) {
        return Ok("nobody".into());
    }
    if done < 3 {
        context.checkpoint(done + 1)?;
    }
    Ok(format!("{done} steps"))
}

fn both(_: Nothing, context: &Context) -> Result<String, Failure> {
    let (person, roots) = context.all((context.elicit::<Person>("Who?"), context.roots()))?;
    let action = match person {
        Elicited::Accepted(_) => "accept",
        Elicited::Declined => "decline",
        Elicited::Cancelled => "cancel",
    };
    Ok(format!("{action} {}", roots["roots"].as_array().map_or(0, Vec::len)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Each {
    words: Vec<String>,
}

fn each(args: Each, context: &Context) -> Result<String, Failure> {
    let ask = |word: &String| {
        let content = json!({ "type": "text", "text": word });
        context.sample(json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 5 }))
    };
    let replies = context.all(args.words.iter().map(ask).collect::<Vec<_>>())?;
    let texts: Vec<&str> = replies.iter().filter_map(|reply| reply["content"]["text"].as_str()).collect();
    Ok(texts.join(", "))
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Link {
    url: String,
}

fn link(args: Link, context: &Context) -> Result<&'static str, Failure> {
    Ok(if context.elicit_url("Pay", &args.url)? { "opened" } else { "not opened" })
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Keys {
    first: String,
    second: String,
}

fn keys(args: Keys, context: &Context) -> Result<&'static str, Failure> {
    context.with_key(&args.first).roots()?;
    context.with_key(&args.second).roots()?;
    Ok("done")
}

fn fallback(_: Nothing, context: &Context) -> Result<String, Failure> {
    let words = json!({ "type": "text", "text": "Hi" });
    match context.sample(json!({ "messages": [{ "role": "user", "content": words }], "maxTokens": 5 })) {
        Ok(found) => Ok(found["content"]["text"].as_str().unwrap_or_default().to_owned()),
        Err(error) if error.is_missing_capability() => Ok("no model".into()),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(crate = "wasmcp_guest::serde")]
#[schemars(crate = "wasmcp_guest::schemars")]
struct Asked {
    id: String,
}

component!(|| Component::new()
    .tool(tool("steps", "", steps))
    .tool(
        tool("count", "", count)
            .task(Task::steps().ttl(Duration::from_secs(60)))
            .tags(["slow"]),
    )
    .tool(tool("work", "", || "done").task(Task::run().required()))
    .tool(tool("both", "", both))
    .tool(tool("each", "", each))
    .tool(tool("link", "", link))
    .tool(tool("keys", "", keys))
    .tool(tool("fallback", "", fallback))
    .tool(tool("refuse", "", || -> Result<String, Failure> {
        Err(Failure::protocol(-32001, "gone", Some(json!({ "id": 1 }))))
    }))
    .prompt(prompt("asks", "", |_: Nothing, context: &Context| -> Result<String, Failure> {
        match context.elicit::<Person>("Who?")? {
            Elicited::Accepted(person) => Ok(person.name),
            _ => Ok(String::new()),
        }
    }))
    .template(template("asks://{id}", "asked", |args: Asked, context: &Context| -> Result<String, Failure> {
        Ok(format!("{} {}", args.id, context.roots()?["roots"].as_array().map_or(0, Vec::len)))
    }))
    .skill(
        skill("daily-report", "Report of \"today\": é😀 #1\n- [x]", |context: &Context| {
            format!("# Report for {}\n", context.protocol_version())
        })
        .prefix("reports")
        .license("Apache-2.0")
        .compatibility("yes")
        .allowed_tools("Bash(git:*) Read")
        .metadata("version", "2.1"),
    )
    .skill(skill("true", "About true", |_: &Context| "plain").tags(["x"]))
    .cache_lists(Cache::public(Duration::from_secs(60)))
    .resource(
        resource("skill://reports/daily-report/references/note.md", "note", |_: &Context| "plain")
            .cache(Cache::private(Duration::from_secs(30))),
    )
    .tool(tool("check", "", check))
    .tool(tool("limits", "", limits))
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
        .complete("pages", |typed, _, _| match typed {
            "secret" => Err(std::io::Error::other("xyzzy").into()),
            "none" => Err(Failure::new("no page")),
            _ => Ok(Completion {
                values: vec!["1".into(), "2".into()],
                total: (typed != "more").then_some(7),
                has_more: (typed == "more").then_some(true),
            }),
        }),
    )
    .prompt(prompt("plain", "", |_: Nothing, _: &Context| "plain"))
    .template(template("trips://{kind}/{open}/{name}", "listed", |args: Listed, _: &Context| Json(args))));
