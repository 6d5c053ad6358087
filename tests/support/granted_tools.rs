//! Tools that use what grants give, from Rust: files, variables, sockets, requests, values.

use std::fmt::Display;
use wasmcp_guest::{component, http, kv, tool, Component, Failure};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Page {
    url: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Named {
    name: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Place {
    bucket: String,
    key: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct File {
    path: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Peer {
    host: String,
    port: u16,
}

fn reported<T>(result: Result<T, impl Display>) -> Result<T, Failure> {
    result.map_err(|error| Failure::new(error.to_string()))
}

fn get(args: Page) -> Result<String, Failure> {
    Ok(reported(http::get(&args.url).send())?.text())
}

fn variable(args: Named) -> String {
    std::env::var(args.name).unwrap_or_else(|_| "none".into())
}

fn keep(args: Place) -> Result<String, Failure> {
    let bucket = reported(kv::open(&args.bucket))?;
    reported(bucket.set(&args.key, &"kept"))?;
    Ok(reported(bucket.get::<String>(&args.key))?.unwrap_or_default())
}

fn read(args: File) -> Result<String, Failure> {
    reported(std::fs::read_to_string(args.path))
}

fn write(args: File) -> Result<bool, Failure> {
    reported(std::fs::write(args.path, "written"))?;
    Ok(true)
}

fn connect(args: Peer) -> Result<bool, Failure> {
    reported(std::net::TcpStream::connect((args.host, args.port)))?;
    Ok(true)
}

component!(|| Component::new()
    .tool(tool("get", "Get a page, through redirects.", get))
    .tool(tool("variable", "Read a variable.", variable))
    .tool(tool("keep", "Set a value, and get it.", keep))
    .tool(tool("read", "Read a file.", read))
    .tool(tool("write", "Write a file.", write))
    .tool(tool("connect", "Open a socket.", connect)));
