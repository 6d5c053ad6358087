//! Completion of arguments of prompts and variables of templates. Specification: server/utilities/completion.

use crate::bindings::exports::wasmcp::mcp_v20260728::completions::Outcome;
use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::{Context, Failure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values with their total number. Specification: schema `CompleteResult`.
///
/// ```
/// use wasmcp_guest::Completion;
///
/// let first = Completion { values: vec!["Berlin".into()], total: Some(2000), has_more: None };
/// ```
#[derive(Clone, Debug, Default)]
pub struct Completion {
    /// The values, best first; at most 100 are sent.
    pub values: Vec<String>,
    /// The number of all possible values, if known.
    pub total: Option<u64>,
    /// True if further values exist.
    pub has_more: Option<bool>,
}

/// Values to select from: those that begin with the partial value are sent. Created by [`choices`].
///
/// ```
/// use wasmcp_guest::{choices, Choices};
///
/// fn languages() -> Choices {
///     choices(["Python", "Rust"])
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Choices(Vec<String>);

/// Create a completion from all its values: those that begin with the partial value, regardless of case, are sent.
///
/// ```
/// use wasmcp_guest::{choices, prompt, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Review {
///     language: String,
/// }
///
/// let review = prompt("review", "Review code.", |args: Review, _: &Context| args.language)
///     .complete("language", |_, _, _| choices(["Python", "Rust"]));
/// ```
pub fn choices<I>(values: I) -> Choices
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    Choices(values.into_iter().map(Into::into).collect())
}

/// Return types of completions: texts (best first), [`Choices`], [`Completion`], or a `Result` of them.
///
/// ```
/// use wasmcp_guest::{template, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Note {
///     name: String,
/// }
///
/// let note = template("notes://{name}", "note", |args: Note, _: &Context| args.name)
///     .complete("name", |typed, _, _| vec![format!("{typed}...")]);
/// ```
pub trait Proposing {
    /// Return the values.
    fn proposing(self) -> Result<Proposals, Failure>;
}

/// Values that a completion proposes.
///
/// ```
/// use wasmcp_guest::{choices, Failure, Proposals, Proposing};
///
/// struct Languages;
///
/// impl Proposing for Languages {
///     fn proposing(self) -> Result<Proposals, Failure> {
///         choices(["Python", "Rust"]).proposing()
///     }
/// }
/// ```
pub struct Proposals(pub(crate) Outcome);

impl Proposing for Vec<String> {
    fn proposing(self) -> Result<Proposals, Failure> {
        let values = Completion { values: self, ..Completion::default() };
        values.proposing()
    }
}

impl Proposing for Choices {
    fn proposing(self) -> Result<Proposals, Failure> {
        Ok(Proposals(Outcome::Choices(self.0)))
    }
}

impl Proposing for Completion {
    fn proposing(self) -> Result<Proposals, Failure> {
        Ok(Proposals(Outcome::Complete(types::Completion {
            values: self.values,
            total: self.total,
            has_more: self.has_more,
        })))
    }
}

impl<T: Proposing> Proposing for Result<T, Failure> {
    fn proposing(self) -> Result<Proposals, Failure> {
        self.and_then(T::proposing)
    }
}

type Propose = Box<dyn Fn(&str, &BTreeMap<String, String>, &Context) -> Result<Proposals, Failure> + Send + Sync>;

/// Argument of a prompt, or variable of a template.
pub(crate) struct Argument {
    pub(crate) name: String,
    choices: Vec<String>,
    propose: Option<Propose>,
}

impl Argument {
    /// Create an argument of a type with this schema.
    pub(crate) fn new(name: String, schema: Option<&Value>) -> Self {
        Self {
            name,
            choices: schema.map(choices_of).unwrap_or_default(),
            propose: None,
        }
    }

    /// Set the completion by a function.
    pub(crate) fn propose<F, R>(&mut self, function: F)
    where
        F: Fn(&str, &BTreeMap<String, String>, &Context) -> R + Send + Sync + 'static,
        R: Proposing,
    {
        self.propose = Some(Box::new(move |typed, filled, context| {
            function(typed, filled, context).proposing()
        }));
    }

    /// Return true if a function or the type completes it.
    pub(crate) fn is_completed(&self) -> bool {
        self.propose.is_some() || !self.choices.is_empty()
    }

    /// Complete it: by its function, else with the values of its type.
    pub(crate) fn complete(
        &self,
        typed: &str,
        filled: &BTreeMap<String, String>,
        context: &Context,
    ) -> Result<Outcome, Failure> {
        match &self.propose {
            Some(propose) => propose(typed, filled, context).map(|proposals| proposals.0),
            None => Ok(Outcome::Choices(self.choices.clone())),
        }
    }
}

/// Return the values that a type with few values allows: an enum, a boolean; none for others.
fn choices_of(schema: &Value) -> Vec<String> {
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
    let listed = list("enum").chain(schema.get("const")).filter(|value| !value.is_null());
    let mut found: Vec<String> = listed
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    if found.is_empty() && crate::arguments::types(schema).any(|name| name == "boolean") {
        found = vec!["true".into(), "false".into()];
    }
    found.extend(list("anyOf").chain(list("oneOf")).flat_map(choices_of));
    found
}
