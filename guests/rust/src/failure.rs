//! How a function ends that has no result.

use crate::bindings::wasmcp::mcp_v20260728::types;
use serde_json::Value;

/// Why a function has no result. Anything that is an [`std::error::Error`] becomes one by `?`; its words stay in the
/// server's log, for they may say more than the client may know. [`Failure::new`] has words for the client.
#[derive(Debug)]
pub struct Failure(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Told(String),
    Arguments(String),
    Masked(String),
    Protocol {
        code: i32,
        message: String,
        data: Option<Value>,
    },
    Ask {
        key: String,
        method: &'static str,
        params: Value,
    },
}

impl Failure {
    /// A failure whose words the client, and so the model, is told: what to do otherwise, best.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Kind::Told(message.into()))
    }

    /// A JSON-RPC error instead of a result. MCP reserves -32000 to -32099 and -32700 to -32600.
    pub fn protocol(code: i32, message: impl Into<String>, data: Option<Value>) -> Self {
        Self(Kind::Protocol {
            code,
            message: message.into(),
            data,
        })
    }

    /// Resource not found: what a template's function answers for a URI that names nothing (code -32602).
    pub fn not_found(uri: &str) -> Self {
        Self::protocol(-32602, "Resource not found", Some(serde_json::json!({ "uri": uri })))
    }

    pub(crate) fn arguments(problem: String) -> Self {
        Self(Kind::Arguments(problem))
    }

    /// The failure as a protocol error: all there is for what has no error results, as reading a resource.
    pub(crate) fn into_error(self, doing: &str) -> types::Error {
        match self.0 {
            Kind::Protocol { code, message, data } => types::Error {
                code,
                message,
                data: data.map(|data| data.to_string()),
            },
            Kind::Told(message) => types::Error {
                code: -32603,
                message,
                data: None,
            },
            Kind::Arguments(problem) => types::Error {
                code: -32602,
                message: format!("Invalid arguments: {problem}"),
                data: None,
            },
            Kind::Masked(words) => {
                eprintln!("{doing}: {words}");
                types::Error {
                    code: -32603,
                    message: format!("{doing} failed"),
                    data: None,
                }
            }
            Kind::Ask { .. } => types::Error {
                code: -32603,
                message: format!("{doing} cannot ask"),
                data: None,
            },
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            words.push_str(": ");
            words.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(Kind::Masked(words))
    }
}
