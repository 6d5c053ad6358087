//! Guest library of wasmcp: tools, resources and prompts of an MCP server, written as plain functions.
//!
//! ```
//! use wasmcp_guest::{component, tool, Component};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Add {
//!     /// The first number.
//!     a: f64,
//!     /// The second number.
//!     b: f64,
//! }
//!
//! component!(|| Component::new().tool(tool("add", "Add two numbers.", |args: Add| args.a + args.b)));
//! ```
//!
//! Arguments are checked against the function's type before it runs; a panic is a trap, after which the host
//! continues with a new instance.

#![deny(missing_docs)]

#[doc(hidden)]
#[allow(clippy::all, missing_docs, rustdoc::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["mcp", "wit"],
        world: "wasmcp:rust-guest/rust-component",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "wasmcp_guest::bindings",
    });
}

mod app;
mod arguments;
mod call;
mod checker;
mod completion;
pub mod config;
mod content;
mod context;
mod exports;
mod failure;
pub mod http;
pub mod kv;
mod prompt;
mod protocol;
mod resource;
mod result;
mod skill;
mod task;
mod template;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod together;
mod tool;
mod uris;

pub use app::{app, App, Permission, Visibility};
pub use completion::{choices, Choices, Completion, Proposals, Proposing};
pub use content::{Annotations, Cache, Content, Icon, Message, Role};
pub use context::{ClientRequests, Context, Elicited, HttpRequest, Identity, Level};
pub use exports::{Component, Define};
pub use failure::Failure;
pub use kv::Session;
pub use prompt::{prompt, Prompt, PromptFunction};
pub use resource::{resource, template, Contents, Json, Reading, Resource, Template, TemplateReading};
pub use result::{Answer, ToolResult};
pub use skill::{skill, Skill};
pub use task::Task;
pub use together::ClientResults;
pub use tool::{tool, Tool, ToolFunction};

pub use schemars;
pub use serde;
pub use serde_json;

/// The example of the readme, which is compiled with the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Return the text for a grant that is missing, or for a rule of it that is not empty.
fn not_granted(grant: &str, rule: &str, fake: &str) -> String {
    let advice = if cfg!(not(target_family = "wasm")) {
        format!("in a unit test, give it `{fake}` of `wasmcp_guest::testing`")
    } else if rule.is_empty() {
        format!("add it to the `grants` of its table: `grants = [\"{grant}\"]`")
    } else {
        let named = if rule.starts_with('{') {
            rule.to_owned()
        } else {
            format!("\"{rule}\"")
        };
        format!("name it in the `grants` of its table: `grants = {{ {grant} = [{named}] }}`")
    };
    let subject = if rule.is_empty() {
        format!("`{grant}`")
    } else {
        format!("`{grant}` for `{rule}`")
    };
    format!("{subject} is not granted to this component: {advice}")
}

/// Make this crate a component: the closure returns its declarations, and runs once per instance. Without WebAssembly,
/// in unit tests, nothing is exported.
///
/// ```
/// use wasmcp_guest::{component, tool, Component};
///
/// component!(|| Component::new().tool(tool("version", "Return the version.", || "1.0")));
/// ```
#[macro_export]
macro_rules! component {
    ($define:expr) => {
        #[doc(hidden)]
        #[allow(dead_code)] // without WebAssembly, for unit tests, nothing is exported
        struct WasmcpComponent;
        impl $crate::Define for WasmcpComponent {
            fn define() -> $crate::Component {
                ($define)()
            }
        }
        #[cfg(target_family = "wasm")]
        $crate::bindings::export_component!(WasmcpComponent with_types_in $crate::bindings);
    };
}
