//! Tools.

use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::checker::Checker;
use crate::content::{labels, wit_icons, wit_meta, Icon};
use crate::protocol::TASK;
use crate::{arguments, Answer, App, Context, Failure, Task, ToolResult, Visibility};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

type Call = Box<dyn Fn(Option<String>, &Context) -> Result<ToolResult, Failure> + Send + Sync>;

/// Tool, created by [`tool`].
///
/// ```
/// use wasmcp_guest::tool;
///
/// let tool = tool("version", "Return the version.", || "1.0").title("Version").read_only().idempotent();
/// ```
pub struct Tool {
    pub(crate) name: String,
    title: Option<String>,
    description: String,
    input: String,
    output: Option<String>,
    annotations: Option<types::ToolAnnotations>,
    icons: Vec<Icon>,
    meta: Option<Value>,
    tags: Vec<String>,
    scopes: Vec<String>,
    task: Option<Task>,
    ui: Option<String>,
    visibility: Vec<Visibility>,
    pub(crate) call: Call,
}

/// Function of a tool: its parameters are the arguments (a type with `Deserialize` and `JsonSchema`), arguments and
/// [`Context`], or none.
///
/// ```
/// use wasmcp_guest::{tool, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Name {
///     name: String,
/// }
///
/// let without = tool("version", "Return the version.", || "1.0");
/// let one = tool("greet", "Greet.", |args: Name| format!("Hello, {}", args.name));
/// let two = tool("who", "Name the client.", |_: Name, context: &Context| context.protocol_version());
/// ```
pub trait ToolFunction<Marker>: Send + Sync + 'static {
    /// Return the schema of its arguments.
    fn input() -> Value;
    /// Return the schema of its result; see [`Answer::schema`].
    fn output() -> (Option<Value>, bool);
    /// Call the function.
    fn call(&self, arguments: Option<String>, context: &Context, object: bool) -> Result<ToolResult, Failure>;
}

impl<F, R, M> ToolFunction<((), M)> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Answer<M>,
{
    fn input() -> Value {
        serde_json::json!({ "type": "object", "properties": {}, "additionalProperties": false })
    }
    fn output() -> (Option<Value>, bool) {
        R::schema()
    }
    fn call(&self, text: Option<String>, _context: &Context, object: bool) -> Result<ToolResult, Failure> {
        arguments::none(text).map_err(Failure::arguments)?;
        self().answer(object)
    }
}

impl<F, A, R, M> ToolFunction<((A,), M)> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: Answer<M>,
{
    fn input() -> Value {
        arguments::of_arguments::<A>()
    }
    fn output() -> (Option<Value>, bool) {
        R::schema()
    }
    fn call(&self, text: Option<String>, _context: &Context, object: bool) -> Result<ToolResult, Failure> {
        self(arguments::read(text).map_err(Failure::arguments)?).answer(object)
    }
}

impl<F, A, R, M> ToolFunction<((A, Context), M)> for F
where
    F: Fn(A, &Context) -> R + Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema,
    R: Answer<M>,
{
    fn input() -> Value {
        arguments::of_arguments::<A>()
    }
    fn output() -> (Option<Value>, bool) {
        R::schema()
    }
    fn call(&self, text: Option<String>, context: &Context, object: bool) -> Result<ToolResult, Failure> {
        self(arguments::read(text).map_err(Failure::arguments)?, context).answer(object)
    }
}

/// Create a tool from a function. The description is for the model: what the tool does, and when to use it.
///
/// ```
/// use wasmcp_guest::tool;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Two {
///     /// The first number.
///     a: f64,
///     b: f64,
/// }
///
/// let add = tool("add", "Add two numbers.", |args: Two| args.a + args.b);
/// ```
pub fn tool<M, F: ToolFunction<M>>(name: impl Into<String>, description: impl Into<String>, function: F) -> Tool {
    let (output, object) = F::output();
    let input = F::input();
    let text = input.to_string();
    let checker = Checker::new(input);
    Tool {
        name: name.into(),
        title: None,
        description: description.into(),
        input: text,
        output: output.map(|schema| schema.to_string()),
        annotations: None,
        icons: Vec::new(),
        meta: None,
        tags: Vec::new(),
        scopes: Vec::new(),
        task: None,
        ui: None,
        visibility: Vec::new(),
        call: Box::new(move |text, context| {
            let call = |text| function.call(text, context, object);
            arguments::checked(&checker, text, call, || context.request().arguments())
        }),
    }
}

impl Tool {
    labels!();

    /// Set the hint `readOnlyHint`: the tool does not modify its environment.
    pub fn read_only(mut self) -> Self {
        self.hints().read_only = Some(true);
        self
    }

    /// Set the hint `destructiveHint`: the tool can delete or overwrite data, not only add.
    pub fn destructive(mut self, destructive: bool) -> Self {
        self.hints().destructive = Some(destructive);
        self
    }

    /// Set the hint `idempotentHint`: repeated calls with the same arguments have no further effect.
    pub fn idempotent(mut self) -> Self {
        self.hints().idempotent = Some(true);
        self
    }

    /// Set the hint `openWorldHint`: the tool interacts with external systems.
    pub fn open_world(mut self, open: bool) -> Self {
        self.hints().open_world = Some(open);
        self
    }

    /// Add an icon.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Set `_meta`, an object.
    pub fn meta(mut self, value: Value) -> Self {
        self.meta = Some(value);
        self
    }

    /// Set the app that hosts show for it; see [`app`](crate::app).
    pub fn ui(mut self, app: &App) -> Self {
        self.ui = Some(app.uri.clone());
        self
    }

    /// Set its permitted callers; by default the model and apps of this server.
    pub fn visibility(mut self, callers: impl IntoIterator<Item = Visibility>) -> Self {
        self.visibility = callers.into_iter().collect();
        self
    }

    /// Set the options of its tasks: a call may continue after its request, as a task whose result the client polls
    /// for. Sent as `_meta["wasmcp/task"]`.
    pub fn task(mut self, task: Task) -> Self {
        self.task = Some(task);
        self
    }

    fn hints(&mut self) -> &mut types::ToolAnnotations {
        self.annotations.get_or_insert(types::ToolAnnotations {
            title: None,
            read_only: None,
            destructive: None,
            idempotent: None,
            open_world: None,
        })
    }

    /// Return `_meta` with its app, its visibility and the options of its tasks.
    fn whole_meta(&self) -> Option<Value> {
        let mut ui = Map::new();
        if let Some(uri) = &self.ui {
            ui.insert("resourceUri".to_owned(), Value::String(uri.clone()));
        }
        if !self.visibility.is_empty() {
            let callers = self.visibility.iter().map(|one| Value::String(one.name().to_owned()));
            ui.insert("visibility".to_owned(), callers.collect());
        }
        if self.task.is_none() && ui.is_empty() {
            return self.meta.clone();
        }
        let mut whole = self
            .meta
            .as_ref()
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if !ui.is_empty() {
            whole.insert("ui".to_owned(), Value::Object(ui));
        }
        if let Some(task) = &self.task {
            whole.insert(TASK.to_owned(), task.meta());
        }
        Some(Value::Object(whole))
    }

    pub(crate) fn to_wit(&self) -> types::Tool {
        types::Tool {
            name: self.name.clone(),
            title: self.title.clone(),
            description: Some(self.description.clone()).filter(|text| !text.is_empty()),
            input_schema: self.input.clone(),
            output_schema: self.output.clone(),
            annotations: self.annotations.clone(),
            icons: wit_icons(&self.icons),
            meta: wit_meta(self.whole_meta().as_ref(), &self.tags, &self.scopes),
            extra: None,
        }
    }
}
