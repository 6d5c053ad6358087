//! Errors of HTTP requests.

use std::fmt;

/// Request that failed.
///
/// ```
/// use wasmcp_guest::http;
///
/// let error = http::get("ftp://example.org/").send().unwrap_err();
/// assert_eq!(error.attempt().unwrap().method, "GET");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The method of the request.
    pub method: String,
    /// The URL of the request, without user and password; after redirects the last URL. Empty if it is invalid.
    pub url: String,
}

/// Member of [`Timeout`](crate::http::Timeout) that was exceeded.
///
/// ```
/// use wasmcp_guest::http::{HttpError, Phase};
///
/// let error = HttpError::from_code("connection-timeout", "");
/// assert!(matches!(error, HttpError::TransferTimeout { phase: Phase::Connect, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The whole request and response.
    Total,
    /// The connection.
    Connect,
    /// The first byte of the response.
    FirstByte,
    /// The time between two parts of a body.
    BetweenBytes,
}

impl Phase {
    /// Return the name of the member: `total`, `connect`, `first_byte` or `between_bytes`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Connect => "connect",
            Self::FirstByte => "first_byte",
            Self::BetweenBytes => "between_bytes",
        }
    }
}

/// Failed request. [`HttpError::name`] is the name of the exception in `wasmcp.guest.http` of Python.
///
/// With `?` in a tool, the client gets a generic error without the text of this one, which can contain confidential
/// details. Errors that the model is to read are converted with [`Failure::new`](crate::Failure::new).
///
/// ```
/// use wasmcp_guest::{http::{self, HttpError}, testing, Failure};
///
/// fn summary(city: &str) -> Result<String, Failure> {
///     let request = http::get("https://api.example.org/weather").param("city", city);
///     match request.send() {
///         Ok(response) => Ok(response.raise_for_status()?.text()),
///         Err(HttpError::TransferTimeout { .. }) => Err(Failure::new("the weather station does not answer")),
///         Err(error) => Err(error.into()),
///     }
/// }
///
/// let network = testing::fake_http();
/// network.route("GET", "https://api.example.org/*", testing::Answer::error("HTTP-response-timeout"));
/// assert!(summary("Bremen").is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HttpError {
    /// The component has no grant `http`, or a unit test runs outside of a `fake_http`.
    NotGranted,
    /// The URL, the method, a header or the body is invalid; nothing was sent.
    InvalidRequest {
        /// The problem.
        message: String,
        /// The request.
        attempt: Attempt,
    },
    /// The request is not permitted: the grant `http` is missing, or the host refuses the destination.
    RequestDenied {
        /// The request.
        attempt: Attempt,
    },
    /// No connection: name resolution, routing, connection refused.
    Connect {
        /// The case of `error-code` of `wasi:http/types`, for example `connection-refused` (RFC 9209).
        code: String,
        /// Further information for a log; can be empty.
        detail: String,
        /// The request.
        attempt: Attempt,
    },
    /// No TLS connection, because of the server's certificate or the TLS protocol.
    Tls {
        /// The case of `error-code`.
        code: String,
        /// Further information for a log; can be empty.
        detail: String,
        /// The request.
        attempt: Attempt,
    },
    /// The request took longer than allowed.
    TransferTimeout {
        /// The member of the timeout that was exceeded.
        phase: Phase,
        /// The case of `error-code`.
        code: String,
        /// Further information for a log; can be empty.
        detail: String,
        /// The request.
        attempt: Attempt,
    },
    /// The response is not valid HTTP, exceeds a limit of the host, or is incomplete.
    Protocol {
        /// The case of `error-code`.
        code: String,
        /// Further information for a log; can be empty.
        detail: String,
        /// The request.
        attempt: Attempt,
    },
    /// The request has more redirects than allowed.
    TooManyRedirects {
        /// The maximum number of redirects.
        limit: u32,
        /// The request.
        attempt: Attempt,
    },
    /// The body of the response is larger than allowed; the rest of it was not read.
    BodyTooLarge {
        /// The maximum size in bytes.
        limit: u64,
        /// The request.
        attempt: Attempt,
    },
    /// The body cannot be decoded as requested, for example because it is not JSON.
    InvalidContent {
        /// The problem.
        message: String,
        /// The request.
        attempt: Attempt,
    },
    /// Returned by `raise_for_status`: the status is 400 or above. RFC 9110, section 15.
    Status {
        /// The status, 400 to 599.
        status: u16,
        /// The request.
        attempt: Attempt,
    },
}

impl HttpError {
    /// Return the error for a case of `error-code` of `wasi:http/types`, for example `connection-refused`.
    ///
    /// ```
    /// use wasmcp_guest::http::HttpError;
    ///
    /// assert_eq!(HttpError::from_code("TLS-certificate-error", "").name(), "TlsError");
    /// ```
    pub fn from_code(code: &str, detail: &str) -> Self {
        let attempt = Attempt::default();
        let (code, detail) = (code.to_owned(), detail.to_owned());
        let phase = match code.as_str() {
            "HTTP-request-denied" => return Self::RequestDenied { attempt },
            "DNS-timeout" | "connection-timeout" => Some(Phase::Connect),
            "connection-read-timeout" | "HTTP-response-timeout" => Some(Phase::FirstByte),
            "connection-write-timeout" => Some(Phase::BetweenBytes),
            _ => None,
        };
        if let Some(phase) = phase {
            Self::TransferTimeout {
                phase,
                code,
                detail,
                attempt,
            }
        } else if code.starts_with("HTTP-request-") {
            let message = if detail.is_empty() {
                code
            } else {
                format!("{code} ({detail})")
            };
            Self::InvalidRequest { message, attempt }
        } else if code == "connection-terminated" {
            Self::Protocol { code, detail, attempt }
        } else if ["DNS-", "destination-", "connection-"]
            .iter()
            .any(|start| code.starts_with(start))
        {
            Self::Connect { code, detail, attempt }
        } else if code.starts_with("TLS-") {
            Self::Tls { code, detail, attempt }
        } else {
            Self::Protocol { code, detail, attempt }
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidRequest {
            message: message.into(),
            attempt: Attempt::default(),
        }
    }

    pub(crate) fn timeout(phase: Phase) -> Self {
        let code = if phase == Phase::Connect {
            "connection-timeout"
        } else {
            "HTTP-response-timeout"
        };
        let detail = format!("`{}` of the timeout has run out", phase.name());
        Self::TransferTimeout {
            phase,
            code: code.into(),
            detail,
            attempt: Attempt::default(),
        }
    }

    /// Return the name that the error has in all guest libraries: that of the exception in Python.
    ///
    /// ```
    /// use wasmcp_guest::http;
    ///
    /// assert_eq!(http::get("ftp://example.org/").send().unwrap_err().name(), "InvalidRequestError");
    /// assert_eq!(http::get("https://example.org/").send().unwrap_err().name(), "NotGrantedError");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotGranted => "NotGrantedError",
            Self::InvalidRequest { .. } => "InvalidRequestError",
            Self::RequestDenied { .. } => "RequestDeniedError",
            Self::Connect { .. } => "ConnectError",
            Self::Tls { .. } => "TlsError",
            Self::TransferTimeout { .. } => "TransferTimeoutError",
            Self::Protocol { .. } => "ProtocolError",
            Self::TooManyRedirects { .. } => "TooManyRedirectsError",
            Self::BodyTooLarge { .. } => "BodyTooLargeError",
            Self::InvalidContent { .. } => "InvalidContentError",
            Self::Status { .. } => "StatusError",
        }
    }

    /// Return the case of `error-code` of `wasi:http/types`, if the transfer has failed.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::RequestDenied { .. } => Some("HTTP-request-denied"),
            Self::Connect { code, .. }
            | Self::Tls { code, .. }
            | Self::TransferTimeout { code, .. }
            | Self::Protocol { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Return the grant that is missing, `http`, if the request is not permitted.
    pub fn grant(&self) -> Option<&'static str> {
        matches!(self, Self::NotGranted | Self::RequestDenied { .. }).then_some("http")
    }

    /// Return the request; `None` for [`HttpError::NotGranted`].
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::NotGranted => None,
            Self::InvalidRequest { attempt, .. }
            | Self::RequestDenied { attempt }
            | Self::Connect { attempt, .. }
            | Self::Tls { attempt, .. }
            | Self::TransferTimeout { attempt, .. }
            | Self::Protocol { attempt, .. }
            | Self::TooManyRedirects { attempt, .. }
            | Self::BodyTooLarge { attempt, .. }
            | Self::InvalidContent { attempt, .. }
            | Self::Status { attempt, .. } => Some(attempt),
        }
    }

    /// Set the request, unless it is set.
    pub(crate) fn located(mut self, method: &str, url: &str) -> Self {
        match &mut self {
            Self::NotGranted => {}
            Self::InvalidRequest { attempt, .. }
            | Self::RequestDenied { attempt }
            | Self::Connect { attempt, .. }
            | Self::Tls { attempt, .. }
            | Self::TransferTimeout { attempt, .. }
            | Self::Protocol { attempt, .. }
            | Self::TooManyRedirects { attempt, .. }
            | Self::BodyTooLarge { attempt, .. }
            | Self::InvalidContent { attempt, .. }
            | Self::Status { attempt, .. } => {
                if attempt.method.is_empty() {
                    attempt.method = method.to_owned();
                    attempt.url = url.to_owned();
                }
            }
        }
        self
    }
}

/// Return the scheme, the host and the port of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

impl fmt::Display for HttpError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attempt) = self.attempt().filter(|attempt| !attempt.url.is_empty()) {
            write!(out, "{} {}: ", attempt.method, attempt.url)?;
        }
        match self {
            Self::NotGranted => out.write_str(&crate::not_granted("http", "", "fake_http")),
            Self::RequestDenied { attempt } => {
                out.write_str(&crate::not_granted("http", origin(&attempt.url), "fake_http"))
            }
            Self::InvalidRequest { message, .. } | Self::InvalidContent { message, .. } => out.write_str(message),
            Self::Connect { code, detail, .. }
            | Self::Tls { code, detail, .. }
            | Self::TransferTimeout { code, detail, .. }
            | Self::Protocol { code, detail, .. } => {
                out.write_str(code)?;
                if detail.is_empty() {
                    Ok(())
                } else {
                    write!(out, " ({detail})")
                }
            }
            Self::TooManyRedirects { limit, .. } => write!(out, "more than {limit} redirects"),
            Self::BodyTooLarge { limit, .. } => write!(out, "the body of the response has more than {limit} bytes"),
            Self::Status { status, .. } => {
                write!(
                    out,
                    "{}",
                    format!("status {status} {}", super::response::reason(*status)).trim_end()
                )
            }
        }
    }
}

impl std::error::Error for HttpError {}
