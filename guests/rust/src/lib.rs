//! Guest library of wasmcp: tools, resources and prompts of an MCP server, written as plain functions.
//!
//! ```ignore
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

#[doc(hidden)]
#[allow(clippy::all, missing_docs)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "rust-component",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "wasmcp_guest::bindings",
    });
}

mod arguments;
mod checker;
mod content;
mod context;
mod exports;
mod failure;
mod prompt;
mod resource;
mod result;
mod template;
mod tool;
mod uris;
mod values;

pub use content::{Annotations, Content, Icon, Message, Role};
pub use context::{Context, Elicited, Identity, Level};
pub use exports::{Component, Define};
pub use failure::Failure;
pub use prompt::{prompt, Prompt, PromptFunction};
pub use resource::{resource, template, Contents, Json, Reading, Resource, Template, TemplateReading};
pub use result::{Answer, ToolResult};
pub use tool::{tool, Tool, ToolFunction};
pub use values::{config, open, Bucket, Session, Value, ValueError};

pub use schemars;
pub use serde;
pub use serde_json;

/// Make this crate a component: the closure returns its declarations, and runs once per instance.
#[macro_export]
macro_rules! component {
    ($define:expr) => {
        #[doc(hidden)]
        struct WasmcpComponent;
        impl $crate::Define for WasmcpComponent {
            fn define() -> $crate::Component {
                ($define)()
            }
        }
        $crate::bindings::export_component!(WasmcpComponent with_types_in $crate::bindings);
    };
}
