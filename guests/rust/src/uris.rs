//! Normal form of URIs, used in lists and to compare URIs of requests.
//!
//! RFC 3986, section 6.2. URL parsers of clients (WHATWG) do not change the normal form.

/// Schemes with network hosts, and their default ports.
const PORTS: [(&str, &str); 5] = [
    ("http", "80"),
    ("https", "443"),
    ("ws", "80"),
    ("wss", "443"),
    ("ftp", "21"),
];

/// URI or URI template in normal form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normal {
    pub(crate) text: String,
    /// Start and end of the host in the text; hosts are compared case-insensitively.
    host: usize,
    authority_end: usize,
}

impl Normal {
    /// Parse a declared URI or template. Panics if it is not valid for clients: the build reports it.
    pub(crate) fn declared(text: &str, template: bool) -> Self {
        if let Some(reason) = problem(text, template) {
            panic!("`{text}`: {reason}");
        }
        normalized(text, template).unwrap_or_else(|| panic!("`{text}` is not a URI"))
    }

    /// Return the text with its host in lower case: equal for equivalent URIs.
    pub(crate) fn identity(&self) -> String {
        let mut text = self.text.clone();
        lower(&mut text[self.host..self.authority_end], true);
        text
    }
}

/// Return the comparison key of a URI, equal for equivalent URIs; `None` if the text has no scheme.
pub(crate) fn key_of(uri: &str) -> Option<String> {
    normalized(uri, false).map(|normal| normal.identity())
}

/// Return the normal form of a URI for clients; the text itself if it has no scheme.
pub(crate) fn sendable(uri: &str) -> String {
    normalized(uri, false).map_or_else(|| uri.to_owned(), |normal| normal.text)
}

/// Return the reason why a URI or template is not valid for clients, if any.
fn problem(text: &str, template: bool) -> Option<String> {
    let Some(parts) = Parts::of(text, template) else {
        return Some("it must begin with a scheme, such as `notes://`".into());
    };
    let web = parts.port().is_some();
    let Some(authority) = parts.authority else {
        return web.then(|| format!("it has no host: write `{}://host/...`", parts.scheme));
    };
    if !authority.contains('{') {
        let place = Place::of(authority);
        let port = place.port.unwrap_or_default();
        let fits = port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if !port.is_empty() && !fits {
            return Some(format!(
                "it has the port `{port}`: after the colon clients expect a number up to 65535"
            ));
        }
        if place.host.is_empty() && (web || !place.user.is_empty() || place.port.is_some()) {
            return Some("it has no host".into());
        }
        let host = place.host;
        if host.contains('[') && !is_host(host) {
            return Some(format!("the host `{host}` is not an IP address"));
        }
        if web && !is_host(host) {
            return Some(format!(
                "it has the host `{host}`: clients expect ASCII letters, digits, `.` and `-`, or the `xn--` form"
            ));
        }
    }
    let segments = encoded(parts.path, "", template, true);
    let dots = template && segments.split('/').any(is_dots);
    dots.then(|| "it has a `.` or `..` segment, which clients remove".into())
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
        }
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._~!$&'()*+,;=-".contains(&byte))
        }
    }
}

fn is_dots(segment: &str) -> bool {
    segment == "." || segment == ".."
}

/// Components of a URI; `query` and `fragment` include `?` and `#`.
struct Parts<'a> {
    scheme: &'a str,
    authority: Option<&'a str>,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, template: bool) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let mut letters = scheme.bytes();
        let fits = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
        if !fits {
            return None;
        }
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, rest) = rest.split_at(end_of(rest, "/?#", template));
                (Some(authority), rest)
            }
            None => (None, rest),
        };
        let (path, rest) = rest.split_at(end_of(rest, "?#", template));
        let (query, fragment) = rest.split_at(end_of(rest, "#", template));
        Some(Self {
            scheme,
            authority,
            path,
            query,
            fragment,
        })
    }

    fn port(&self) -> Option<&'static str> {
        let found = PORTS
            .iter()
            .find(|(scheme, _)| scheme.eq_ignore_ascii_case(self.scheme));
        found.map(|(_, port)| *port)
    }
}

/// Return the end of a component: the first of these characters outside of braces; for components that end at `/`, also
/// an expression with `+`.
fn end_of(text: &str, stops: &str, template: bool) -> usize {
    let mut at = 0;
    while let Some(sign) = text[at..].chars().next() {
        if template && sign == '{' {
            if stops.starts_with('/') && text[at + 1..].starts_with('+') {
                return at;
            }
            match text[at..].find('}') {
                Some(close) => at += close + 1,
                None => return text.len(),
            }
        } else if stops.contains(sign) {
            return at;
        } else {
            at += sign.len_utf8();
        }
    }
    at
}

struct Place<'a> {
    /// Including `@`.
    user: &'a str,
    host: &'a str,
    /// `None` without a colon.
    port: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(authority: &'a str) -> Self {
        let (user, place) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        match place.rsplit_once(':') {
            Some((host, port)) if !port.contains([']', '{', '}']) => Self {
                user,
                host,
                port: Some(port),
            },
            _ => Self {
                user,
                host: place,
                port: None,
            },
        }
    }
}

fn normalized(text: &str, template: bool) -> Option<Normal> {
    let parts = Parts::of(text, template)?;
    let mut out = parts.scheme.to_ascii_lowercase();
    let (mut host, mut authority_end) = (0, 0);
    out.push(':');
    let default = parts.port();
    if let Some(authority) = parts.authority {
        let place = Place::of(authority);
        out.push_str("//");
        out.push_str(&encoded(place.user, "[]", template, true));
        host = out.len();
        out.push_str(&encoded(place.host, "[]", template, true));
        if default.is_some() {
            lower(&mut out[host..], template);
        }
        if let Some(port) = place.port {
            if default != Some(port) && !port.is_empty() {
                out.push(':');
                out.push_str(&encoded(port, "[]", template, true));
            }
        }
        authority_end = out.len();
    }
    let mut path = encoded(parts.path, "", template, true);
    if !template && path.starts_with('/') {
        path = without_dots(&path);
    }
    if path.is_empty() && default.is_some() && parts.authority.is_some() {
        path.push('/');
    }
    if parts.authority.is_none() && path.starts_with("//") {
        out.push_str("/."); // otherwise the path would be parsed as an authority
    }
    out.push_str(&path);
    // As in the WHATWG URL standard for these schemes.
    let apostrophes = default.is_none() && !parts.scheme.eq_ignore_ascii_case("file");
    out.push_str(&encoded(parts.query, "?", template, apostrophes));
    if let Some(fragment) = parts.fragment.strip_prefix('#') {
        out.push('#');
        out.push_str(&encoded(fragment, "?", template, true));
    }
    Some(Normal {
        text: out,
        host,
        authority_end,
    })
}

/// Append the text of a component: disallowed characters are percent-encoded, encoded unreserved ones are decoded.
fn encoded(text: &str, more: &str, template: bool, apostrophes: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if template && byte == b'{' {
            let end = text[at..].find('}').map_or(text.len(), |close| at + close + 1);
            out.push_str(&text[at..end]);
            at = end;
            continue;
        }
        let safe = is_unreserved(byte)
            || b"!$&()*+,;=:@/".contains(&byte)
            || more.as_bytes().contains(&byte)
            || (byte == b'\'' && apostrophes);
        match hex(bytes, at) {
            Some(value) => {
                if is_unreserved(value) {
                    out.push(char::from(value));
                } else {
                    percent(&mut out, value);
                }
                at += 2;
            }
            None if safe => out.push(char::from(byte)),
            None => percent(&mut out, byte),
        }
        at += 1;
    }
    out
}

fn percent(out: &mut String, value: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(value >> 4)]));
    out.push(char::from(DIGITS[usize::from(value & 15)]));
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Return the byte that is percent-encoded at this position.
fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = *bytes.get(at..at + 3)? else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Convert a text to lower case, except for expressions of a template.
fn lower(text: &mut str, template: bool) {
    let mut rest = text;
    while let Some(open) = rest.find('{').filter(|_| template) {
        let (plain, inside) = rest.split_at_mut(open);
        plain.make_ascii_lowercase();
        let close = inside.find('}').map_or(inside.len(), |close| close + 1);
        rest = &mut inside[close..];
    }
    rest.make_ascii_lowercase();
}

/// Return an absolute path without `.` and `..` segments; RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in path.split('/').skip(1) {
        last = segment;
        match segment {
            ".." => drop(kept.pop()),
            "." => {}
            _ => kept.push(segment),
        }
    }
    if is_dots(last) {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}
