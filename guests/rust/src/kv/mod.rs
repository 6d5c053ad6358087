//! Key-value store for components with the grant `kv`: values that outlive a call.
//!
//! ```
//! use wasmcp_guest::{kv, testing, Failure};
//!
//! fn remember(name: &str, note: &str) -> Result<i64, Failure> {
//!     let notes = kv::open("notes")?;
//!     notes.set(name, &serde_json::json!({ "text": note }))?;
//!     Ok(notes.increment("count", 1)?)
//! }
//!
//! let store = testing::fake_kv();
//! assert_eq!(remember("milk", "two bottles").unwrap(), 1);
//! assert_eq!(store.bucket("notes").get::<serde_json::Value>("milk").unwrap().unwrap()["text"], "two bottles");
//! ```
//!
//! Source: the interface `key-value` of the WIT.

mod errors;
mod session;
mod values;
#[cfg(target_family = "wasm")]
pub(crate) mod wasi;

pub use errors::StoreError;
pub use session::Session;
pub use values::Value;

use crate::protocol::KV_BATCH_KEYS;
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

const ATTEMPTS: usize = 100;

/// Operations that the resource `bucket` and the interface `sessions` share.
pub(crate) trait RawValues {
    fn get(&self, key: &str) -> Result<Option<Value>, StoreError>;
    fn set(&self, key: &str, value: &Value) -> Result<(), StoreError>;
    fn delete(&self, key: &str) -> Result<(), StoreError>;
    fn exists(&self, key: &str) -> Result<bool, StoreError>;
    fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError>;
    fn compare_and_swap(&self, key: &str, expected: Option<&Value>, replacement: &Value) -> Result<bool, StoreError>;
}

/// The interface `sessions`, for one request.
pub(crate) trait RawSession: RawValues {
    fn keys(&self) -> Result<Vec<String>, StoreError>;
}

/// The resource `bucket`.
pub(crate) trait RawBucket: RawValues {
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Value>>, StoreError>;
    fn set_many(&self, entries: &[(String, Value)]) -> Result<(), StoreError>;
    fn delete_many(&self, keys: &[String]) -> Result<(), StoreError>;
    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, StoreError>;
}

/// Page of the keys of a bucket, returned by [`Bucket::list_keys`].
///
/// ```
/// use wasmcp_guest::{kv, testing};
///
/// let store = testing::fake_kv();
/// store.bucket("").set("a/1", &true).unwrap();
/// let page = kv::open("").unwrap().list_keys("a/", None).unwrap();
/// assert_eq!((page.keys, page.next), (vec!["a/1".to_owned()], None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys, in the order of the store.
    pub keys: Vec<String>,
    /// The cursor of the next page; `None` for the last page.
    pub next: Option<String>,
}

/// Open a bucket. The empty name is the default bucket, which every runtime has and which is the only bucket of
/// `wasmtime serve`.
///
/// ```
/// use wasmcp_guest::{kv, testing};
///
/// let _store = testing::fake_kv();
/// let notes = kv::open("notes")?;
/// notes.set("milk", "two bottles")?;
/// assert_eq!(notes.get::<String>("milk")?.as_deref(), Some("two bottles"));
/// # Ok::<(), kv::StoreError>(())
/// ```
pub fn open(name: &str) -> Result<Bucket, StoreError> {
    #[cfg(target_family = "wasm")]
    let raw = wasi::open(name)?;
    #[cfg(not(target_family = "wasm"))]
    let raw = crate::testing::kv::open(name)?;
    Ok(Bucket::new(name, raw))
}

/// Named set of values by key: strings, bytes, booleans, integers, and any value that JSON can represent.
///
/// ```
/// use wasmcp_guest::{kv, testing};
///
/// let _store = testing::fake_kv();
/// let bucket = kv::open("")?;
/// bucket.set_many([("a", 1.5), ("b", 2.5)])?;
/// bucket.set_bytes("picture", vec![0, 255])?;
/// assert_eq!(bucket.get_many::<f64>(["a", "c"])?.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1.5)]);
/// assert_eq!(bucket.keys("").collect::<Result<Vec<_>, _>>()?, ["a", "b", "picture"]);
/// assert!(bucket.compare_and_swap("a", Some(kv::Value::of(&1.5)?), "x")?);
/// # Ok::<(), kv::StoreError>(())
/// ```
pub struct Bucket {
    name: String,
    raw: Box<dyn RawBucket>,
}

/// Methods that buckets and sessions share; `self.raw()` implements them.
macro_rules! shared_methods {
    () => {
        /// Return the value of a key as a type, if the key exists; [`StoreError::Mismatch`] if it is of another type.
        pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
            self.raw().get(key)?.map(Value::to).transpose()
        }

        /// Return the value of a key in its stored form, if the key exists.
        pub fn get_value(&self, key: &str) -> Result<Option<Value>, StoreError> {
            self.raw().get(key)
        }

        /// Set the value of a key, and replace an existing one. Strings, booleans and integers keep their types, other
        /// values are stored as JSON.
        pub fn set(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), StoreError> {
            self.raw().set(key, &Value::of(value)?)
        }

        /// Set the value of a key to bytes.
        pub fn set_bytes(&self, key: &str, bytes: impl Into<Vec<u8>>) -> Result<(), StoreError> {
            self.raw().set(key, &Value::Bytes(bytes.into()))
        }

        /// Set the value of a key to a value in its stored form.
        pub fn set_value(&self, key: &str, value: &Value) -> Result<(), StoreError> {
            self.raw().set(key, value)
        }

        /// Delete a key; no effect if it does not exist.
        pub fn delete(&self, key: &str) -> Result<(), StoreError> {
            self.raw().delete(key)
        }

        /// Return whether a key exists.
        pub fn exists(&self, key: &str) -> Result<bool, StoreError> {
            self.raw().exists(key)
        }

        /// Add to a counter atomically, and return its new value. A key that does not exist counts as 0.
        pub fn increment(&self, key: &str, by: i64) -> Result<i64, StoreError> {
            self.raw().increment(key, by)
        }

        /// Set the value of a key atomically, if it has the expected value; `None` if the key must not exist. Return
        /// false, without a change, if the key has another value.
        pub fn compare_and_swap(
            &self,
            key: &str,
            expected: Option<Value>,
            replacement: impl Into<Value>,
        ) -> Result<bool, StoreError> {
            self.raw()
                .compare_and_swap(key, expected.as_ref(), &replacement.into())
        }

        /// Replace the value of a key by a function of it, atomically, and return the new value.
        ///
        /// `change` gets the current value, if the key exists. It is called again if another writer has changed the
        /// value in the meantime, so it must not have side effects; after 100 attempts the result is
        /// [`StoreError::Other`].
        pub fn update<T: Serialize + DeserializeOwned>(
            &self,
            key: &str,
            change: impl Fn(Option<T>) -> T,
        ) -> Result<T, StoreError> {
            for _ in 0..ATTEMPTS {
                let before = self.raw().get(key)?;
                let after = change(before.clone().map(Value::to).transpose()?);
                if self
                    .raw()
                    .compare_and_swap(key, before.as_ref(), &Value::of(&after)?)?
                {
                    return Ok(after);
                }
            }
            Err(StoreError::Other(format!(
                "`{key}` was changed by other writers in each of {ATTEMPTS} attempts"
            )))
        }
    };
}
pub(crate) use shared_methods;

impl Bucket {
    pub(crate) fn new(name: &str, raw: Box<dyn RawBucket>) -> Self {
        Self {
            name: name.to_owned(),
            raw,
        }
    }

    fn raw(&self) -> &dyn RawBucket {
        &*self.raw
    }

    /// Return the name of the bucket.
    pub fn name(&self) -> &str {
        &self.name
    }

    shared_methods!();

    /// Return the values of the keys that exist. Up to 1000 keys need one call of the host.
    pub fn get_many<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<BTreeMap<String, T>, StoreError> {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        let mut found = BTreeMap::new();
        for part in keys.chunks(KV_BATCH_KEYS) {
            for (key, value) in part.iter().zip(self.raw.get_many(part)?) {
                if let Some(value) = value {
                    found.insert(key.clone(), value.to()?);
                }
            }
        }
        Ok(found)
    }

    /// Set up to 1000 values at once; atomically, if the store supports that.
    pub fn set_many<K: Into<String>, V: Serialize>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), StoreError> {
        let entries: Result<Vec<_>, StoreError> = values
            .into_iter()
            .map(|(key, value)| Ok((key.into(), Value::of(&value)?)))
            .collect();
        self.raw.set_many(&entries?)
    }

    /// Delete up to 1000 keys at once; see [`Bucket::set_many`].
    pub fn delete_many(&self, keys: impl IntoIterator<Item = impl Into<String>>) -> Result<(), StoreError> {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        self.raw.delete_many(&keys)
    }

    /// Return one page of the keys that begin with `prefix`, at most 1000. `cursor` is `next` of the previous page.
    pub fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, StoreError> {
        self.raw.list_keys(prefix, cursor)
    }

    /// Iterate over the keys that begin with `prefix`, in the order of the store, page by page. Keys that are set or
    /// deleted during the iteration can be included or missing. An error ends the iteration.
    pub fn keys(&self, prefix: &str) -> impl Iterator<Item = Result<String, StoreError>> + '_ {
        self.paged(prefix, |keys| Ok(keys.into()))
    }

    /// Iterate over the keys that begin with `prefix` and their values, page by page; see [`Bucket::keys`].
    pub fn items<'a, T: DeserializeOwned + 'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = Result<(String, T), StoreError>> + 'a {
        self.paged(prefix, |keys| {
            let values = self.raw.get_many(&keys)?;
            let pairs = keys.into_iter().zip(values);
            pairs
                .filter_map(|(key, value)| Some(value?.to().map(|value| (key, value))))
                .collect()
        })
    }

    fn paged<'a, T: 'a>(
        &'a self,
        prefix: &str,
        read: impl Fn(Vec<String>) -> Result<VecDeque<T>, StoreError> + 'a,
    ) -> impl Iterator<Item = Result<T, StoreError>> + 'a {
        let prefix = prefix.to_owned();
        let mut held = VecDeque::new();
        let mut cursor: Option<Option<String>> = Some(None);
        std::iter::from_fn(move || loop {
            if let Some(item) = held.pop_front() {
                return Some(Ok(item));
            }
            let position = cursor.take()?;
            let page = self
                .raw
                .list_keys(&prefix, position.as_deref())
                .and_then(|page| Ok((read(page.keys)?, page.next)));
            match page {
                Ok((items, next)) => {
                    held = items;
                    cursor = next.map(Some);
                }
                Err(error) => return Some(Err(error)),
            }
        })
    }
}
