//! Context of unit tests, without a client.

use super::kv::FakeValues;
use crate::bindings::wasmcp::mcp_v20260728::{messages, types};
use crate::call::Call;
use crate::http::base64;
use crate::context::CHECKPOINT;
use crate::failure::Kind;
use crate::protocol::LATEST;
use crate::{Component, Context, Failure, HttpRequest, Identity, Level};
use serde_json::{json, Value};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::rc::Rc;

/// Progress notification: progress, total and message.
type Report = (f64, Option<f64>, Option<String>);

/// Request to the client and its answer: method, parameters, key and answer.
type Given = (String, String, Option<String>, Value);

/// Maximum number of steps of one call; a function that exceeds it is an error of the test.
const MAX_STEPS: usize = 10_000;

/// Request that did not come from a client.
pub(crate) struct LocalCall {
    id: Value,
    version: String,
    capabilities: Value,
    meta: Option<Value>,
    identity: Option<Identity>,
    session: Option<String>,
    target: Option<String>,
    http: Option<HttpRequest>,
    values: FakeValues,
    arguments: RefCell<Option<String>>,
    answers: RefCell<VecDeque<Value>>,
    stored: RefCell<BTreeMap<String, String>>,
    checkpoints: RefCell<Vec<Value>>,
    given: RefCell<Vec<Given>>,
    replayed: RefCell<Vec<Given>>,
    sent_requests: RefCell<Vec<(String, Value)>>,
    reports: RefCell<Vec<Report>>,
    records: RefCell<Vec<(Level, Value)>>,
    changes: RefCell<Vec<String>>,
    cancelled: Cell<bool>,
}

impl LocalCall {
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    pub fn arguments(&self) -> Option<String> {
        self.arguments.borrow().clone()
    }

    pub fn meta(&self) -> Option<String> {
        self.meta.as_ref().map(Value::to_string)
    }

    pub fn protocol_version(&self) -> String {
        self.version.clone()
    }

    pub fn client_capabilities(&self) -> String {
        self.capabilities.to_string()
    }

    pub fn identity(&self) -> Option<messages::Identity> {
        self.identity.clone().map(|user| messages::Identity {
            subject: user.subject,
            issuer: user.issuer,
            scopes: user.scopes,
            claims: user.claims.to_string(),
        })
    }

    pub fn session(&self) -> Option<String> {
        self.session.clone()
    }

    pub fn target(&self) -> Option<String> {
        self.target.clone()
    }

    pub fn http(&self) -> Option<messages::HttpFacts> {
        self.http.as_ref().map(|http| messages::HttpFacts {
            method: http.method.clone(),
            path: http.path.clone(),
            headers: http
                .headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
        })
    }

    /// Return the result that the test set; after a checkpoint also those of the steps before.
    pub fn client_request(
        &self,
        method: &str,
        params: &str,
        key: Option<&str>,
    ) -> Result<messages::ClientResponse, types::Error> {
        let name = key.unwrap_or(method).to_owned();
        let mut replayed = self.replayed.borrow_mut();
        if let Some(at) = replayed.iter().position(|known| (&*known.0, &*known.1, known.2.as_deref()) == (method, params, key)) {
            let value = Some(replayed.remove(at).3.to_string());
            return Ok(messages::ClientResponse { key: name, value });
        }
        self.sent_requests.borrow_mut().push((method.to_owned(), parsed(params)));
        let Some(answer) = self.answers.borrow_mut().pop_front() else {
            panic!("this LocalContext has no answer to `{method}`: {params}");
        };
        let value = Some(answer.to_string());
        let given = (method.to_owned(), params.to_owned(), key.map(str::to_owned), answer);
        self.given.borrow_mut().push(given);
        Ok(messages::ClientResponse { key: name, value })
    }

    pub fn stored_value(&self, name: &str) -> Option<String> {
        self.stored.borrow().get(name).cloned()
    }

    pub fn store_value(&self, name: &str, value: &str) -> Result<(), types::Error> {
        self.stored.borrow_mut().insert(name.to_owned(), value.to_owned());
        if name == CHECKPOINT {
            self.checkpoints.borrow_mut().push(parsed(value));
        }
        Ok(())
    }

    pub fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        self.reports
            .borrow_mut()
            .push((progress, total, message.map(str::to_owned)));
    }

    pub fn log(&self, level: types::LogLevel, _logger: Option<&str>, data: &str) {
        let level = match level {
            types::LogLevel::Debug => Level::Debug,
            types::LogLevel::Info => Level::Info,
            types::LogLevel::Notice => Level::Notice,
            types::LogLevel::Warning => Level::Warning,
            types::LogLevel::Error => Level::Error,
            types::LogLevel::Critical => Level::Critical,
            types::LogLevel::Alert => Level::Alert,
            types::LogLevel::Emergency => Level::Emergency,
        };
        self.records
            .borrow_mut()
            .push((level, serde_json::from_str(data).unwrap_or_default()));
    }

    pub fn cancelled(&self) -> bool {
        self.cancelled.get()
    }

    pub fn notify_tools_changed(&self) {
        self.changed("tools");
    }

    pub fn notify_prompts_changed(&self) {
        self.changed("prompts");
    }

    pub fn notify_resources_changed(&self) {
        self.changed("resources");
    }

    pub fn notify_resource_updated(&self, uri: &str) {
        self.changed(uri);
    }

    fn changed(&self, what: &str) {
        self.changes.borrow_mut().push(what.to_owned());
    }

    pub fn values(&self) -> FakeValues {
        self.values.clone()
    }
}

/// Context for unit tests, without a client. It records what a function sends, and can be passed where a
/// `&`[`Context`] is expected.
///
/// ```
/// use wasmcp_guest::{testing::{accept, LocalContext}, Context, Elicited, Failure, Level};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Seat {
///     row: u8,
/// }
///
/// fn book(to: &str, context: &Context) -> Result<String, Failure> {
///     context.progress(1.0, Some(2.0), None);
///     context.log(Level::Info, "a question follows");
///     match context.elicit::<Seat>("Which seat?")? {
///         Elicited::Accepted(seat) => Ok(format!("{to} {}", seat.row)),
///         Elicited::Declined | Elicited::Cancelled => Err(Failure::new("no seat, no booking")),
///     }
/// }
///
/// let context = LocalContext::new().with_answers([accept(serde_json::json!({ "row": 4 }))]);
/// assert_eq!(book("Oslo", &context).unwrap(), "Oslo 4");
/// assert_eq!(context.sent_requests()[0].0, "elicitation/create");
/// assert_eq!(context.progress_reports(), [(1.0, Some(2.0), None)]);
/// assert_eq!(context.log_records(), [(Level::Info, "a question follows".into())]);
/// ```
pub struct LocalContext {
    call: Rc<LocalCall>,
    context: Context,
}

impl Default for LocalContext {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalContext {
    /// Create the context of a request with the id 1, of a client of 2026-07-28 without a session.
    pub fn new() -> Self {
        Self::of(LocalCall {
            id: json!(1),
            version: LATEST.into(),
            capabilities: json!({}),
            meta: None,
            identity: None,
            session: None,
            target: None,
            http: None,
            values: FakeValues::session(),
            arguments: RefCell::default(),
            answers: RefCell::default(),
            stored: RefCell::default(),
            checkpoints: RefCell::default(),
            given: RefCell::default(),
            replayed: RefCell::default(),
            sent_requests: RefCell::default(),
            reports: RefCell::default(),
            records: RefCell::default(),
            changes: RefCell::default(),
            cancelled: Cell::new(false),
        })
    }

    fn of(call: LocalCall) -> Self {
        let call = Rc::new(call);
        let context = Context::over(Call::Local(call.clone()));
        Self { call, context }
    }

    fn changed(self, change: impl FnOnce(&mut LocalCall)) -> Self {
        let Self { call, context } = self;
        drop(context);
        let mut call = Rc::into_inner(call).expect("the context owns its call");
        change(&mut call);
        Self::of(call)
    }

    /// Set the JSON-RPC id: a string or an integer.
    pub fn with_request_id(self, id: impl Into<Value>) -> Self {
        self.changed(|call| call.id = id.into())
    }

    /// Set the MCP revision of the response.
    pub fn with_protocol_version(self, version: &str) -> Self {
        self.changed(|call| call.version = version.to_owned())
    }

    /// Set the client's capabilities, an object.
    pub fn with_client_capabilities(self, capabilities: Value) -> Self {
        self.changed(|call| call.capabilities = capabilities)
    }

    /// Set the `_meta` of the request, an object.
    pub fn with_meta(self, meta: Value) -> Self {
        self.changed(|call| call.meta = Some(meta))
    }

    /// Set the identity of the client.
    pub fn with_identity(self, identity: Identity) -> Self {
        self.changed(|call| call.identity = Some(identity))
    }

    /// Set the name of the tool or prompt, or the URI of the resource.
    pub fn with_target(self, target: &str) -> Self {
        self.changed(|call| call.target = Some(target.to_owned()))
    }

    /// Set the HTTP request of the call.
    pub fn with_http(self, http: HttpRequest) -> Self {
        self.changed(|call| call.http = Some(http))
    }

    /// Give the client a session, whose values are kept in this context.
    pub fn with_session(self, id: &str) -> Self {
        self.changed(|call| call.session = Some(id.to_owned()))
    }

    /// Set the client's results for `elicit`, `sample` and `roots`, in the order of the requests. Create them with
    /// [`accept`], [`decline`], [`sampled`] and [`roots`]. A request without a result panics.
    pub fn with_answers(self, answers: impl IntoIterator<Item = Value>) -> Self {
        self.changed(|call| call.answers.get_mut().extend(answers))
    }

    /// Set the state of the last checkpoint, to test a later step.
    pub fn with_state(self, state: Value) -> Self {
        self.changed(|call| drop(call.stored.get_mut().insert(CHECKPOINT.to_owned(), state.to_string())))
    }

    /// Return the states of the checkpoints so far.
    pub fn checkpoints(&self) -> Vec<Value> {
        self.call.checkpoints.borrow().clone()
    }

    /// Cancel the call, as a client would.
    pub fn cancel(&self) {
        self.call.cancelled.set(true);
    }

    /// Return the server-to-client requests so far: method and parameters of each.
    pub fn sent_requests(&self) -> Vec<(String, Value)> {
        self.call.sent_requests.borrow().clone()
    }

    /// Return the progress notifications so far: progress, total and message of each.
    pub fn progress_reports(&self) -> Vec<(f64, Option<f64>, Option<String>)> {
        self.call.reports.borrow().clone()
    }

    /// Return the log messages so far: level and data of each.
    pub fn log_records(&self) -> Vec<(Level, Value)> {
        self.call.records.borrow().clone()
    }

    /// Return the change notifications so far: `tools`, `prompts`, `resources`, or the URI of a resource.
    pub fn changes(&self) -> Vec<String> {
        self.call.changes.borrow().clone()
    }
}

impl Deref for LocalContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

/// Run a function with checkpoints to its end, as a server does: after each checkpoint it runs again. The client's
/// results that one step got are returned again in the next. Panics if the function has not ended after 10,000
/// checkpoints.
///
/// ```
/// use wasmcp_guest::{testing::{run_steps, LocalContext}, Context, Failure};
///
/// fn double(number: u32, context: &Context) -> Result<u32, Failure> {
///     let Some(found) = context.state::<u32>()? else {
///         match context.checkpoint(2 * number)? {}
///     };
///     Ok(found)
/// }
///
/// assert_eq!(run_steps(&LocalContext::new(), |context| double(4, context)).unwrap(), 8);
/// ```
pub fn run_steps<T>(context: &LocalContext, call: impl Fn(&LocalContext) -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..MAX_STEPS {
        match call(context) {
            Err(Failure(Kind::InputRequired(Some(_)))) => {
                context.call.replayed.replace(context.call.given.borrow().clone());
            }
            other => return other,
        }
    }
    panic!("the function has not ended after {MAX_STEPS} checkpoints: does it use `context.state()`?");
}

/// Return the result of a user who submits a form.
///
/// ```
/// let answer = wasmcp_guest::testing::accept(serde_json::json!({ "row": 4 }));
/// assert_eq!(answer["action"], "accept");
/// ```
pub fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

/// Return the result of a user who declines.
///
/// ```
/// assert_eq!(wasmcp_guest::testing::decline()["action"], "decline");
/// ```
pub fn decline() -> Value {
    json!({ "action": "decline" })
}

/// Return the result of a sampling request: one text message of the model.
///
/// ```
/// use wasmcp_guest::testing::{sampled, LocalContext};
///
/// let context = LocalContext::new().with_answers([sampled("42")]);
/// let found = context.sample(serde_json::json!({ "messages": [], "maxTokens": 10 })).unwrap();
/// assert_eq!(found["content"]["text"], "42");
/// ```
pub fn sampled(text: &str) -> Value {
    let content = json!({ "type": "text", "text": text });
    json!({ "role": "assistant", "content": content, "model": "test", "stopReason": "endTurn" })
}

/// Return the result of a `roots/list` request, with one root for each URI.
///
/// ```
/// let answer = wasmcp_guest::testing::roots(["file:///home"]);
/// assert_eq!(answer["roots"][0]["uri"], "file:///home");
/// ```
pub fn roots<'a>(uris: impl IntoIterator<Item = &'a str>) -> Value {
    let roots: Vec<Value> = uris.into_iter().map(|uri| json!({ "uri": uri })).collect();
    json!({ "roots": roots })
}

/// Call a tool of a component with arguments, an object, as a client would: they are validated, and the result has the
/// schema `CallToolResult`. Panics if the tool does not exist, or fails with a JSON-RPC error.
///
/// ```
/// use wasmcp_guest::{testing::{call_tool, LocalContext}, tool, Component};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Two {
///     a: i64,
///     b: i64,
/// }
///
/// let component = Component::new().tool(tool("add", "Add two numbers.", |args: Two| args.a + args.b));
/// let context = LocalContext::new();
/// let result = call_tool(&component, "add", serde_json::json!({ "a": 1, "b": 2 }), &context);
/// assert_eq!(result["structuredContent"]["result"], 3);
/// let wrong = call_tool(&component, "add", serde_json::json!({ "a": 1 }), &context);
/// assert_eq!(wrong["isError"], true);
/// ```
pub fn call_tool(component: &Component, name: &str, arguments: Value, context: &LocalContext) -> Value {
    context.call.arguments.replace(Some(arguments.to_string()));
    result_json(component.call_tool(name, context))
}

/// Return a result of a tool as JSON. Specification: schema `CallToolResult`.
fn result_json(result: types::ToolResult) -> Value {
    let mut object = json!({ "content": result.content.iter().map(block_json).collect::<Vec<_>>() });
    if let Some(text) = result.structured_content {
        object["structuredContent"] = parsed(&text);
    }
    if result.is_error {
        object["isError"] = true.into();
    }
    if let Some(text) = result.meta {
        object["_meta"] = parsed(&text);
    }
    object
}

fn block_json(block: &types::Content) -> Value {
    match block {
        types::Content::Text(block) => json!({ "type": "text", "text": block.text }),
        types::Content::Image(block) => media_json("image", block),
        types::Content::Audio(block) => media_json("audio", block),
        types::Content::ResourceLink(link) => json!({ "type": "resource_link", "uri": link.uri, "name": link.name }),
        types::Content::EmbeddedResource(block) => {
            let contents = &block.contents;
            let (member, data) = match &contents.data {
                types::ResourceData::Text(text) => ("text", text.clone()),
                types::ResourceData::Blob(bytes) => ("blob", base64(bytes)),
            };
            json!({ "type": "resource", "resource": { "uri": contents.uri, member: data } })
        }
        types::Content::Other(text) => parsed(text),
    }
}

fn media_json(kind: &str, media: &types::MediaContent) -> Value {
    json!({ "type": kind, "data": base64(&media.data), "mimeType": media.mime_type })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
