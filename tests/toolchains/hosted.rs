// Tools that use imports of the host: streamed HTTP, several requests at a time, the values of a session.

use serde_json::{json, Value};
use std::io::Read;
use std::time::Duration;
use wasmcp_guest::http::{self, Body, HttpError, Timeout};
use wasmcp_guest::{component, tool, Component, Context, Failure};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    url: String,
    count: u8,
    size: usize,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Together {
    url: String,
    count: usize,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Wanted {
    url: String,
    total: Option<f64>,
    between_bytes: Option<f64>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Page {
    url: String,
}

/// Send a body in pieces, and count the bytes that come back in pieces.
fn echo(args: Echo) -> Result<usize, Failure> {
    let size = args.size;
    let pieces = (0..args.count).map(move |number| vec![number; size]);
    let mut response = http::post(&args.url).body(Body::pieces(pieces)).stream()?;
    let mut received = 0;
    for chunk in response.chunks() {
        received += chunk?.len();
    }
    Ok(received)
}

/// Send a body at once, and read the same one with `Read`.
fn echo_whole(args: Echo) -> Result<bool, Failure> {
    let body: Vec<u8> = (0..args.size).map(|number| number as u8).collect();
    let mut received = Vec::new();
    http::post(&args.url)
        .body(body.clone())
        .stream()?
        .read_to_end(&mut received)?;
    Ok(received == body)
}

fn together(args: Together) -> Vec<String> {
    let requests = (0..args.count).map(|_| http::get(&args.url).timeout(Duration::from_secs(30)));
    let texts = http::send_all(requests)
        .into_iter()
        .map(|found| found.map_or_else(|error| error.name().into(), |page| page.text()));
    texts.collect()
}

fn fetch(args: Wanted) -> Value {
    let timeout = Timeout {
        total: args
            .total
            .map(Duration::from_secs_f64)
            .or(Some(Duration::from_secs(30))),
        between_bytes: args.between_bytes.map(Duration::from_secs_f64),
        ..Timeout::default()
    };
    match http::get(&args.url).timeout(timeout).send() {
        Ok(response) => json!({ "status": response.status, "text": response.text() }),
        Err(HttpError::TransferTimeout { phase, .. }) => json!({ "timeout": phase.name() }),
        Err(error) => json!({ "error": error.name(), "code": error.code() }),
    }
}

/// Read the first bytes of a body that never ends, and leave it.
fn leave(args: Page) -> Result<String, Failure> {
    let mut response = http::get(&args.url).stream()?;
    Ok(String::from_utf8(response.chunk(3)?)?)
}

fn lines(args: Page) -> Result<Vec<String>, Failure> {
    let found: Result<Vec<String>, HttpError> = http::get(&args.url).stream()?.lines().collect();
    Ok(found?)
}

fn visits(_: Nothing, context: &Context) -> Result<Value, Failure> {
    let Some(session) = context.session() else {
        return Ok(Value::Null);
    };
    let names = session.update("names", |names: Option<Vec<String>>| {
        let mut names = names.unwrap_or_default();
        names.push(format!("visit {}", names.len() + 1));
        names
    })?;
    let first = session.compare_and_swap("first", None, true)?;
    let mut keys = session.keys()?;
    keys.sort();
    Ok(
        json!({ "count": session.increment("count", 2)?, "names": names, "first": first, "keys": keys,
        "there": [session.exists("count")?, session.exists("absent")?] }),
    )
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

component!(|| Component::new()
    .tool(tool("echo", "Echo.", echo))
    .tool(tool("echo_whole", "Echo.", echo_whole))
    .tool(tool("together", "Fetch several at a time.", together))
    .tool(tool("fetch", "Fetch.", |args: Wanted| fetch(args).to_string()))
    .tool(tool("leave", "Leave a response.", leave))
    .tool(tool("lines", "Read lines.", lines))
    .tool(tool("target", "Name the target.", |_: Nothing, context: &Context| {
        format!("{:?} {}", context.target(), context.http().is_some())
    }))
    .tool(tool("visits", "Count visits.", |args: Nothing, context: &Context| {
        visits(args, context).map(|found| found.to_string())
    })));
