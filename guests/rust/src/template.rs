//! URI templates, RFC 6570: simple expansion `{name}` and reserved expansion `{+name}`, one variable per expression.

use crate::uris::{hex, Normal};

/// Part of a template.
#[derive(Debug, PartialEq)]
enum Part {
    Text(Literal),
    Variable { name: String, reserved: bool },
}

/// Literal text, in normal form.
#[derive(Debug, PartialEq)]
struct Literal {
    text: String,
    /// Number of bytes at its start that belong to the authority, which is compared case-insensitively.
    folded: usize,
}

impl Literal {
    fn begins(&self, bytes: &[u8]) -> bool {
        let text = self.text.as_bytes();
        bytes.len() >= text.len()
            && bytes[..self.folded].eq_ignore_ascii_case(&text[..self.folded])
            && bytes[self.folded..].starts_with(&text[self.folded..])
    }
}

/// Parsed template that URIs are matched against.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Part>);

impl Pattern {
    /// Parse a template in normal form. Panics if it is invalid: the build reports it.
    pub(crate) fn new(normal: &Normal) -> Self {
        let template = &normal.text;
        let mut parts = Vec::new();
        let mut at = 0;
        while at < template.len() {
            let rest = &template[at..];
            let open = rest.find('{').unwrap_or(rest.len());
            if open > 0 {
                parts.push(Part::Text(Literal {
                    text: rest[..open].to_owned(),
                    folded: normal.authority_end.saturating_sub(at).min(open),
                }));
                at += open;
                continue;
            }
            let close = rest
                .find('}')
                .unwrap_or_else(|| panic!("`{template}` has a `{{` without its `}}`"));
            let inside = &rest[1..close];
            let reserved = inside.starts_with('+');
            let name = if reserved { &inside[1..] } else { inside };
            let fits = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
            assert!(
                fits,
                "`{template}`: `{{{inside}}}` is not supported; `{{name}}` and `{{+name}}` are"
            );
            if matches!(parts.last(), Some(Part::Variable { .. })) {
                panic!("`{template}` has two variables with nothing between: where one ends would not be clear");
            }
            parts.push(Part::Variable {
                name: name.to_owned(),
                reserved,
            });
            at += close + 1;
        }
        Self(parts)
    }

    /// Return the names of the variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Return the decoded values of the variables in a URI in normal form with `.` and `..` segments kept; `None` if
    /// the URI does not match.
    pub(crate) fn matches(&self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut rest = uri.as_bytes();
        let mut found = Vec::new();
        for (index, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(literal) => {
                    if !literal.begins(rest) {
                        return None;
                    }
                    rest = &rest[literal.text.len()..];
                }
                Part::Variable { name, reserved } => {
                    let (value, after) = rest.split_at(value_end(&self.0[index + 1..], rest)?);
                    let stops: &[u8] = if *reserved { b"?#" } else { b"/?#" };
                    if value.is_empty() || value.iter().any(|byte| stops.contains(byte)) {
                        return None;
                    }
                    found.push((name.clone(), decode(value)?));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(found)
    }
}

/// Return the end of a value: before the following literal text, or the end of the URI for the last one.
fn value_end(following: &[Part], rest: &[u8]) -> Option<usize> {
    let Some(Part::Text(literal)) = following.first() else {
        return Some(rest.len());
    };
    let last = rest.len().checked_sub(literal.text.len())?;
    let first = if following.len() == 1 { last } else { 0 };
    (first..=last).find(|&at| literal.begins(&rest[at..]))
}

/// Return whether a value, used as a path below a folder, leaves it: a `..` segment, an absolute path, or NUL.
pub(crate) fn leads_out(value: &str) -> bool {
    let bytes = value.as_bytes();
    let separator = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let drive =
        bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':') && separator(bytes.get(2));
    separator(bytes.first()) || drive || bytes.contains(&0) || value.split(['/', '\\']).any(|segment| segment == "..")
}

/// Decode `%XX` once; `None` if the result is not UTF-8.
fn decode(value: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        if value[at] == b'%' {
            out.push(hex(value, at)?);
            at += 3;
        } else {
            out.push(value[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}
