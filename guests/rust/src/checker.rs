//! Validation of values against the JSON Schema that clients see: all mismatches with their paths, up to a maximum.

use serde_json::{Map, Value};

use crate::protocol::{
    mismatch, one_of, only, AT_LEAST, AT_MOST, CHARACTERS, ITEMS, LESS_THAN, MISSING, MORE, MORE_THAN, MULTIPLE_OF,
    NOTHING, TWICE, UNEXPECTED,
};

/// Maximum number of problems in the message for one value.
const MOST: usize = 20;
/// Maximum length of a name or text in messages.
const LONG: usize = 60;
/// Keywords that a Rust type does not enforce. `pattern` is not checked: the crate has no regex engine.
const LIMITS: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
];

/// Validator for one schema.
pub(crate) struct Checker {
    pub(crate) schema: Value,
    has_limits: bool,
}

impl Checker {
    pub(crate) fn new(schema: Value) -> Self {
        let has_limits = names_limits(&schema);
        Self { schema, has_limits }
    }

    /// Check the limits that only the schema has, before a value is deserialized; the text is JSON.
    pub(crate) fn limits(&self, text: Option<&str>) -> Result<(), String> {
        if !self.has_limits {
            return Ok(());
        }
        match serde_json::from_str(text.unwrap_or("{}")) {
            Ok(value) => self.check(&value),
            Err(_) => Ok(()), // deserializing reports the reason
        }
    }

    /// Check a value.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let mut problems = Problems::default();
        self.visit(&self.schema, value, "", &mut problems, 0);
        match problems.0.is_empty() {
            true => Ok(()),
            false => Err(problems.words()),
        }
    }

    /// Return the arguments without optional, nullable ones that are an empty string: clients send it for form fields
    /// that were left empty.
    pub(crate) fn without_empty(&self, text: Option<String>) -> Option<String> {
        let given = text.as_deref().filter(|text| text.contains("\"\""));
        let Some(Ok(Value::Object(mut members))) = given.map(serde_json::from_str) else {
            return text;
        };
        let empty = Map::new();
        let known = self
            .schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let required = self
            .schema
            .get("required")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        members.retain(|name, value| {
            let refused = known.get(name).is_some_and(|inner| {
                let mut problems = Problems::default();
                self.visit(inner, value, "", &mut problems, 0);
                !problems.0.is_empty()
            });
            value != "" || !refused || required.iter().any(|other| other == name)
        });
        Some(Value::Object(members).to_string())
    }

    /// Return the reason why a value could not be deserialized: from the schema, or else from the deserializer.
    pub(crate) fn explain(&self, text: Option<&str>, words: String) -> String {
        let value = serde_json::from_str(text.unwrap_or("{}"));
        value.ok().and_then(|value| self.check(&value).err()).unwrap_or(words)
    }

    fn visit(&self, schema: &Value, value: &Value, path: &str, problems: &mut Problems, depth: usize) {
        if problems.is_full() || depth > 200 {
            return;
        }
        let schema = match schema {
            Value::Bool(false) => return problems.add(path, "not allowed".into()),
            Value::Object(schema) => schema,
            _ => return,
        };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            if let Some(found) = target
                .strip_prefix('#')
                .and_then(|pointer| self.schema.pointer(pointer))
            {
                self.visit(found, value, path, problems, depth + 1);
            }
        }
        if let Some(words) = wrong_type(schema, value).or_else(|| wrong_choice(schema, value)) {
            return problems.add(path, words);
        }
        match value {
            Value::Number(number) => limits_of_number(schema, number.as_f64().unwrap_or_default(), path, problems),
            Value::String(text) => limits_of_text(schema, text, path, problems),
            Value::Array(items) => self.items(schema, items, path, problems, depth),
            Value::Object(members) => self.members(schema, members, path, problems, depth),
            _ => {}
        }
        for inner in list(schema, "allOf") {
            self.visit(inner, value, path, problems, depth + 1);
        }
        for keyword in ["anyOf", "oneOf"] {
            let mut nearest: Option<Problems> = None;
            let mut fits = false;
            for option in list(schema, keyword) {
                let mut tried = Problems::default();
                self.visit(option, value, path, &mut tried, depth + 1);
                fits = fits || tried.0.is_empty();
                // Report the best alternative: the one with the deepest problem, then with the fewest problems.
                if nearest.as_ref().is_none_or(|found| tried.rank() > found.rank()) {
                    nearest = Some(tried);
                }
            }
            if let Some(found) = nearest.filter(|_| !fits) {
                problems.0.extend(found.0);
            }
        }
    }

    fn items(&self, schema: &Map<String, Value>, items: &[Value], path: &str, problems: &mut Problems, depth: usize) {
        bound(
            schema,
            "minItems",
            path,
            problems,
            AT_LEAST,
            ITEMS,
            items.len(),
            |size, limit| size >= limit,
        );
        bound(
            schema,
            "maxItems",
            path,
            problems,
            AT_MOST,
            ITEMS,
            items.len(),
            |size, limit| size <= limit,
        );
        let first = list(schema, "prefixItems");
        for (index, item) in items.iter().enumerate() {
            if problems.is_full() {
                return;
            }
            if let Some(inner) = first.get(index).or_else(|| schema.get("items")) {
                self.visit(inner, item, &format!("{path}[{index}]"), problems, depth + 1);
            }
        }
        // Quadratic: long lists are not checked.
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true)) && items.len() <= 1000;
        if unique
            && items
                .iter()
                .enumerate()
                .any(|(index, item)| items[..index].contains(item))
        {
            problems.add(path, TWICE.into());
        }
    }

    fn members(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        path: &str,
        problems: &mut Problems,
        depth: usize,
    ) {
        let empty = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for (name, value) in members {
            if problems.is_full() {
                return;
            }
            let place = under(path, name);
            match (known.get(name), schema.get("additionalProperties")) {
                (Some(inner), _) => self.visit(inner, value, &place, problems, depth + 1),
                (None, Some(Value::Bool(false))) => problems.unexpected(&place, known),
                (None, Some(inner)) => self.visit(inner, value, &place, problems, depth + 1),
                (None, None) => {}
            }
        }
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                problems.add(&under(path, name), MISSING.into());
            }
        }
    }
}

/// Collector of problems, each with `path` and reason.
#[derive(Default)]
struct Problems(Vec<(String, String)>);

impl Problems {
    fn is_full(&self) -> bool {
        self.0.len() > MOST
    }

    fn add(&mut self, path: &str, reason: String) {
        self.0.push((path.to_owned(), reason));
    }

    fn unexpected(&mut self, path: &str, known: &Map<String, Value>) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let reason = if self.0.iter().any(|(_, other)| other.starts_with(UNEXPECTED)) {
            UNEXPECTED.to_owned()
        } else if names.is_empty() {
            NOTHING.to_owned()
        } else {
            only(names.join(", "))
        };
        self.add(path, reason);
    }

    fn rank(&self) -> (bool, usize, std::cmp::Reverse<usize>) {
        let deepest = self.0.iter().map(|(path, _)| path.len()).max().unwrap_or_default();
        (self.0.is_empty(), deepest, std::cmp::Reverse(self.0.len()))
    }

    fn words(self) -> String {
        let more = self.0.len() > MOST;
        let mut words: Vec<String> = self
            .0
            .into_iter()
            .take(MOST)
            .map(|(path, reason)| {
                if path.is_empty() {
                    reason
                } else {
                    format!("{path}: {reason}")
                }
            })
            .collect();
        if more {
            words.push(MORE.into());
        }
        words.join("; ")
    }
}

fn names_limits(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(names_limits),
        Value::Object(members) => members.iter().any(|(name, inner)| {
            // The bounds of an integer type: the type enforces them.
            let by_type = ["minimum", "maximum"].contains(&name.as_str()) && members.contains_key("format");
            (LIMITS.contains(&name.as_str()) && inner.is_number() && !by_type)
                || (name == "uniqueItems" && inner == &Value::Bool(true))
                || names_limits(inner)
        }),
        _ => false,
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn under(path: &str, name: &str) -> String {
    let name = shortened(name);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("{path}[{}]", Value::String(name));
    }
    match path.is_empty() {
        true => name,
        false => format!("{path}.{name}"),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn wrong_type(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let given = schema.get("type")?;
    let names: Vec<&str> = match given {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    let fits = names.iter().any(|name| match *name {
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        name => name == kind(value),
    });
    (!fits).then(|| {
        // A number that is not whole is shown: its kind would not explain the mismatch.
        let found = match value.as_f64() {
            Some(_) if names.contains(&"integer") => shown(value),
            _ => kind(value).to_owned(),
        };
        mismatch(names.join(" or "), found)
    })
}

fn wrong_choice(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let choices = match schema.get("const") {
        Some(only) => std::slice::from_ref(only),
        None if schema.contains_key("enum") => list(schema, "enum"),
        None => return None,
    };
    let known: Vec<String> = choices.iter().map(shown).collect();
    (!choices.contains(value)).then(|| mismatch(one_of(known.join(", ")), shown(value)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Return a scalar as JSON, shortened; for other values their kind.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => Value::String(shortened(text)).to_string(),
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        scalar => shortened(&scalar.to_string()),
    }
}

fn limits_of_number(schema: &Map<String, Value>, number: f64, path: &str, problems: &mut Problems) {
    let mut limit = |keyword: &str, words: &str, fits: fn(f64, f64) -> bool| {
        if let Some(limit) = schema.get(keyword).and_then(Value::as_f64) {
            if !fits(number, limit) {
                problems.add(path, mismatch(format!("{words} {limit}"), number));
            }
        }
    };
    limit("minimum", AT_LEAST, |number, limit| number >= limit);
    limit("maximum", AT_MOST, |number, limit| number <= limit);
    limit("exclusiveMinimum", MORE_THAN, |number, limit| number > limit);
    limit("exclusiveMaximum", LESS_THAN, |number, limit| number < limit);
    limit("multipleOf", MULTIPLE_OF, |number, limit| {
        let times = number / limit;
        limit == 0.0 || (times - times.round()).abs() < 1e-9
    });
}

fn limits_of_text(schema: &Map<String, Value>, text: &str, path: &str, problems: &mut Problems) {
    if schema.contains_key("minLength") || schema.contains_key("maxLength") {
        let size = text.chars().count();
        bound(
            schema,
            "minLength",
            path,
            problems,
            AT_LEAST,
            CHARACTERS,
            size,
            |size, limit| size >= limit,
        );
        bound(
            schema,
            "maxLength",
            path,
            problems,
            AT_MOST,
            CHARACTERS,
            size,
            |size, limit| size <= limit,
        );
    }
}

#[allow(clippy::too_many_arguments)]
fn bound(
    schema: &Map<String, Value>,
    keyword: &str,
    path: &str,
    problems: &mut Problems,
    words: &str,
    unit: &str,
    size: usize,
    fits: fn(u64, u64) -> bool,
) {
    if let Some(limit) = schema.get(keyword).and_then(Value::as_u64) {
        if !fits(size as u64, limit) {
            problems.add(path, mismatch(format!("{words} {limit} {unit}"), size));
        }
    }
}
