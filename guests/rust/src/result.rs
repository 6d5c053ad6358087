//! Conversion of return values to results of tools.

use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::{arguments, Content, Failure};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{json, Value};

/// Complete result of a tool: content blocks, structured content, `_meta`. Specification: schema `CallToolResult`.
///
/// ```
/// use wasmcp_guest::ToolResult;
///
/// let result = ToolResult::new().content("3 words").structured(serde_json::json!({ "words": 3 }));
/// ```
#[derive(Default)]
pub struct ToolResult {
    content: Vec<Content>,
    structured: Option<Value>,
    meta: Option<Value>,
    is_error: bool,
}

impl ToolResult {
    /// Create an empty result.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a content block.
    pub fn content(mut self, block: impl Into<Content>) -> Self {
        self.content.push(block.into());
        self
    }

    /// Set the structured content, a JSON value.
    pub fn structured(mut self, value: Value) -> Self {
        self.structured = Some(value);
        self
    }

    /// Set `_meta`, an object.
    pub fn meta(mut self, value: Value) -> Self {
        self.meta = Some(value);
        self
    }

    /// Mark the result as a tool error (`isError`).
    pub fn error(mut self) -> Self {
        self.is_error = true;
        self
    }

    pub(crate) fn into_wit(self) -> types::ToolResult {
        types::ToolResult {
            content: self.content.into_iter().map(Content::into_wit).collect(),
            structured_content: self.structured.map(|value| value.to_string()),
            is_error: self.is_error,
            meta: self.meta.map(|value| value.to_string()),
            extra: None,
        }
    }

    pub(crate) fn failed(message: &str) -> Self {
        Self::new().content(message).error()
    }
}

/// Marker: a serializable value with a schema.
///
/// ```
/// use wasmcp_guest::tool;
///
/// let count = tool("count", "Count.", || 3); // the marker of its result is inferred
/// ```
pub struct Plain;
/// Marker: a [`ToolResult`].
///
/// ```
/// use wasmcp_guest::{tool, ToolResult};
///
/// let count = tool("count", "Count.", || ToolResult::new().content("3")); // the marker is inferred
/// ```
pub struct ByHand;
/// Marker: a `Result` of the type that `M` marks.
///
/// ```
/// use wasmcp_guest::{tool, Failure};
///
/// let count = tool("count", "Count.", || Err::<u8, _>(Failure::new("not now"))); // the marker is inferred
/// ```
pub struct Fallible<Inner>(Inner);

/// Return types of tools: any serializable value with a schema, a [`ToolResult`], or a `Result` of one of them. The
/// marker type keeps the implementations disjoint; it is inferred.
///
/// ```
/// use wasmcp_guest::Answer;
///
/// assert!(<u8 as Answer<_>>::schema().0.is_some());
/// ```
pub trait Answer<Marker> {
    /// Return the tool's output schema, and true if the value is an object. Another value becomes the member `result`
    /// of an object.
    fn schema() -> (Option<Value>, bool);

    /// Convert to the result. `object`: the value is an object, and becomes the structured content unchanged.
    fn answer(self, object: bool) -> Result<ToolResult, Failure>;
}

impl<T: Serialize + JsonSchema> Answer<Plain> for T {
    fn schema() -> (Option<Value>, bool) {
        let schema = arguments::of_result::<T>();
        let object = is_object(&schema);
        let whole = if object {
            schema
        } else {
            let mut inner = schema;
            let definitions = inner.as_object_mut().and_then(|object| object.remove("$defs"));
            let mut outer = json!({ "type": "object", "properties": { "result": inner }, "required": ["result"] });
            if let Some(definitions) = definitions {
                outer["$defs"] = definitions;
            }
            outer
        };
        (Some(whole), object)
    }

    fn answer(self, object: bool) -> Result<ToolResult, Failure> {
        let value = serde_json::to_value(&self)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let structured = if object { value } else { json!({ "result": value }) };
        Ok(ToolResult::new().content(text).structured(structured))
    }
}

impl Answer<ByHand> for ToolResult {
    fn schema() -> (Option<Value>, bool) {
        (None, false)
    }

    fn answer(self, _object: bool) -> Result<ToolResult, Failure> {
        Ok(self)
    }
}

impl<M, T: Answer<M>> Answer<Fallible<M>> for Result<T, Failure> {
    fn schema() -> (Option<Value>, bool) {
        T::schema()
    }

    fn answer(self, object: bool) -> Result<ToolResult, Failure> {
        self.and_then(|value| value.answer(object))
    }
}

fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}
