//! Errors of functions.

use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::protocol::{INTERNAL_ERROR, INVALID_PARAMS, MISSING_CAPABILITY, RESOURCE_NOT_FOUND};
use serde_json::Value;

/// Error of a function. `?` converts any [`std::error::Error`]; its text goes only to the server's log, because it can
/// contain confidential details. [`Failure::new`] takes a text for the client.
///
/// ```
/// use wasmcp_guest::Failure;
///
/// fn age(text: &str) -> Result<u8, Failure> {
///     match text.parse::<i64>()? {
///         age if age < 0 => Err(Failure::new("an age is not negative")),
///         age => Ok(u8::try_from(age)?),
///     }
/// }
///
/// assert!(age("-1").is_err());
/// ```
#[derive(Debug)]
pub struct Failure(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Public(String),
    Arguments(String),
    Masked(String),
    Protocol {
        code: i32,
        message: String,
        data: Option<Value>,
    },
    /// The run of the function ends: the client has not sent the result of a request yet (no state), or the function
    /// reached a checkpoint (an empty state).
    InputRequired(Option<Vec<u8>>),
}

impl Failure {
    /// Create a failure whose text is sent to the client, and to its model, unchanged. It should state what to do
    /// instead.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Kind::Public(message.into()))
    }

    /// Create a JSON-RPC error. `code` is -32602 for invalid parameters and -32603 for internal errors; -32000 to
    /// -32019 are free to use. `message` and `data` are sent unchanged.
    pub fn protocol(code: i32, message: impl Into<String>, data: Option<Value>) -> Self {
        Self(Kind::Protocol {
            code,
            message: message.into(),
            data,
        })
    }

    /// Create the error for a resource that does not exist, for functions of templates. Sent as -32602, to clients before
    /// 2026-07-28 as -32002.
    pub fn not_found(uri: &str) -> Self {
        Self::protocol(RESOURCE_NOT_FOUND, "Resource not found", Some(serde_json::json!({ "uri": uri })))
    }

    /// Return true for the error of a request that the client does not support (code -32021).
    ///
    /// ```
    /// use wasmcp_guest::Failure;
    ///
    /// assert!(!Failure::new("no city with this name").is_missing_capability());
    /// ```
    pub fn is_missing_capability(&self) -> bool {
        matches!(self.0, Kind::Protocol { code: MISSING_CAPABILITY, .. })
    }

    /// Convert an error of a request to the client. Mistakes of the component are not sent to the client.
    pub(crate) fn of_framework(error: types::Error) -> Self {
        if error.code == INTERNAL_ERROR {
            return Self(Kind::Masked(error.message));
        }
        let data = error.data.and_then(|text| serde_json::from_str(&text).ok());
        Self::protocol(error.code, error.message, data)
    }

    pub(crate) fn arguments(problem: String) -> Self {
        Self(Kind::Arguments(problem))
    }

    /// Convert the failure to a JSON-RPC error, for requests without error results, such as `resources/read`.
    /// `masked` is the message for a failure whose text is not for the client; that goes to the log.
    pub(crate) fn into_error(self, masked: &str) -> types::Error {
        match self.0 {
            Kind::Protocol { code, message, data } => types::Error {
                code,
                message,
                data: data.map(|data| data.to_string()),
            },
            Kind::Public(message) => types::Error {
                code: INTERNAL_ERROR,
                message,
                data: None,
            },
            Kind::Arguments(problem) => types::Error {
                code: INVALID_PARAMS,
                message: format!("Invalid arguments: {problem}"),
                data: None,
            },
            Kind::Masked(words) => {
                eprintln!("{masked}: {words}");
                types::Error {
                    code: INTERNAL_ERROR,
                    message: masked.to_owned(),
                    data: None,
                }
            }
            Kind::InputRequired(_) => types::Error {
                code: INTERNAL_ERROR,
                message: format!("{masked}: it needs input of the client"),
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
