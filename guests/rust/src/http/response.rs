//! HTTP responses, buffered and streamed.

use super::errors::{Attempt, HttpError};
use super::headers::Headers;
use super::request::MAX_BODY;
use super::transport::{Deadlines, Incoming};
use serde::de::DeserializeOwned;
use std::ops::Deref;

/// Bytes of a body that are read at a time, at most.
const PIECE: usize = 64 * 1024;

/// Head of a response.
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://example.org/*", testing::Answer::text("no").status(404));
/// let response = http::get("https://example.org/a").send()?;
/// assert_eq!((response.status, response.ok(), response.reason()), (404, false, "Not Found"));
/// assert_eq!((response.media_type(), response.charset()), ("text/plain".into(), "utf-8".into()));
/// assert_eq!(response.raise_for_status().unwrap_err().name(), "StatusError");
/// # Ok::<(), http::HttpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Head {
    /// The method of the request.
    pub method: String,
    /// The URL of the response: after redirects, the last one.
    pub url: String,
    /// The status, for example 200.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The URLs that the request was sent to before.
    pub redirects: Vec<String>,
}

impl Head {
    /// Return the reason phrase of the status; empty for an unknown status. RFC 9110, section 15.
    pub fn reason(&self) -> &'static str {
        reason(self.status)
    }

    /// Return whether the status is below 400.
    pub fn ok(&self) -> bool {
        self.status < 400
    }

    /// Return the media type in lower case, without parameters; empty without a `content-type`.
    pub fn media_type(&self) -> String {
        let value = self.headers.get("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Return the character encoding; `utf-8` if the response does not name one.
    pub fn charset(&self) -> String {
        let value = self.headers.get("content-type").unwrap_or_default();
        let mut parameters = value
            .split(';')
            .skip(1)
            .filter_map(|parameter| parameter.split_once('='));
        let found = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let name = found
            .map(|(_, name)| name.trim().trim_matches('"'))
            .filter(|name| !name.is_empty());
        name.unwrap_or("utf-8").to_owned()
    }

    fn status_error(&self) -> Option<HttpError> {
        (!self.ok()).then(|| HttpError::Status {
            status: self.status,
            attempt: self.attempt(),
        })
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            method: self.method.clone(),
            url: self.url.clone(),
        }
    }

    /// Decode a text. UTF-8, UTF-16 and Latin-1 are known; another encoding is read as UTF-8.
    fn decode(&self, content: &[u8]) -> String {
        let wide = |order: fn([u8; 2]) -> u16| {
            let units = content
                .chunks(2)
                .map(|pair| order([pair[0], *pair.get(1).unwrap_or(&0)]));
            let decoded = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER));
            decoded.skip_while(|&found| found == '\u{feff}').collect()
        };
        match self.charset().to_ascii_lowercase().as_str() {
            "iso-8859-1" | "latin-1" | "latin1" => content.iter().map(|&byte| char::from(byte)).collect(),
            "utf-16" if content.starts_with(&[0xfe, 0xff]) => wide(u16::from_be_bytes),
            "utf-16" | "utf-16le" => wide(u16::from_le_bytes),
            "utf-16be" => wide(u16::from_be_bytes),
            _ => String::from_utf8_lossy(content).into_owned(),
        }
    }
}

/// Response with its whole body in memory.
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://example.org/", testing::Answer::json(&["a", "b"]));
/// let response = http::get("https://example.org/").send()?;
/// assert_eq!(response.json::<Vec<String>>()?, ["a", "b"]);
/// assert_eq!(response.text(), r#"["a","b"]"#);
/// assert_eq!(response.json::<u8>().unwrap_err().name(), "InvalidContentError");
/// # Ok::<(), http::HttpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Response {
    head: Head,
    /// The body.
    pub content: Vec<u8>,
}

impl Response {
    pub(super) fn new(head: Head, content: Vec<u8>) -> Self {
        Self { head, content }
    }

    /// Return the response itself, if its status is below 400, else [`HttpError::Status`].
    pub fn raise_for_status(self) -> Result<Self, HttpError> {
        self.head.status_error().map_or(Ok(self), Err)
    }

    /// Return the body as a text; bytes that are invalid in its encoding become U+FFFD.
    pub fn text(&self) -> String {
        self.head.decode(&self.content)
    }

    /// Return the JSON of the body as a value; the media type is ignored.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        let content = self.content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.content);
        serde_json::from_slice(content).map_err(|error| {
            let media_type = self.head.media_type();
            let media_type = if media_type.is_empty() {
                "of no media type"
            } else {
                &media_type
            };
            let problem = if error.is_data() {
                "is JSON of another type"
            } else {
                "is not JSON"
            };
            let message = format!("the body ({media_type}) {problem}: {error}");
            HttpError::InvalidContent {
                message,
                attempt: self.head.attempt(),
            }
        })
    }
}

impl Deref for Response {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

/// Response whose body is still being received.
pub(super) struct Incomplete {
    head: Head,
    incoming: Option<Box<dyn Incoming>>,
    pub deadlines: Deadlines,
}

impl Incomplete {
    pub fn new(head: Head, incoming: Box<dyn Incoming>, deadlines: Deadlines) -> Self {
        Self {
            head,
            incoming: Some(incoming),
            deadlines,
        }
    }

    fn piece(&mut self, size: usize) -> Result<Vec<u8>, HttpError> {
        let Some(incoming) = &mut self.incoming else {
            return Ok(Vec::new());
        };
        let read = incoming.read(size, &self.deadlines);
        if !matches!(&read, Ok(piece) if !piece.is_empty()) {
            self.incoming = None;
        }
        read.map_err(|error| error.located(&self.head.method, &self.head.url))
    }

    pub fn whole(&mut self, limit: Option<u64>) -> Result<Vec<u8>, HttpError> {
        let limit = limit.unwrap_or(u64::MAX);
        let too_large = HttpError::BodyTooLarge {
            limit,
            attempt: self.head.attempt(),
        };
        let length = self
            .head
            .headers
            .get("content-length")
            .and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) && self.head.method != "HEAD" {
            self.incoming = None;
            return Err(too_large);
        }
        let mut content = Vec::new();
        loop {
            let piece = self.piece(PIECE)?;
            if piece.is_empty() {
                return Ok(content);
            }
            if (content.len() + piece.len()) as u64 > limit {
                self.incoming = None;
                return Err(too_large);
            }
            content.extend_from_slice(&piece);
        }
    }

    pub fn into_head(self) -> Head {
        self.head
    }
}

/// Response whose body is read while it arrives, returned by [`Request::stream`](crate::http::Request::stream). The
/// rest of the body is dropped with it. It is also a [`std::io::Read`].
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://example.org/", testing::Answer::pieces(["ab", "cd"]));
/// let mut response = http::get("https://example.org/").stream()?;
/// let mut size = 0;
/// for chunk in response.chunks() {
///     size += chunk?.len();
/// }
/// assert_eq!(size, 4);
/// # Ok::<(), http::HttpError>(())
/// ```
pub struct StreamedResponse {
    body: Incomplete,
    limit: Option<u64>,
}

impl StreamedResponse {
    pub(super) fn new(body: Incomplete, limit: Option<u64>) -> Self {
        Self { body, limit }
    }

    /// Return the response itself, if its status is below 400, else [`HttpError::Status`].
    pub fn raise_for_status(self) -> Result<Self, HttpError> {
        self.body.head.status_error().map_or(Ok(self), Err)
    }

    /// Read the next part of the body, at most `size` bytes; empty at the end.
    pub fn chunk(&mut self, size: usize) -> Result<Vec<u8>, HttpError> {
        self.body.piece(size.max(1))
    }

    /// Iterate over the body as it arrives, in pieces of at most 64 KiB. An error ends the iteration.
    pub fn chunks(&mut self) -> impl Iterator<Item = Result<Vec<u8>, HttpError>> + '_ {
        std::iter::from_fn(|| match self.body.piece(PIECE) {
            Ok(piece) if piece.is_empty() => None,
            other => Some(other),
        })
    }

    /// Iterate over the lines of a text body as they arrive, without line ends. An error ends the iteration; a line
    /// that is longer than `max_body` (16 MiB without a limit) is [`HttpError::BodyTooLarge`].
    pub fn lines(&mut self) -> impl Iterator<Item = Result<String, HttpError>> + '_ {
        let limit = self.limit.unwrap_or(MAX_BODY);
        let mut held: Vec<u8> = Vec::new();
        let mut searched = 0;
        std::iter::from_fn(move || loop {
            if let Some(end) = held[searched..].iter().position(|&byte| byte == b'\n') {
                let rest = held.split_off(searched + end + 1);
                let line = std::mem::replace(&mut held, rest);
                searched = 0;
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line[..line.len() - 1]);
                return Some(Ok(self.body.head.decode(line)));
            }
            searched = held.len();
            if held.len() as u64 > limit {
                held.clear();
                searched = 0;
                self.body.incoming = None;
                return Some(Err(HttpError::BodyTooLarge {
                    limit,
                    attempt: self.body.head.attempt(),
                }));
            }
            match self.body.piece(PIECE) {
                Ok(piece) if piece.is_empty() => {
                    searched = 0;
                    let last = std::mem::take(&mut held);
                    return (!last.is_empty()).then(|| Ok(self.body.head.decode(&last)));
                }
                Ok(piece) => held.extend_from_slice(&piece),
                Err(error) => {
                    held.clear();
                    searched = 0;
                    return Some(Err(error));
                }
            }
        })
    }

    /// Read the rest of the body.
    pub fn read(mut self) -> Result<Response, HttpError> {
        let content = self.body.whole(self.limit)?;
        Ok(Response::new(self.body.into_head(), content))
    }
}

impl Deref for StreamedResponse {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.body.head
    }
}

impl std::io::Read for StreamedResponse {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let piece = self.body.piece(buffer.len()).map_err(std::io::Error::other)?;
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// Return the reason phrase of a status. RFC 9110, section 15.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}
