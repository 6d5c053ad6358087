//! URI templates, RFC 6570: simple expansion `{name}` and reserved expansion `{+name}`, one variable an expression.

/// A part of a template.
#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Variable { name: String, reserved: bool },
}

/// A template that URIs are matched against.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Part>);

impl Pattern {
    /// Read a template. Panics when it is none: that is the author's mistake, and shows while the component is built.
    pub(crate) fn new(template: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..]
                .find('}')
                .unwrap_or_else(|| panic!("`{template}` has a `{{` without its `}}`"))
                + open;
            let inside = &rest[open + 1..close];
            let reserved = inside.starts_with('+');
            let name = if reserved { &inside[1..] } else { inside };
            let fits = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
            assert!(
                fits,
                "`{template}`: `{{{inside}}}` is not supported; `{{name}}` and `{{+name}}` are"
            );
            if matches!(parts.last(), Some(Part::Variable { .. })) {
                panic!("`{template}` has two variables with nothing between: nobody could tell where one ends");
            }
            parts.push(Part::Variable {
                name: name.to_owned(),
                reserved,
            });
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Self(parts)
    }

    /// The variables' values in a URI, decoded; none when the URI is not one of the template's.
    pub(crate) fn matches(&self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        walk(&self.0, uri, &mut found).then_some(found)
    }
}

fn walk(parts: &[Part], rest: &str, found: &mut Vec<(String, String)>) -> bool {
    match parts {
        [] => rest.is_empty(),
        [Part::Text(text), more @ ..] => rest
            .strip_prefix(text.as_str())
            .is_some_and(|rest| walk(more, rest, found)),
        [Part::Variable { name, reserved }, more @ ..] => {
            let Some(end) = (match more.first() {
                // The first place where what follows fits: linear, whatever the URI.
                Some(Part::Text(text)) => rest.find(text.as_str()),
                _ => Some(rest.len()),
            }) else {
                return false;
            };
            let value = &rest[..end];
            if value.is_empty() || (!reserved && value.contains(['/', '?', '#'])) {
                return false;
            }
            let Some(decoded) = decode(value) else { return false };
            found.push((name.clone(), decoded));
            walk(more, &rest[end..], found)
        }
    }
}

fn decode(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = value.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}
