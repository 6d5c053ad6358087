//! Fake of the configuration.

use serde_json::{Map, Value};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Default)]
pub(crate) struct Source {
    pub values: Map<String, Value>,
    pub environment: RefCell<Vec<(String, String)>>,
}

thread_local! {
    static SOURCES: RefCell<Vec<Rc<Source>>> = const { RefCell::new(Vec::new()) };
}

/// Return the configuration of the test; empty without a fake.
pub(crate) fn source() -> Rc<Source> {
    SOURCES
        .with_borrow(|sources| sources.last().cloned())
        .unwrap_or_default()
}

/// Configuration of a test, created by [`fake_config`] and used until it is dropped.
///
/// ```
/// use wasmcp_guest::{config, testing};
///
/// let fake = testing::fake_config(serde_json::json!({})).environment([("API_KEY", "k")]);
/// assert_eq!(config::get::<String>("API_KEY").unwrap(), "k");
/// drop(fake);
/// assert!(config::get::<String>("API_KEY").is_err());
/// ```
pub struct FakeConfig(Rc<Source>);

/// Replace the component's configuration in this thread. `values` is the table `config` of the component, an object;
/// panics for another value.
///
/// ```
/// use wasmcp_guest::{config, testing};
///
/// let _fake = testing::fake_config(serde_json::json!({ "retries": 5 }));
/// assert_eq!(config::get::<u8>("retries").unwrap(), 5);
/// ```
pub fn fake_config(values: Value) -> FakeConfig {
    let Value::Object(values) = values else {
        panic!("the table `config` must be an object, not {values}")
    };
    let source = Rc::new(Source {
        values,
        environment: RefCell::default(),
    });
    SOURCES.with_borrow_mut(|sources| sources.push(source.clone()));
    FakeConfig(source)
}

impl FakeConfig {
    /// Add environment variables. Without this call the environment is empty.
    pub fn environment<K: Into<String>, V: Into<String>>(self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.0.environment.borrow_mut().extend(variables);
        self
    }
}

impl Drop for FakeConfig {
    fn drop(&mut self) {
        SOURCES.with_borrow_mut(|sources| sources.retain(|source| !Rc::ptr_eq(source, &self.0)));
    }
}
