//! Arguments: JSON Schema, and conversion from JSON to the function's type.

use crate::checker::Checker;
use crate::failure::Kind;
use crate::protocol::NOTHING;
use crate::Failure;
use schemars::{generate::SchemaSettings, JsonSchema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Return the JSON Schema 2020-12 of a result, without the keywords of a standalone document.
pub(crate) fn of_result<T: JsonSchema>() -> Value {
    made::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn made<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let mut value = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = value.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
    }
    value
}

/// Return the schema of a form (specification: client/elicitation): primitive values only, without references, and
/// optional members are not nullable.
pub(crate) fn form<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut value = made::<T>(settings.with(|settings| settings.inline_subschemas = true));
    if let Some(object) = value.as_object_mut() {
        object.remove("additionalProperties");
    }
    members_without_null(&mut value);
    value
}

/// Return the schema of arguments that arrive as texts, and so are never null: those of prompts.
pub(crate) fn of_texts<T: JsonSchema>() -> Value {
    let mut value = of_arguments::<T>();
    members_without_null(&mut value);
    value
}

fn members_without_null(schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for member in members.into_iter().flat_map(Map::values_mut) {
        without_null(member);
    }
}

fn without_null(field: &mut Value) {
    if let Some(values) = field.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    if let Some(types) = field.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            field["type"] = only.clone();
        }
    }
}

/// Return the schema of a function's arguments: always an object. Types that are used twice are inlined, because many
/// clients do not resolve `$ref`; only recursive types are references.
pub(crate) fn of_arguments<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut value = made::<T>(settings.with(|settings| settings.inline_subschemas = true));
    if let Some(object) = value.as_object_mut() {
        object.entry("type").or_insert_with(|| "object".into());
    }
    value
}

/// Call a function with arguments that match their schema. The error lists all mismatches with their paths.
pub(crate) fn checked<R>(
    checker: &Checker,
    text: Option<String>,
    call: impl FnOnce(Option<String>) -> Result<R, Failure>,
    again: impl FnOnce() -> Option<String>,
) -> Result<R, Failure> {
    checker.limits(text.as_deref()).map_err(Failure::arguments)?;
    call(text).map_err(|failure| match failure.0 {
        Kind::Arguments(words) => Failure::arguments(checker.explain(again().as_deref(), words)),
        _ => failure,
    })
}

/// Read the arguments of a call. The error has the path of the first mismatch.
pub(crate) fn read<T: DeserializeOwned>(text: Option<String>) -> Result<T, String> {
    let text = text.unwrap_or_else(|| "{}".into());
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().to_string();
        let words = reason(&error.inner().to_string());
        if place == "." {
            words
        } else {
            format!("{place}: {words}")
        }
    })
}

/// Reject all arguments.
pub(crate) fn none(text: Option<String>) -> Result<(), String> {
    let given: Map<String, Value> = read(text)?;
    match given.keys().next() {
        None => Ok(()),
        Some(name) => Err(format!("{name}: {NOTHING}")),
    }
}

/// Read the arguments of a prompt.
pub(crate) fn read_named<T: DeserializeOwned>(text: Option<String>) -> Result<T, Failure> {
    read(text).map_err(Failure::arguments)
}

/// Convert the arguments of a prompt, which are strings by name.
pub(crate) fn typed_text(schema: &Value, text: Option<String>) -> Option<String> {
    let Some(Ok(Value::Object(texts))) = text.as_deref().map(serde_json::from_str) else {
        return text; // the deserializer reports the reason
    };
    Some(Value::Object(typed(schema, texts)).to_string())
}

/// Return the JSON types that a schema names, without those of its alternatives.
pub(crate) fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let named = schema.get("type");
    let many = named.and_then(Value::as_array).into_iter().flatten();
    named.into_iter().chain(many).filter_map(Value::as_str)
}

/// Convert the texts of arguments or variables whose types are numbers or booleans.
pub(crate) fn typed(schema: &Value, texts: Map<String, Value>) -> Map<String, Value> {
    let of = |name: &String| schema.get("properties").and_then(|known| known.get(name));
    texts
        .into_iter()
        .map(|(name, value)| {
            let typed = of(&name).map(|member| value_of(member, &value));
            (name, typed.unwrap_or(value))
        })
        .collect()
}

/// Return the value of a text: the text itself if the type accepts strings, otherwise the JSON scalar.
fn value_of(schema: &Value, given: &Value) -> Value {
    if let (Some(items), Some(values)) = (schema.get("items"), given.as_array()) {
        return values.iter().map(|value| value_of(items, value)).collect();
    }
    let Some(text) = given.as_str() else {
        return given.clone();
    };
    let inner = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword)?.as_array());
    let options: Vec<&Value> = std::iter::once(schema).chain(inner.flatten()).collect();
    let accepts = |names: &[&str]| {
        options
            .iter()
            .any(|option| types(option).any(|name| names.contains(&name)))
    };
    let is_plain = !text.contains(char::is_whitespace);
    match serde_json::from_str(text) {
        Ok(value @ Value::Number(_)) if is_plain && !accepts(&["string"]) && accepts(&["number", "integer"]) => value,
        Ok(value @ Value::Bool(_)) if is_plain && !accepts(&["string"]) && accepts(&["boolean"]) => value,
        _ => given.clone(),
    }
}

/// Return the members of an object schema: name, description, required or not.
pub(crate) fn members(schema: &Value) -> Vec<(String, Option<String>, bool)> {
    let empty = Map::new();
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    schema["properties"]
        .as_object()
        .unwrap_or(&empty)
        .iter()
        .map(|(name, member)| {
            let description = member.get("description").and_then(Value::as_str).map(str::to_owned);
            (name.clone(), description, required.contains(&name.as_str()))
        })
        .collect()
}

/// Return serde_json's message without line and column: the model does not see the JSON text.
fn reason(words: &str) -> String {
    words.split(" at line ").next().unwrap_or(words).to_owned()
}
