//! Variables of URI templates (RFC 6570). The framework matches URIs against templates, and the build refuses those that
//! cannot be matched.

/// Variable of a template.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// True for a list of values (`*`).
    pub(crate) many: bool,
}

/// Return the variables of a template, in order.
pub(crate) fn variables(template: &str) -> Vec<Variable> {
    let expressions = template.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    expressions
        .flat_map(|inside| inside.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']).split(','))
        .map(|written| Variable {
            name: written.split([':', '*']).next().unwrap_or_default().to_owned(),
            many: written.ends_with('*'),
        })
        .collect()
}
