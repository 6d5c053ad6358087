//! Stored values, which keep their type: `value` of the interface `key-value-types`.

use super::StoreError;
use serde::de::value::{Error, SeqDeserializer};
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::Value as Json;

/// Stored value. Types are not converted: a counter is an `S64`, and a value set as `U64` is not one.
///
/// ```
/// use wasmcp_guest::kv::Value;
///
/// assert_eq!(Value::of("x").unwrap(), Value::String("x".into()));
/// assert_eq!(Value::of(&-5).unwrap(), Value::S64(-5));
/// assert_eq!(Value::of(&[1.5]).unwrap(), Value::Json("[1.5]".into()));
/// assert_eq!(Value::Json("[1, 2]".into()).to::<Vec<u8>>().unwrap(), [1, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    String(String),
    /// A JSON text (RFC 8259).
    Json(String),
    /// An integer that does not fit into `S64`.
    U64(u64),
    /// An integer; also the type of counters.
    S64(i64),
    /// A boolean.
    Bool(bool),
    /// Bytes; also a value that another program wrote into the store in another form.
    Bytes(Vec<u8>),
}

impl Value {
    /// Return a value in its stored form: strings, booleans and integers of up to 64 bits keep their types, other
    /// values are stored as JSON. For bytes use [`Value::Bytes`].
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, StoreError> {
        let unfit = |error: serde_json::Error| StoreError::Mismatch(format!("it has no JSON form: {error}"));
        Ok(match serde_json::to_value(value).map_err(unfit)? {
            Json::String(text) => Self::String(text),
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::S64(number),
                (None, Some(number)) => Self::U64(number),
                (None, None) => Self::Json(number.to_string()),
            },
            other => Self::Json(other.to_string()),
        })
    }

    /// Convert the value to a type; bytes convert to a `Vec<u8>`.
    pub fn to<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        let unfit = |error: serde_json::Error| StoreError::Mismatch(error.to_string());
        match self {
            Self::String(text) => serde_json::from_value(Json::String(text)).map_err(unfit),
            Self::Json(text) => serde_json::from_str(&text).map_err(unfit),
            Self::U64(number) => serde_json::from_value(number.into()).map_err(unfit),
            Self::S64(number) => serde_json::from_value(number.into()).map_err(unfit),
            Self::Bool(flag) => serde_json::from_value(flag.into()).map_err(unfit),
            Self::Bytes(bytes) => T::deserialize(SeqDeserializer::<_, Error>::new(bytes.into_iter()))
                .map_err(|error| StoreError::Mismatch(error.to_string())),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::S64(number)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
