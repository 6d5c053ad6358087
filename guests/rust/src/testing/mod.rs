//! Fakes of the host for unit tests: functions run under plain `cargo test`, without WebAssembly.
//!
//! In a component the host provides HTTP, stored values, the configuration and the client. In a unit test fakes provide
//! them; without the fake, HTTP and stored values fail with the error of a missing grant, and the configuration is
//! empty. A fake is used in the thread that created it, until it is dropped. This module is not part of components.
//!
//! ```
//! use wasmcp_guest::{config, http, kv, testing, Failure};
//!
//! fn keep(url: &str) -> Result<i64, Failure> {
//!     let page = http::get(url).send()?.raise_for_status()?.text();
//!     let pages = kv::open(&config::get_or("bucket", String::new())?)?;
//!     pages.set(url, &page)?;
//!     Ok(pages.increment("count", 1)?)
//! }
//!
//! let network = testing::fake_http();
//! let store = testing::fake_kv();
//! let _config = testing::fake_config(serde_json::json!({ "bucket": "pages" }));
//! network.route("GET", "https://example.org/", testing::Answer::text("here"));
//! assert_eq!(keep("https://example.org/").unwrap(), 1);
//! assert_eq!(store.bucket("pages").get::<String>("https://example.org/").unwrap().unwrap(), "here");
//! ```

pub(crate) mod config;
mod context;
pub(crate) mod http;
pub(crate) mod kv;

pub use config::{fake_config, FakeConfig};
pub(crate) use context::LocalCall;
pub use context::{accept, call_tool, decline, roots, run_steps, sampled, LocalContext};
pub use http::{fake_http, Answer, FakeHttp, Sent};
pub use kv::{fake_kv, FakeKv};
