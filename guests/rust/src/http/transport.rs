//! Sender of requests: the component's host, or a fake in a unit test.

use super::errors::{HttpError, Phase};
use super::headers::Headers;
use super::request::Body;
use super::url::Url;
use std::time::{Duration, Instant};

/// Timeouts of a request; `None` for no limit.
///
/// ```
/// use std::time::Duration;
/// use wasmcp_guest::http::{self, Timeout};
///
/// let timeout = Timeout { connect: Some(Duration::from_secs(2)), ..Timeout::default() };
/// let request = http::get("https://example.org/").timeout(timeout);
/// let shorter = http::get("https://example.org/").timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// The whole request and response, including redirects and the body; 30 seconds by default. The body of a streamed
    /// response is not included: the code that reads it determines the time.
    pub total: Option<Duration>,
    /// Until the connection is established.
    pub connect: Option<Duration>,
    /// From the connection to the first byte of the response.
    pub first_byte: Option<Duration>,
    /// Between two parts of a body.
    pub between_bytes: Option<Duration>,
}

impl Default for Timeout {
    fn default() -> Self {
        Self {
            total: Some(Duration::from_secs(30)),
            connect: None,
            first_byte: None,
            between_bytes: None,
        }
    }
}

/// The time for the whole request and response; `None` for no limit.
impl From<Option<Duration>> for Timeout {
    fn from(total: Option<Duration>) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }
}

/// The time for the whole request and response.
impl From<Duration> for Timeout {
    fn from(total: Duration) -> Self {
        Some(total).into()
    }
}

/// Timeouts of a request that was sent.
pub(crate) struct Deadlines {
    pub timeout: Timeout,
    end: Option<Instant>,
}

impl Deadlines {
    pub fn new(timeout: Timeout) -> Self {
        Self {
            timeout,
            end: timeout.total.and_then(|total| Instant::now().checked_add(total)),
        }
    }

    /// Return the remaining time and the member that determines it, of `total` and another member.
    pub fn remaining(&self, other: Option<(Duration, Phase)>) -> Result<Option<(Duration, Phase)>, HttpError> {
        let total = self
            .end
            .map(|end| (end.saturating_duration_since(Instant::now()), Phase::Total));
        match total.into_iter().chain(other).min() {
            Some((left, phase)) if left.is_zero() => Err(HttpError::timeout(phase)),
            found => Ok(found),
        }
    }

    pub fn between_bytes(&self) -> Result<Option<(Duration, Phase)>, HttpError> {
        self.remaining(self.timeout.between_bytes.map(|time| (time, Phase::BetweenBytes)))
    }

    /// Disable `total`: from now on the code that reads the body determines the time.
    pub fn disable_total(&mut self) {
        self.end = None;
    }
}

/// Request to one server.
pub(crate) struct Outgoing {
    pub method: String,
    pub url: Url,
    /// All header fields except those that the host sets.
    pub headers: Headers,
    pub body: Option<Body>,
}

/// Request that was sent.
pub(crate) trait Pending {
    /// Wait for the head of the response.
    fn wait(self: Box<Self>, deadlines: &Deadlines) -> Result<Box<dyn Incoming>, HttpError>;
}

/// Response whose body is still being received. It is closed when it is dropped.
pub(crate) trait Incoming {
    fn status(&self) -> u16;
    fn headers(&self) -> Headers;
    /// Read at most `size` bytes; none at the end.
    fn read(&mut self, size: usize, deadlines: &Deadlines) -> Result<Vec<u8>, HttpError>;
}

/// Send a request, without waiting for its response.
#[cfg(target_family = "wasm")]
pub(crate) fn start(request: Outgoing, deadlines: &Deadlines) -> Result<Box<dyn Pending>, HttpError> {
    super::wasi::start(request, deadlines)
}

/// Send a request to the fake of the test.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn start(request: Outgoing, deadlines: &Deadlines) -> Result<Box<dyn Pending>, HttpError> {
    crate::testing::http::start(request, deadlines)
}
