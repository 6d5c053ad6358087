//! Key-value store (grant `kv`), session values (grant `sessions`), and configuration.

use crate::bindings::wasmcp::mcp_v20260728 as wit;
use crate::{Context, Failure};
use serde::de::DeserializeOwned;

pub use wit::key_value::Bucket;
pub use wit::key_value_types::{Error as ValueError, Value};

/// Open a bucket of the key-value store; the empty name is the default bucket.
pub fn open(name: &str) -> Result<Bucket, ValueError> {
    wit::key_value::open(name)
}

/// Read the component's configuration: its table `config` in `pyproject.toml`.
pub fn config<T: DeserializeOwned>() -> Result<T, Failure> {
    Ok(serde_json::from_str(&wit::config::all())?)
}

/// Session of the client, with the values that this component stores in it.
pub struct Session<'a> {
    pub(crate) context: &'a Context,
    /// The id of the session.
    pub id: String,
}

impl Session<'_> {
    /// Return the value of a key, if it exists.
    pub fn get(&self, key: &str) -> Result<Option<Value>, ValueError> {
        wit::sessions::get(self.context.request(), key)
    }

    /// Set a value; an existing one is replaced.
    pub fn set(&self, key: &str, value: &Value) -> Result<(), ValueError> {
        wit::sessions::set(self.context.request(), key, value)
    }

    /// Delete a key; no error if it does not exist.
    pub fn delete(&self, key: &str) -> Result<(), ValueError> {
        wit::sessions::delete(self.context.request(), key)
    }

    /// Return all keys.
    pub fn keys(&self) -> Result<Vec<String>, ValueError> {
        wit::sessions::keys(self.context.request())
    }

    /// Add to a counter, atomically.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, ValueError> {
        wit::sessions::increment(self.context.request(), key, delta)
    }
}
