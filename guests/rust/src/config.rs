//! Configuration of a component: values of its author for one server, overridden by the operator's environment.
//!
//! The environment has precedence; the component needs the grant `env` for it. Otherwise the value comes from the table
//! `config` of the component in `pyproject.toml`, which is baked in when the server is composed.
//!
//! ```
//! use wasmcp_guest::{config, testing};
//!
//! let _fake = testing::fake_config(serde_json::json!({ "greeting": "Good morning" })).environment([("RETRIES", "5")]);
//! assert_eq!(config::get::<String>("greeting")?, "Good morning"); // in a function: values are read at each call
//! assert_eq!(config::get_or("RETRIES", 3)?, 5);
//! assert_eq!(config::get::<String>("API_KEY").unwrap_err().name(), "MissingConfigError");
//! # Ok::<(), config::ConfigError>(())
//! ```

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Configuration value that is missing or invalid.
///
/// ```
/// use wasmcp_guest::{config::{self, ConfigError}, testing};
///
/// let _fake = testing::fake_config(serde_json::json!({ "retries": "often" }));
/// assert!(matches!(config::get::<u8>("retries"), Err(ConfigError::Invalid { .. })));
/// assert!(matches!(config::get::<u8>("absent"), Err(ConfigError::Missing { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A required value that is neither in the environment nor in the table `config`.
    Missing {
        /// The key of the value.
        key: String,
    },
    /// A value that is not of the requested type.
    Invalid {
        /// The key of the value; empty for the whole table.
        key: String,
        /// The problem. It does not contain a value of the environment, which can be a secret.
        problem: String,
    },
}

impl ConfigError {
    /// Return the name that the error has in all guest libraries: that of the exception in Python.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "MissingConfigError",
            Self::Invalid { .. } => "InvalidConfigError",
        }
    }

    /// Return the key of the value.
    pub fn key(&self) -> &str {
        match self {
            Self::Missing { key } | Self::Invalid { key, .. } => key,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(
                out,
                "configuration `{key}`: it is not set. For a secret or a value of one machine use an environment variable: \
                 grant the component `env` and declare `{key} = {{}}` in `[tool.wasmcp.servers.NAME.env]` of \
                 `pyproject.toml`. Write a value that is the same everywhere and not confidential into \
                 `[tool.wasmcp.components.NAME.config]`"
            ),
            Self::Invalid { key, problem } => write!(out, "configuration `{key}`: {problem}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Return a required configuration value as a type: any type that the argument of a tool can have.
///
/// In the environment a boolean is `true`, `yes`, `on` or `1`, or `false`, `no`, `off` or `0`; a value that is neither
/// a string nor a number is JSON.
///
/// ```
/// use wasmcp_guest::{config, testing};
///
/// let _fake = testing::fake_config(serde_json::json!({ "tags": ["a"] })).environment([("VERBOSE", "yes")]);
/// assert!(config::get::<bool>("VERBOSE")?);
/// assert_eq!(config::get::<Vec<String>>("tags")?, ["a"]);
/// # Ok::<(), config::ConfigError>(())
/// ```
pub fn get<T: DeserializeOwned>(key: &str) -> Result<T, ConfigError> {
    find(key)?.ok_or_else(|| ConfigError::Missing { key: key.to_owned() })
}

/// Return a configuration value, or the default if the key is not set.
///
/// ```
/// use wasmcp_guest::config;
///
/// assert_eq!(config::get_or("retries", 3)?, 3);
/// # Ok::<(), config::ConfigError>(())
/// ```
pub fn get_or<T: DeserializeOwned>(key: &str, default: T) -> Result<T, ConfigError> {
    Ok(find(key)?.unwrap_or(default))
}

/// Return a configuration value, if the key is set.
///
/// ```
/// use wasmcp_guest::config;
///
/// assert_eq!(config::find::<String>("proxy")?, None);
/// # Ok::<(), config::ConfigError>(())
/// ```
pub fn find<T: DeserializeOwned>(key: &str) -> Result<Option<T>, ConfigError> {
    let invalid = |problem: String| ConfigError::Invalid {
        key: key.to_owned(),
        problem,
    };
    if let Some(text) = variable(key) {
        // A value of the environment can be a secret: the message must not contain it.
        let unfit = |_| invalid(format!("in the environment: expected the type `{}`", short_name::<T>()));
        return T::deserialize(Text(&text)).map(Some).map_err(unfit);
    }
    match table().remove(key) {
        Some(value) => {
            let unfit = |error: serde_json::Error| invalid(format!("in the table: {error}"));
            serde_json::from_value(value).map(Some).map_err(unfit)
        }
        None => Ok(None),
    }
}

/// Return the whole table `config` of the component as a type; an empty object if it has none.
///
/// ```
/// use wasmcp_guest::{config, testing};
///
/// #[derive(serde::Deserialize)]
/// struct Table {
///     greeting: String,
/// }
///
/// let _fake = testing::fake_config(serde_json::json!({ "greeting": "Hi" }));
/// assert_eq!(config::baked_in::<Table>()?.greeting, "Hi");
/// # Ok::<(), config::ConfigError>(())
/// ```
pub fn baked_in<T: DeserializeOwned>() -> Result<T, ConfigError> {
    let unfit = |error: serde_json::Error| ConfigError::Invalid {
        key: String::new(),
        problem: error.to_string(),
    };
    serde_json::from_value(Value::Object(table())).map_err(unfit)
}

#[cfg(target_family = "wasm")]
fn table() -> Map<String, Value> {
    serde_json::from_str(&crate::bindings::wasmcp::mcp_v20260728::config::all()).unwrap_or_default()
}

#[cfg(target_family = "wasm")]
fn variable(key: &str) -> Option<String> {
    std::env::var_os(key).and_then(|text| text.into_string().ok())
}

#[cfg(not(target_family = "wasm"))]
fn table() -> Map<String, Value> {
    crate::testing::config::source().values.clone()
}

#[cfg(not(target_family = "wasm"))]
fn variable(key: &str) -> Option<String> {
    let source = crate::testing::config::source();
    let variables = source.environment.borrow();
    variables
        .iter()
        .rev()
        .find(|(name, _)| name == key)
        .map(|(_, text)| text.clone())
}

/// Return the name of a type without the modules of its parts.
fn short_name<T>() -> String {
    let mut short = String::new();
    for part in std::any::type_name::<T>()
        .split_inclusive(|found: char| !found.is_alphanumeric() && found != '_' && found != ':')
    {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short
}

/// Value of the environment: a text that is converted to the type that is read.
struct Text<'a>(&'a str);

type Failed = de::value::Error;

fn unfit(error: impl fmt::Display) -> Failed {
    de::Error::custom(error)
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
            visitor.$visit(self.0.trim().parse::<$kind>().map_err(unfit)?)
        })*
    };
}

macro_rules! texts {
    ($($method:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
            visitor.visit_str(self.0)
        })*
    };
}

impl Text<'_> {
    fn json(&self) -> Result<Value, Failed> {
        serde_json::from_str(self.0).map_err(unfit)
    }
}

impl<'de> Deserializer<'de> for Text<'_> {
    type Error = Failed;

    numbers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64, deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64
    );
    texts!(
        deserialize_char,
        deserialize_str,
        deserialize_string,
        deserialize_identifier
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        match self.json() {
            Ok(value) => value.deserialize_any(visitor).map_err(unfit),
            Err(_) => visitor.visit_str(self.0),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        match self.0.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => visitor.visit_bool(true),
            "false" | "no" | "off" | "0" => visitor.visit_bool(false),
            _ => Err(unfit("expected a boolean")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        if variants.contains(&self.0) {
            let name: StrDeserializer<'_, Failed> = self.0.into_deserializer();
            return visitor.visit_enum(name);
        }
        self.json()?.deserialize_enum(name, variants, visitor).map_err(unfit)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.json()?.deserialize_seq(visitor).map_err(unfit)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.json()?.deserialize_map(visitor).map_err(unfit)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.json()?.deserialize_struct(name, fields, visitor).map_err(unfit)
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fake_config;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    enum Mode {
        Fast,
        Level(u8),
    }

    fn read<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
        let _fake = fake_config(serde_json::json!({})).environment([("KEY", text)]);
        get("KEY")
    }

    #[test]
    fn values_of_the_environment_are_converted_to_the_type() {
        assert_eq!(read("5"), Ok("5".to_owned()));
        assert_eq!(read("5"), Ok(5_u8));
        assert_eq!(read("-1.5"), Ok(-1.5));
        assert_eq!((read("Yes"), read("0")), (Ok(true), Ok(false)));
        assert_eq!(read("x"), Ok(Some("x".to_owned())));
        assert_eq!(read("[1, 2]"), Ok(vec![1, 2]));
        assert_eq!(read("[1, true]"), Ok((1, true)));
        assert_eq!(read(r#"{"a": 1}"#), Ok(BTreeMap::from([("a".to_owned(), 1)])));
        assert_eq!(read("Fast"), Ok(Mode::Fast));
        assert_eq!(read(r#"{"Level": 3}"#), Ok(Mode::Level(3)));
        assert_eq!(read("word"), Ok(Value::from("word")));
        assert_eq!(read("7"), Ok(Value::from(7)));
    }

    #[test]
    fn errors_do_not_contain_a_secret() {
        let problem = read::<Vec<u8>>("secret").unwrap_err().to_string();
        assert_eq!(
            problem,
            "configuration `KEY`: in the environment: expected the type `Vec<u8>`"
        );
        assert!(read::<u8>("256").is_err());
    }
}
