//! Implementation of buckets and session values by the interfaces `key-value` and `sessions`.

use super::{Page, RawBucket, RawSession, RawValues, StoreError, Value};
use crate::bindings::wasmcp::mcp_v20260728::{key_value, key_value_types as types, messages, sessions};

pub(super) fn open(name: &str) -> Result<Box<dyn RawBucket>, StoreError> {
    Ok(Box::new(Opened {
        name: name.to_owned(),
        bucket: key_value::open(name).map_err(|error| store_error(error, "kv", Some((name, ""))))?,
    }))
}

/// Return the rule of the grant that permits a bucket, or the keys of it with the prefix of a key, up to its last
/// slash.
fn rule(bucket: &str, key: &str) -> String {
    if key.is_empty() {
        return format!("bucket:{bucket}");
    }
    let prefix = key.rfind('/').map_or(key, |end| &key[..=end]);
    let [bucket, prefix] = [bucket, prefix].map(|text| serde_json::Value::from(text).to_string());
    format!("{{ bucket = {bucket}, prefix = {prefix} }}")
}

/// Convert an error. `place`: the bucket, and the key or the prefix of keys, empty for an operation on several or none.
fn store_error(error: types::Error, grant: &'static str, place: Option<(&str, &str)>) -> StoreError {
    match error {
        types::Error::AccessDenied => StoreError::AccessDenied {
            grant,
            rule: place.map(|(bucket, key)| rule(bucket, key)).unwrap_or_default(),
        },
        types::Error::NoSuchBucket => {
            StoreError::NoSuchBucket(place.map(|(bucket, _)| bucket).unwrap_or_default().to_owned())
        }
        types::Error::NoSession => StoreError::NoSession,
        types::Error::NotACounter => StoreError::NotACounter,
        types::Error::OutOfRange => StoreError::OutOfRange,
        types::Error::Limit(detail) => StoreError::LimitExceeded(detail),
        types::Error::Unsupported(detail) => StoreError::UnsupportedOperation(detail),
        types::Error::Other(detail) => StoreError::Other(detail),
    }
}

fn lowered(value: &Value) -> types::Value {
    match value.clone() {
        Value::String(text) => types::Value::String(text),
        Value::Json(text) => types::Value::Json(text),
        Value::U64(number) => types::Value::U64(number),
        Value::S64(number) => types::Value::S64(number),
        Value::Bool(flag) => types::Value::Bool(flag),
        Value::Bytes(bytes) => types::Value::Bytes(bytes),
    }
}

fn lifted(value: types::Value) -> Value {
    match value {
        types::Value::String(text) => Value::String(text),
        types::Value::Json(text) => Value::Json(text),
        types::Value::U64(number) => Value::U64(number),
        types::Value::S64(number) => Value::S64(number),
        types::Value::Bool(flag) => Value::Bool(flag),
        types::Value::Bytes(bytes) => Value::Bytes(bytes),
    }
}

struct Opened {
    name: String,
    bucket: key_value::Bucket,
}

impl Opened {
    fn kv<T>(&self, key: &str, result: Result<T, types::Error>) -> Result<T, StoreError> {
        result.map_err(|error| store_error(error, "kv", Some((self.name.as_str(), key))))
    }
}

impl RawValues for Opened {
    fn get(&self, key: &str) -> Result<Option<Value>, StoreError> {
        Ok(self.kv(key, self.bucket.get(key))?.map(lifted))
    }

    fn set(&self, key: &str, value: &Value) -> Result<(), StoreError> {
        self.kv(key, self.bucket.set(key, &lowered(value)))
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.kv(key, self.bucket.delete(key))
    }

    fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.kv(key, self.bucket.exists(key))
    }

    fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.kv(key, self.bucket.increment(key, delta))
    }

    fn compare_and_swap(&self, key: &str, expected: Option<&Value>, replacement: &Value) -> Result<bool, StoreError> {
        let expected = expected.map(lowered);
        self.kv(
            key,
            self.bucket
                .compare_and_swap(key, expected.as_ref(), &lowered(replacement)),
        )
    }
}

impl RawBucket for Opened {
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Value>>, StoreError> {
        Ok(self
            .kv("", self.bucket.get_many(keys))?
            .into_iter()
            .map(|value| value.map(lifted))
            .collect())
    }

    fn set_many(&self, entries: &[(String, Value)]) -> Result<(), StoreError> {
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, value)| (key.clone(), lowered(value)))
            .collect();
        self.kv("", self.bucket.set_many(&entries))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.kv("", self.bucket.delete_many(keys))
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, StoreError> {
        let page = self.kv(prefix, self.bucket.list_keys(prefix, cursor))?;
        Ok(Page {
            keys: page.keys,
            next: page.next,
        })
    }
}

/// The session values of one request.
pub(crate) struct SessionValues<'a>(pub &'a messages::Request);

fn held<T>(result: Result<T, types::Error>) -> Result<T, StoreError> {
    result.map_err(|error| store_error(error, "sessions", None))
}

impl RawValues for SessionValues<'_> {
    fn get(&self, key: &str) -> Result<Option<Value>, StoreError> {
        Ok(held(sessions::get(self.0, key))?.map(lifted))
    }

    fn set(&self, key: &str, value: &Value) -> Result<(), StoreError> {
        held(sessions::set(self.0, key, &lowered(value)))
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        held(sessions::delete(self.0, key))
    }

    fn exists(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        held(sessions::increment(self.0, key, delta))
    }

    fn compare_and_swap(&self, key: &str, expected: Option<&Value>, replacement: &Value) -> Result<bool, StoreError> {
        held(sessions::compare_and_swap(
            self.0,
            key,
            expected.map(lowered).as_ref(),
            &lowered(replacement),
        ))
    }
}

impl RawSession for SessionValues<'_> {
    fn keys(&self) -> Result<Vec<String>, StoreError> {
        held(sessions::keys(self.0))
    }
}
