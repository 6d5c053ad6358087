//! HTTP client for components with the grant `http`.
//!
//! Requests are sent by the component's host, which also establishes TLS connections. No connection or state is kept
//! between requests.
//!
//! ```
//! use std::time::Duration;
//! use wasmcp_guest::{http, testing, Failure};
//!
//! fn summary(city: &str) -> Result<String, Failure> {
//!     let url = "https://api.example.org/weather";
//!     let response = http::get(url).param("city", city).timeout(Duration::from_secs(5)).send()?;
//!     Ok(response.raise_for_status()?.json::<String>()?)
//! }
//!
//! let network = testing::fake_http();
//! network.route("GET", "https://api.example.org/weather", testing::Answer::json("sunny"));
//! assert_eq!(summary("Bremen").unwrap(), "sunny");
//! assert_eq!(network.requests()[0].url, "https://api.example.org/weather?city=Bremen");
//! ```
//!
//! Source: `wasi:http/outgoing-handler` 0.2; RFC 9110.

mod errors;
mod headers;
mod request;
mod response;
pub(crate) mod transport;
mod url;
#[cfg(target_family = "wasm")]
mod wasi;

pub use errors::{Attempt, HttpError, Phase};
pub use headers::Headers;
pub use request::{send_all, Body, Client, Request, MAX_BODY, MAX_REDIRECTS};
pub use response::{Head, Response, StreamedResponse};
pub use transport::Timeout;
#[cfg(not(target_family = "wasm"))]
pub(crate) use url::base64;

/// Create a `GET` request.
///
/// ```
/// let request = wasmcp_guest::http::get("https://example.org/");
/// ```
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Create a `HEAD` request.
///
/// ```
/// let request = wasmcp_guest::http::head("https://example.org/");
/// ```
pub fn head(url: impl Into<String>) -> Request {
    Request::new("HEAD", url)
}

/// Create an `OPTIONS` request.
///
/// ```
/// let request = wasmcp_guest::http::options("https://example.org/");
/// ```
pub fn options(url: impl Into<String>) -> Request {
    Request::new("OPTIONS", url)
}

/// Create a `POST` request.
///
/// ```
/// let request = wasmcp_guest::http::post("https://example.org/").body("a text");
/// ```
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// Create a `PUT` request.
///
/// ```
/// let request = wasmcp_guest::http::put("https://example.org/").body("a text");
/// ```
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url)
}

/// Create a `PATCH` request.
///
/// ```
/// let request = wasmcp_guest::http::patch("https://example.org/").json(&true);
/// ```
pub fn patch(url: impl Into<String>) -> Request {
    Request::new("PATCH", url)
}

/// Create a `DELETE` request.
///
/// ```
/// let request = wasmcp_guest::http::delete("https://example.org/");
/// ```
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url)
}

/// Create a request with any method.
///
/// ```
/// let request = wasmcp_guest::http::request("PROPFIND", "https://example.org/");
/// ```
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request::new(method, url)
}
