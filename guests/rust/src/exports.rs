//! Declarations of a component, and the implementation of its exports.

use crate::bindings::exports::wasmcp::mcp_v20260728 as offered;
use crate::bindings::wasmcp::mcp_v20260728::{messages::Request, types};
use crate::completion::Argument;
use crate::context::input_required;
use crate::failure::Kind;
use crate::protocol::{failed_prompt, failed_tool, invalid_prompt, invalid_tool, INVALID_PARAMS};
use crate::uris::key_of;
use crate::{App, Cache, Context, Prompt, Resource, Skill, Template, Tool, ToolResult};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Tools, resources and prompts of a component, in the order of their declaration.
///
/// ```
/// use wasmcp_guest::{prompt, resource, tool, Component, Context};
///
/// fn tools() -> Component {
///     Component::new()
///         .tool(tool("version", "Return the version.", || "1.0"))
///         .resource(resource("notes://index", "index", |_: &Context| "nothing yet"))
/// }
///
/// let component = Component::new().with(tools());
/// ```
#[derive(Default)]
pub struct Component {
    tools: Vec<Tool>,
    resources: Vec<Resource>,
    templates: Vec<Template>,
    prompts: Vec<Prompt>,
    cache: Option<Cache>,
}

impl Component {
    /// Create a component without declarations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a tool. Panics if another tool has its name; the build reports it.
    pub fn tool(mut self, tool: Tool) -> Self {
        assert!(
            self.tools.iter().all(|other| other.name != tool.name),
            "two tools are named `{}`",
            tool.name
        );
        self.tools.push(tool);
        self
    }

    /// Add a resource. Panics if another resource has an equivalent URI; the build reports it.
    pub fn resource(mut self, resource: Resource) -> Self {
        let known = self.resources.iter().any(|other| other.identity == resource.identity);
        assert!(!known, "two resources have the URI `{}`", resource.uri);
        self.resources.push(resource);
        self
    }

    /// Add a skill.
    pub fn skill(self, skill: Skill) -> Self {
        self.resource(skill.into_resource())
    }

    /// Add an app: its page becomes a resource. Tools name it with [`Tool::ui`].
    pub fn app(self, app: App) -> Self {
        self.resource(app.resource())
    }

    /// Add a resource template. Panics if another one is equivalent; the build reports it.
    pub fn template(mut self, template: Template) -> Self {
        let known = self.templates.iter().any(|other| other.identity == template.identity);
        assert!(!known, "two templates are equivalent to `{}`", template.uri_template);
        self.templates.push(template);
        self
    }

    /// Add a prompt. Panics if another prompt has its name; the build reports it.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        assert!(
            self.prompts.iter().all(|other| other.name != prompt.name),
            "two prompts are named `{}`",
            prompt.name
        );
        self.prompts.push(prompt);
        self
    }

    /// Set the cache hint of the lists: of tools, prompts, resources and templates. Without it, or if the hint of the
    /// server is shorter, that of the server applies.
    pub fn cache_lists(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Add all declarations of another component, after the existing ones; its cache hint applies if this one has none.
    pub fn with(mut self, other: Component) -> Self {
        self.cache = self.cache.or(other.cache);
        let with_tools = other.tools.into_iter().fold(self, Self::tool);
        let with_resources = other.resources.into_iter().fold(with_tools, Self::resource);
        let with_templates = other.templates.into_iter().fold(with_resources, Self::template);
        other.prompts.into_iter().fold(with_templates, Self::prompt)
    }
}

/// Trait that [`crate::component!`] implements.
///
/// ```
/// use wasmcp_guest::{Component, Define};
///
/// struct Empty;
/// impl Define for Empty {
///     fn define() -> Component {
///         Component::new()
///     }
/// }
/// ```
pub trait Define {
    /// Return the declarations.
    fn define() -> Component;
}

fn component<T: Define>() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(T::define)
}

/// Convert the failures of a tool that are results: tool errors.
fn settled(name: &str, outcome: Result<ToolResult, crate::Failure>) -> Result<ToolResult, crate::Failure> {
    match outcome {
        Err(crate::Failure(Kind::Public(message))) => Ok(ToolResult::failed(&message)),
        Err(crate::Failure(Kind::Arguments(problem))) => Ok(ToolResult::failed(&invalid_tool(name, problem))),
        Err(crate::Failure(Kind::Masked(words))) => {
            eprintln!("the tool `{name}` failed: {words}");
            Ok(ToolResult::failed(&failed_tool(name)))
        }
        other => other,
    }
}

#[cfg(not(target_family = "wasm"))]
impl Component {
    /// Call a tool in a unit test. Panics if the tool does not exist, or if it fails with a JSON-RPC error.
    pub(crate) fn call_tool(&self, name: &str, context: &Context) -> types::ToolResult {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            panic!("the component has no tool `{name}`");
        };
        match settled(name, (tool.call)(context.request().arguments(), context)) {
            Ok(result) => result.into_wit(),
            Err(crate::Failure(Kind::InputRequired(Some(_)))) => {
                panic!(
                    "the tool `{name}` ended its step with `checkpoint`: call its function with `testing::run_steps`"
                )
            }
            Err(failure) => panic!("the tool `{name}` failed: {failure:?}"),
        }
    }
}

impl<T: Define> offered::tools::Guest for T {
    fn list_tools(_: &Request, _: Option<String>) -> Result<offered::tools::Page, types::Error> {
        let items = component::<T>().tools.iter().map(Tool::to_wit).collect();
        Ok(offered::tools::Page {
            items,
            next: None,
            cache: component::<T>().cache.map(Cache::to_wit),
        })
    }

    fn call_tool(request: &Request, name: String) -> Result<Option<offered::tools::Outcome>, types::Error> {
        let Some(tool) = component::<T>().tools.iter().find(|tool| tool.name == name) else {
            return Ok(None);
        };
        let context = Context::new(request);
        let result = match settled(&name, (tool.call)(request.arguments(), &context)) {
            Ok(result) => result,
            Err(crate::Failure(Kind::InputRequired(state))) => {
                return Ok(Some(offered::tools::Outcome::InputRequired(input_required(state))));
            }
            Err(failure) => return Err(failure.into_error(&failed_tool(&name))),
        };
        Ok(Some(offered::tools::Outcome::Complete(result.into_wit())))
    }
}

impl<T: Define> offered::resources::Guest for T {
    fn list_resources(_: &Request, _: Option<String>) -> Result<offered::resources::Page, types::Error> {
        let items = component::<T>().resources.iter().map(Resource::to_wit).collect();
        Ok(offered::resources::Page {
            items,
            next: None,
            cache: component::<T>().cache.map(Cache::to_wit),
        })
    }

    fn list_templates(_: &Request, _: Option<String>) -> Result<offered::resources::TemplatePage, types::Error> {
        let items = component::<T>().templates.iter().map(Template::to_wit).collect();
        Ok(offered::resources::TemplatePage {
            items,
            next: None,
            cache: component::<T>().cache.map(Cache::to_wit),
        })
    }

    fn read_resource(request: &Request, uri: String) -> Result<Option<offered::resources::Outcome>, types::Error> {
        let all = component::<T>();
        let context = Context::new(request);
        let Some(key) = key_of(&uri) else {
            return Ok(None);
        };
        let fixed = all.resources.iter().find(|resource| resource.identity == key);
        let (read, cache) = match fixed {
            Some(resource) => (resource.read(&uri, &context), resource.cache_hint()),
            None => {
                let patterns: Vec<_> = all.templates.iter().map(Template::pattern).collect();
                let Some(found) = request.match_template(&uri, &patterns) else {
                    return Ok(None);
                };
                let template = &all.templates[found.template as usize];
                (template.read(&uri, found.variables, &context), template.cache_hint())
            }
        };
        match read {
            Ok(found) => Ok(Some(offered::resources::Outcome::Complete(types::ResourceResult {
                contents: vec![found],
                cache,
                meta: None,
                extra: None,
            }))),
            Err(crate::Failure(Kind::InputRequired(state))) => {
                Ok(Some(offered::resources::Outcome::InputRequired(input_required(state))))
            }
            Err(failure) => Err(failure.into_error(&format!("Error reading resource {uri}"))),
        }
    }
}

impl<T: Define> offered::prompts::Guest for T {
    fn list_prompts(_: &Request, _: Option<String>) -> Result<offered::prompts::Page, types::Error> {
        let items = component::<T>().prompts.iter().map(Prompt::to_wit).collect();
        Ok(offered::prompts::Page {
            items,
            next: None,
            cache: component::<T>().cache.map(Cache::to_wit),
        })
    }

    fn get_prompt(request: &Request, name: String) -> Result<Option<offered::prompts::Outcome>, types::Error> {
        let Some(prompt) = component::<T>().prompts.iter().find(|prompt| prompt.name == name) else {
            return Ok(None);
        };
        let context = Context::new(request);
        match (prompt.fill)(request.arguments(), &context) {
            Ok(messages) => Ok(Some(offered::prompts::Outcome::Complete(types::PromptResult {
                description: prompt.description.clone(),
                messages: messages.into_iter().map(crate::Message::into_wit).collect(),
                meta: None,
                extra: None,
            }))),
            Err(crate::Failure(Kind::InputRequired(state))) => {
                Ok(Some(offered::prompts::Outcome::InputRequired(input_required(state))))
            }
            Err(crate::Failure(Kind::Arguments(problem))) => Err(types::Error {
                code: INVALID_PARAMS,
                message: invalid_prompt(name, problem),
                data: None,
            }),
            Err(failure) => Err(failure.into_error(&failed_prompt(name))),
        }
    }
}

impl<T: Define> offered::completions::Guest for T {
    fn list_references(_: &Request) -> Result<Vec<types::CompletionReference>, types::Error> {
        let all = component::<T>();
        let is_completed = |arguments: &[Argument]| arguments.iter().any(Argument::is_completed);
        if !all.prompts.iter().any(|one| is_completed(&one.completed))
            && !all.templates.iter().any(|one| is_completed(&one.completed))
        {
            return Ok(Vec::new());
        }
        // All with arguments: clients can also name those without a completion.
        let prompts = all.prompts.iter().filter(|prompt| !prompt.completed.is_empty());
        let templates = all.templates.iter().filter(|template| !template.completed.is_empty());
        Ok(prompts
            .map(|prompt| types::CompletionReference::Prompt(prompt.name.clone()))
            .chain(templates.map(|found| types::CompletionReference::ResourceTemplate(found.uri_template.clone())))
            .collect())
    }

    fn complete(
        request: &Request,
        reference: types::CompletionReference,
        argument: types::CompletionArgument,
        context: Vec<(String, String)>,
    ) -> Result<Option<offered::completions::Outcome>, types::Error> {
        let all = component::<T>();
        let (name, known) = match &reference {
            types::CompletionReference::Prompt(name) => {
                let found = all.prompts.iter().find(|prompt| prompt.name == *name);
                (name, found.map(|found| &found.completed))
            }
            types::CompletionReference::ResourceTemplate(uri) => {
                let found = all.templates.iter().find(|found| found.uri_template == *uri);
                (uri, found.map(|found| &found.completed))
            }
        };
        let Some(known) = known else { return Ok(None) };
        let Some(found) = known.iter().find(|one| one.name == argument.name) else {
            let message = format!("`{name}` has no argument `{}`", argument.name);
            return Err(types::Error {
                code: INVALID_PARAMS,
                message,
                data: None,
            });
        };
        let filled: BTreeMap<String, String> = context.into_iter().collect();
        match found.complete(&argument.value, &filled, &Context::new(request)) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(failure) => Err(failure.into_error(&format!("Error completing {}", argument.name))),
        }
    }
}
