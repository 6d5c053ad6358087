//! Values that last (grant `kv`), values of a session (grant `sessions`), and what the server's author configured.

use crate::bindings::wasmcp::mcp_v20260728 as wit;
use crate::{Context, Failure};
use serde::de::DeserializeOwned;

pub use wit::key_value::Bucket;
pub use wit::key_value_types::{Error as ValueError, Value};

/// Open a bucket of values that last longer than a request; the empty name is the default one.
pub fn open(name: &str) -> Result<Bucket, ValueError> {
    wit::key_value::open(name)
}

/// What the table `config` of this component in `pyproject.toml` holds.
pub fn config<T: DeserializeOwned>() -> Result<T, Failure> {
    Ok(serde_json::from_str(&wit::config::all())?)
}

/// The client's session, and what this component keeps in it.
pub struct Session<'a> {
    pub(crate) context: &'a Context,
    /// Which session.
    pub id: String,
}

impl Session<'_> {
    /// The value of a key, when there is one.
    pub fn get(&self, key: &str) -> Result<Option<Value>, ValueError> {
        wit::sessions::get(self.context.request(), key)
    }

    /// Set a value, be there one already or not.
    pub fn set(&self, key: &str, value: &Value) -> Result<(), ValueError> {
        wit::sessions::set(self.context.request(), key, value)
    }

    /// Delete a key; one that is not there is fine.
    pub fn delete(&self, key: &str) -> Result<(), ValueError> {
        wit::sessions::delete(self.context.request(), key)
    }

    /// All keys.
    pub fn keys(&self) -> Result<Vec<String>, ValueError> {
        wit::sessions::keys(self.context.request())
    }

    /// Add to a counter; nobody can come between.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, ValueError> {
        wit::sessions::increment(self.context.request(), key, delta)
    }
}
