//! Prompts.

use crate::arguments;
use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::checker::Checker;
use crate::completion::{Argument, Proposing};
use crate::content::{labels, wit_icons, wit_meta, Icon};
use crate::{Context, Failure, Message};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

type Fill = Box<dyn Fn(Option<String>, &Context) -> Result<Vec<Message>, Failure> + Send + Sync>;

/// Prompt, created by [`prompt`].
///
/// ```
/// use wasmcp_guest::{choices, prompt, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Review {
///     /// The code to review.
///     code: String,
///     language: Option<String>,
/// }
///
/// let review = prompt("review", "Review code.", |args: Review, _: &Context| format!("Review: {}", args.code))
///     .title("Code review")
///     .complete("language", |_, _, _| choices(["Python", "Rust"]));
/// ```
pub struct Prompt {
    pub(crate) name: String,
    title: Option<String>,
    pub(crate) description: Option<String>,
    arguments: Vec<types::PromptArgument>,
    icons: Vec<Icon>,
    tags: Vec<String>,
    scopes: Vec<String>,
    pub(crate) fill: Fill,
    pub(crate) completed: Vec<Argument>,
}

/// Function of a prompt: its parameters are the arguments (a type with `Deserialize` and `JsonSchema`) and [`Context`].
///
/// ```
/// use wasmcp_guest::{prompt, Context, Failure};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Topic {
///     topic: String,
/// }
///
/// let explain = prompt("explain", "Explain a topic.", |args: Topic, _: &Context| -> Result<String, Failure> {
///     Ok(format!("Explain {}", args.topic))
/// });
/// ```
pub trait PromptFunction<A>: Send + Sync + 'static {
    /// Call the function.
    fn fill(&self, arguments: A, context: &Context) -> Result<Vec<Message>, Failure>;
}

/// Return types of prompts: messages, one message, a text (a message of the user), or a `Result` of them.
///
/// ```
/// use wasmcp_guest::{prompt, Context, Message};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Empty {}
///
/// let greeting = prompt("greeting", "Greet.", |_: Empty, _: &Context| vec![Message::user("Hello")]);
/// ```
pub trait Messages {
    /// Return the messages.
    fn messages(self) -> Result<Vec<Message>, Failure>;
}

impl<T: Into<Message>> Messages for T {
    fn messages(self) -> Result<Vec<Message>, Failure> {
        Ok(vec![self.into()])
    }
}

impl Messages for Vec<Message> {
    fn messages(self) -> Result<Vec<Message>, Failure> {
        Ok(self)
    }
}

impl<T: Messages> Messages for Result<T, Failure> {
    fn messages(self) -> Result<Vec<Message>, Failure> {
        self.and_then(T::messages)
    }
}

impl<F, A, R> PromptFunction<A> for F
where
    F: Fn(A, &Context) -> R + Send + Sync + 'static,
    R: Messages,
{
    fn fill(&self, arguments: A, context: &Context) -> Result<Vec<Message>, Failure> {
        self(arguments, context).messages()
    }
}

/// Create a prompt from a function. Its arguments are a type with `Deserialize` and `JsonSchema` whose fields are
/// strings, numbers, booleans or enums (converted from strings), or an `Option` of these. Enums and booleans are
/// completed.
///
/// ```
/// use wasmcp_guest::{prompt, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Topic {
///     topic: String,
/// }
///
/// let explain = prompt("explain", "Explain a topic.", |args: Topic, _: &Context| format!("Explain {}", args.topic));
/// ```
pub fn prompt<A, F>(name: impl Into<String>, description: impl Into<String>, function: F) -> Prompt
where
    A: DeserializeOwned + JsonSchema,
    F: PromptFunction<A>,
{
    let input = arguments::of_texts::<A>();
    let completed = arguments::members(&input)
        .into_iter()
        .map(|(name, ..)| Argument::new(name.clone(), input["properties"].get(&name)))
        .collect();
    let arguments = arguments::members(&input)
        .into_iter()
        .map(|(name, description, required)| types::PromptArgument {
            name,
            title: None,
            description,
            required,
        })
        .collect();
    let checker = Checker::new(input);
    Prompt {
        name: name.into(),
        title: None,
        description: Some(description.into()).filter(|text: &String| !text.is_empty()),
        arguments,
        icons: Vec::new(),
        tags: Vec::new(),
        scopes: Vec::new(),
        fill: Box::new(move |text, context| {
            let typed = |text| arguments::typed_text(&checker.schema, checker.without_empty(text));
            let fill = |text| function.fill(arguments::read_named::<A>(text)?, context);
            arguments::checked(&checker, typed(text), fill, || typed(context.request().arguments()))
        }),
        completed,
    }
}

impl Prompt {
    labels!();

    /// Add an icon.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Set the completion of an argument: a function of the partial value, of the arguments that have values already,
    /// and of the context.
    ///
    /// # Panics
    ///
    /// Panics if the prompt has no such argument; the build reports it.
    pub fn complete<F, R>(mut self, argument: impl AsRef<str>, function: F) -> Self
    where
        F: Fn(&str, &BTreeMap<String, String>, &Context) -> R + Send + Sync + 'static,
        R: Proposing,
    {
        let argument = argument.as_ref();
        let known = self.completed.iter_mut().find(|one| one.name == argument);
        let known = known.unwrap_or_else(|| panic!("the prompt `{}` has no argument `{argument}`", self.name));
        known.propose(function);
        self
    }

    pub(crate) fn to_wit(&self) -> types::Prompt {
        types::Prompt {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            arguments: self.arguments.clone(),
            icons: wit_icons(&self.icons),
            meta: wit_meta(None, &self.tags, &self.scopes),
            extra: None,
        }
    }
}
