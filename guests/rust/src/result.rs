//! From what a function returns to the result of a tool.

use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::{arguments, Content, Failure};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{json, Value};

/// The result of a tool, made by hand: content blocks, structured content, `_meta`.
#[derive(Default)]
pub struct ToolResult {
    content: Vec<Content>,
    structured: Option<Value>,
    meta: Option<Value>,
    is_error: bool,
}

impl ToolResult {
    /// A result without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a content block.
    pub fn content(mut self, block: impl Into<Content>) -> Self {
        self.content.push(block.into());
        self
    }

    /// Set the structured content.
    pub fn structured(mut self, value: Value) -> Self {
        self.structured = Some(value);
        self
    }

    /// Set `_meta`, an object.
    pub fn meta(mut self, value: Value) -> Self {
        self.meta = Some(value);
        self
    }

    /// Have the result tell a failure.
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

/// A value with a schema.
pub struct Plain;
/// A [`ToolResult`].
pub struct ByHand;
/// A `Result` of what the inner one marks.
pub struct Fallible<Inner>(Inner);

/// What a tool may return: anything serialisable with a schema, a [`ToolResult`], or a `Result` of one of them. The
/// marker keeps these apart for the compiler, which finds it by itself.
pub trait Answer<Marker> {
    /// The tool's output schema, and whether the value itself is an object: another is the member `result` of one.
    fn schema() -> (Option<Value>, bool);

    /// The result. `object`: whether the schema is that of an object, which is the structured content as it is.
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
