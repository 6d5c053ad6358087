//! URLs of requests: validation, encoding, joining. RFC 3986.

use super::errors::HttpError;
use serde_json::Value;

const PATH: &str = "!$%&'()*+,;=:@/~";
const QUERY: &str = "!$%&'()*+,;=:@/~?";

/// URL of a request, without a fragment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Url {
    pub scheme: &'static str,
    /// In lower case; an IPv6 address without brackets.
    host: String,
    port: u16,
    /// Path and query, encoded.
    pub target: String,
    /// The value of the header `authorization` for user and password of the URL.
    pub authorization: Option<String>,
}

impl Url {
    /// Parse a URL, absolute or relative to `base`, and add query parameters.
    pub fn parse(text: &str, params: &[(String, String)], base: Option<&str>) -> Result<Self, HttpError> {
        if text.chars().any(|found| found <= ' ' || found == '\x7f') {
            return Err(HttpError::invalid("the URL contains a space or a control character"));
        }
        let joined = match base {
            Some(base) => join(base, text),
            None => text.to_owned(),
        };
        let parts = Parts::of(&joined);
        let scheme = match parts.scheme.map(str::to_ascii_lowercase).as_deref() {
            Some("http") => "http",
            Some("https") => "https",
            other => {
                let found = other.map_or_else(|| "a relative URL".to_owned(), |scheme| format!("`{scheme}://`"));
                let problem = format!(
                    "the URL must begin with `http://` or `https://`, not {found}: {}",
                    shown(text)
                );
                return Err(HttpError::invalid(problem));
            }
        };
        let authority = parts.authority.unwrap_or("");
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = address_of(address, scheme)?;
        if host.is_empty() {
            return Err(HttpError::invalid(format!("the URL has no host: {}", shown(text))));
        }
        let mut query = quoted(parts.query.unwrap_or(""), QUERY);
        let more = encoded(params);
        if !query.is_empty() && !more.is_empty() {
            query.push('&');
        }
        query.push_str(&more);
        let mut target = quoted(if parts.path.is_empty() { "/" } else { parts.path }, PATH);
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        Ok(Self {
            scheme,
            host,
            port,
            target,
            authorization: user.map(basic),
        })
    }

    /// Return the host, and the port unless it is the default of the scheme.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.scheme) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Return whether credentials can be sent to both. RFC 6454.
    pub fn has_origin_of(&self, other: &Url) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }
}

/// The URL without user and password.
impl std::fmt::Display for Url {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}://{}{}", self.scheme, self.authority(), self.target)
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" {
        443
    } else {
        80
    }
}

fn address_of(address: &str, scheme: &str) -> Result<(String, u16), HttpError> {
    let unreadable = |reason: &str| HttpError::invalid(format!("the URL cannot be read: {reason}"));
    let (host, rest) = if let Some(inner) = address.strip_prefix('[') {
        let (host, rest) = inner
            .split_once(']')
            .ok_or_else(|| unreadable("the IPv6 address is incomplete"))?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(unreadable("the IPv6 address is invalid"));
        }
        (host, rest)
    } else {
        address.split_at(address.find(':').unwrap_or(address.len()))
    };
    let digits = match rest.strip_prefix(':') {
        Some(digits) => digits,
        None if rest.is_empty() => "",
        None => return Err(unreadable("there is text after the IPv6 address")),
    };
    let port = match digits {
        "" => default_port(scheme),
        _ if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits
            .parse()
            .map_err(|_| unreadable("the port is out of range, 0 to 65535"))?,
        _ => return Err(unreadable("the port is not a number")),
    };
    if !host.is_ascii() {
        let problem = format!("the host `{host}` is not in ASCII: write it in its ASCII form, `xn--...`");
        return Err(HttpError::invalid(problem));
    }
    Ok((host.to_ascii_lowercase(), port))
}

/// Components of a URI reference; the fragment is left out. RFC 3986, appendix B.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or(text);
        let is_scheme = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name
                    .chars()
                    .all(|found| found.is_ascii_alphanumeric() || "+-.".contains(found))
        };
        let (scheme, rest) = match text.split_once(':') {
            Some((name, rest)) if is_scheme(name) => (Some(name), rest),
            _ => (None, text),
        };
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(inner) => {
                let end = inner.find(['/', '?']).unwrap_or(inner.len());
                (Some(&inner[..end]), &inner[end..])
            }
            None => (None, rest),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Self {
            scheme,
            authority,
            path,
            query,
        }
    }
}

/// Resolve a reference. RFC 3986, section 5.2.
fn join(base: &str, text: &str) -> String {
    let (before, given) = (Parts::of(base), Parts::of(text));
    if given.scheme.is_some() || before.scheme.is_none() {
        return text.to_owned();
    }
    let scheme = before.scheme.unwrap_or("http");
    if let Some(authority) = given.authority {
        let query = given.query.map(|query| format!("?{query}")).unwrap_or_default();
        return format!("{scheme}://{authority}{}{query}", given.path);
    }
    let authority = before.authority.unwrap_or("");
    let (path, query) = if given.path.is_empty() {
        (before.path.to_owned(), given.query.or(before.query))
    } else if given.path.starts_with('/') {
        (without_dots(given.path), given.query)
    } else {
        let folder = &before.path[..before.path.rfind('/').map_or(0, |end| end + 1)];
        let folder = if folder.is_empty() { "/" } else { folder };
        (without_dots(&format!("{folder}{}", given.path)), given.query)
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}{path}{query}")
}

/// Remove the segments `.` and `..` of an absolute path. RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path[1..].split('/').collect();
    let last = segments.len() - 1;
    for (at, segment) in segments.into_iter().enumerate() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if at == last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn quoted(text: &str, safe: &str) -> String {
    percent(text, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || safe.as_bytes().contains(&byte)
    })
}

fn percent(text: &str, kept: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if kept(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Return query parameters or form fields as a string. WHATWG URL, application/x-www-form-urlencoded.
pub(crate) fn encoded(pairs: &[(String, String)]) -> String {
    let one = |text: &str| {
        let kept = |byte: u8| byte == b' ' || byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte);
        percent(text, kept).replace(' ', "+")
    };
    let written: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", one(name), one(value)))
        .collect();
    written.join("&")
}

/// Add the values of a parameter: a string, number or boolean, an array of them, or null for none.
pub(crate) fn add_param(pairs: &mut Vec<(String, String)>, name: &str, value: &Value) -> Result<(), String> {
    let plain = match value {
        Value::Null => return Ok(()),
        Value::Array(values) if values.iter().all(|item| !item.is_array()) => {
            return values.iter().try_for_each(|item| add_param(pairs, name, item));
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(format!(
                "the parameter `{name}` is an array of arrays or an object: a text, number or boolean is expected"
            ));
        }
    };
    pairs.push((name.to_owned(), plain));
    Ok(())
}

fn basic(user: &str) -> String {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut credentials = unquoted(name);
    credentials.push(b':');
    credentials.extend(unquoted(password));
    format!("Basic {}", base64(&credentials))
}

fn unquoted(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() {
                char::from(ALPHABET[index as usize])
            } else {
                '='
            });
        }
    }
    out
}

/// Return a URL for a message, without a possible password.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((head, tail)) => format!("{}//...@{tail}", head.split("//").next().unwrap_or("")),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str, base: Option<&str>) -> String {
        Url::parse(text, &[], base).map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    #[test]
    fn references_are_resolved_as_in_rfc_3986() {
        let base = Some("http://a/b/c/d;p?q");
        for (given, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y#s", "http://a/b/c/g?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../../../g", "http://a/g"),
            ("https://other/x", "https://other/x"),
        ] {
            assert_eq!(url(given, base), expected, "{given}");
        }
    }

    #[test]
    fn urls_are_encoded_and_checked() {
        assert_eq!(
            url("HTTPS://Example.COM:443/é b?q=ä".replace(' ', "").as_str(), None),
            "https://example.com/%C3%A9b?q=%C3%A4"
        );
        assert_eq!(url("http://[::1]:8080", None), "http://[::1]:8080/");
        assert!(url("http://[::1/", None).contains("IPv6"));
        assert!(url("http://h:99999/", None).contains("out of range"));
        assert!(url("http://h:x/", None).contains("not a number"));
        assert!(url("http:///x", None).contains("has no host"));
        assert!(url("ftp://u:secret@h/", None).ends_with("not `ftp://`: ftp://...@h/"));
        assert!(url("/x", None).contains("a relative URL"));
        assert!(url("http://bücher.example/", None).contains("xn--"));
    }

    #[test]
    fn credentials_of_a_url() {
        let found = Url::parse("https://me:p%40ss@example.org/x", &[], None).unwrap();
        assert_eq!(found.authorization.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(found.to_string(), "https://example.org/x");
    }
}
