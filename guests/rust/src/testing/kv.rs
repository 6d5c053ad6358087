//! Fake of the key-value store and of session values, in memory, with the limits of the real store.

use crate::kv::{Bucket, Page, RawBucket, RawSession, RawValues, StoreError, Value};
use crate::protocol::{
    KV_BATCH_BYTES, KV_BATCH_KEYS, KV_KEY_BYTES, KV_NAME_BYTES, KV_PAGE_KEYS, KV_SESSION_KEY_BYTES, KV_VALUE_BYTES,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

const RESERVED: &str = "wasmcp:";
const RESERVED_KEYS: [&str; 2] = [RESERVED, "wasmcp."];

/// Values of one bucket or session, in memory.
#[derive(Clone)]
pub(crate) struct FakeValues {
    values: Rc<RefCell<BTreeMap<String, Value>>>,
    key_limit: usize,
}

impl FakeValues {
    fn bucket() -> Self {
        Self {
            values: Rc::default(),
            key_limit: KV_KEY_BYTES,
        }
    }

    pub fn session() -> Self {
        Self {
            values: Rc::default(),
            key_limit: KV_SESSION_KEY_BYTES,
        }
    }

    fn checked(&self, key: &str) -> Result<(), StoreError> {
        if key.is_empty() || key.len() > self.key_limit {
            return Err(StoreError::LimitExceeded(format!(
                "a key has 1 to {} bytes",
                self.key_limit
            )));
        }
        // A bucket can also contain the values of sessions.
        if self.key_limit == KV_KEY_BYTES && RESERVED_KEYS.iter().any(|prefix| key.starts_with(prefix)) {
            return Err(StoreError::Other(
                "keys that begin with `wasmcp:` or `wasmcp.` are reserved for the framework".into(),
            ));
        }
        Ok(())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::U64(_) | Value::S64(_) | Value::Bool(_) => 8,
    }
}

fn fitting(value: &Value) -> Result<(), StoreError> {
    if size(value) > KV_VALUE_BYTES {
        return Err(StoreError::LimitExceeded("a value has at most 2 MiB".into()));
    }
    Ok(())
}

fn check_batch(count: usize, bytes: usize) -> Result<(), StoreError> {
    if count > KV_BATCH_KEYS || bytes > KV_BATCH_BYTES {
        return Err(StoreError::LimitExceeded(
            "a batch has at most 1000 keys and 2 MiB".into(),
        ));
    }
    Ok(())
}

impl RawValues for FakeValues {
    fn get(&self, key: &str) -> Result<Option<Value>, StoreError> {
        self.checked(key)?;
        Ok(self.values.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &Value) -> Result<(), StoreError> {
        self.checked(key)?;
        fitting(value)?;
        self.values.borrow_mut().insert(key.to_owned(), value.clone());
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.checked(key)?;
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.checked(key)?;
        Ok(self.values.borrow().contains_key(key))
    }

    fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.checked(key)?;
        let mut values = self.values.borrow_mut();
        let before = match values.get(key) {
            None => 0,
            Some(Value::S64(number)) => *number,
            Some(_) => return Err(StoreError::NotACounter),
        };
        let after = before.checked_add(delta).ok_or(StoreError::OutOfRange)?;
        values.insert(key.to_owned(), Value::S64(after));
        Ok(after)
    }

    fn compare_and_swap(&self, key: &str, expected: Option<&Value>, replacement: &Value) -> Result<bool, StoreError> {
        self.checked(key)?;
        let mut values = self.values.borrow_mut();
        if values.get(key) != expected {
            return Ok(false);
        }
        fitting(replacement)?;
        values.insert(key.to_owned(), replacement.clone());
        Ok(true)
    }
}

impl RawSession for FakeValues {
    fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.values.borrow().keys().cloned().collect())
    }
}

impl RawBucket for FakeValues {
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Value>>, StoreError> {
        check_batch(keys.len(), 0)?;
        keys.iter().map(|key| self.get(key)).collect()
    }

    fn set_many(&self, entries: &[(String, Value)]) -> Result<(), StoreError> {
        check_batch(entries.len(), entries.iter().map(|(_, value)| size(value)).sum())?;
        for (key, value) in entries {
            self.checked(key)?;
            fitting(value)?;
        }
        self.values.borrow_mut().extend(entries.iter().cloned());
        Ok(())
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        check_batch(keys.len(), 0)?;
        keys.iter().try_for_each(|key| self.checked(key))?;
        let mut values = self.values.borrow_mut();
        keys.iter().for_each(|key| drop(values.remove(key)));
        Ok(())
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, StoreError> {
        let values = self.values.borrow();
        let start = cursor.map_or(Bound::Included(prefix), Bound::Excluded);
        let found = values.range::<str, _>((start, Bound::Unbounded)).map(|(key, _)| key);
        let mut keys: Vec<String> = found
            .filter(|key| key.starts_with(prefix))
            .take(KV_PAGE_KEYS + 1)
            .cloned()
            .collect();
        let more = keys.len() > KV_PAGE_KEYS;
        keys.truncate(KV_PAGE_KEYS);
        let next = keys.last().cloned().filter(|_| more);
        Ok(Page { keys, next })
    }
}

#[derive(Default)]
struct Store(RefCell<BTreeMap<String, FakeValues>>);

impl Store {
    fn open(&self, name: &str) -> Result<FakeValues, StoreError> {
        if name.len() > KV_NAME_BYTES {
            return Err(StoreError::LimitExceeded(format!(
                "the name of a bucket has at most {KV_NAME_BYTES} bytes"
            )));
        }
        if name.starts_with(RESERVED) {
            return Err(StoreError::Other(format!(
                "names that begin with `{RESERVED}` are reserved for the framework"
            )));
        }
        Ok(self
            .0
            .borrow_mut()
            .entry(name.to_owned())
            .or_insert_with(FakeValues::bucket)
            .clone())
    }
}

thread_local! {
    static STORES: RefCell<Vec<Rc<Store>>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn open(name: &str) -> Result<Box<dyn RawBucket>, StoreError> {
    let store = STORES.with_borrow(|stores| stores.last().cloned());
    Ok(Box::new(
        store
            .ok_or(StoreError::AccessDenied {
                grant: "kv",
                rule: String::new(),
            })?
            .open(name)?,
    ))
}

/// Buckets of a test, created by [`fake_kv`] and used until this is dropped.
///
/// ```
/// use wasmcp_guest::{kv, testing};
///
/// let store = testing::fake_kv();
/// store.bucket("notes").set("milk", "two bottles").unwrap();
/// assert_eq!(kv::open("notes").unwrap().get::<String>("milk").unwrap().unwrap(), "two bottles");
/// ```
pub struct FakeKv(Rc<Store>);

/// Grant `kv` to this thread, with buckets in memory that are empty at first.
///
/// ```
/// use wasmcp_guest::{kv, testing};
///
/// assert_eq!(kv::open("").err().unwrap().name(), "AccessDeniedError");
/// let _store = testing::fake_kv();
/// assert_eq!(kv::open("").unwrap().increment("count", 2).unwrap(), 2);
/// ```
pub fn fake_kv() -> FakeKv {
    let store = Rc::new(Store::default());
    STORES.with_borrow_mut(|stores| stores.push(store.clone()));
    FakeKv(store)
}

impl FakeKv {
    /// Return a bucket, to fill or inspect it in a test. Panics if the name is invalid.
    pub fn bucket(&self, name: &str) -> Bucket {
        match self.0.open(name) {
            Ok(values) => Bucket::new(name, Box::new(values)),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for FakeKv {
    fn drop(&mut self) {
        STORES.with_borrow_mut(|stores| stores.retain(|store| !Rc::ptr_eq(store, &self.0)));
    }
}
