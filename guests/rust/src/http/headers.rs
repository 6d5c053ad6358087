//! Header fields. RFC 9110, section 5.

use super::errors::HttpError;
use std::fmt;

/// Header fields that only the host can set.
const FORBIDDEN: [&str; 10] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Header fields of a request or response. Names are case-insensitive, and can occur several times.
///
/// ```
/// use wasmcp_guest::http::Headers;
///
/// let mut headers = Headers::from([("Accept", "text/html"), ("Set-Cookie", "a=1")]);
/// headers.append("set-cookie", "b=2");
/// assert_eq!(headers.get("accept").as_deref(), Some("text/html"));
/// assert_eq!(headers.all("set-cookie"), ["a=1", "b=2"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Create an empty section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Return all values of a name, joined with `", "` (RFC 9110, section 5.3); `None` if it does not occur.
    pub fn get(&self, name: &str) -> Option<String> {
        let values = self.all(name);
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Return the values of a name, in order; `set-cookie` needs them separately.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// Return whether a name occurs.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// Iterate over all fields in order, with names as they were received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Return the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Return whether the section is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Add a field after the existing ones of its name.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Set a field, and remove the existing ones of its name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.append(name, value);
    }

    /// Remove the fields of a name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// Replace the fields whose names occur in `more`, and add it.
    pub(crate) fn update(&mut self, more: &Headers) {
        self.0.retain(|(name, _)| !more.contains(name));
        self.0.extend(more.0.iter().cloned());
    }

    /// Return the error for a field that cannot be sent.
    pub(crate) fn check(&self) -> Result<(), HttpError> {
        for (name, value) in self.iter() {
            if !is_token(name) {
                return Err(HttpError::invalid(format!("the header name {name:?} is invalid")));
            }
            if FORBIDDEN.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                let problem = format!("the header `{name}` is set by the host, and cannot be set by a component");
                return Err(HttpError::invalid(problem));
            }
            if value
                .chars()
                .any(|found| (found < ' ' && found != '\t') || found == '\x7f')
            {
                let problem =
                    format!("the value of the header `{name}` is invalid: no control characters, no line breaks");
                return Err(HttpError::invalid(problem));
            }
        }
        Ok(())
    }
}

/// The names only, because values can be secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        write!(out, "Headers({})", names.join(", "))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(
            fields
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl<N: Into<String>, V: Into<String>, const SIZE: usize> From<[(N, V); SIZE]> for Headers {
    fn from(fields: [(N, V); SIZE]) -> Self {
        fields.into_iter().collect()
    }
}

/// Return whether a text is a token: a method or the name of a field. RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let allowed = |found: char| found.is_ascii_alphanumeric() || "!#$%&'*+.^_`|~-".contains(found);
    !text.is_empty() && text.chars().all(allowed)
}
