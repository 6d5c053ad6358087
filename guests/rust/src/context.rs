//! What a function may know and do about the request it answers.

use crate::bindings::wasmcp::mcp_v20260728::{messages, types};
use crate::checker::Checker;
use crate::failure::Kind;
use crate::uris::sendable;
use crate::{arguments, Failure, Session};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use std::cell::{Cell, RefCell};

/// How bad something is that is logged. RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// Who is asking, when somebody was authenticated.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The subject of the token.
    pub subject: String,
    /// Who says so.
    pub issuer: Option<String>,
    /// What the token is good for.
    pub scopes: Vec<String>,
    /// All verified claims, an object.
    pub claims: Value,
}

/// How the person answered a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Elicited<T> {
    /// With these values.
    Accepted(T),
    /// With no.
    Declined,
    /// Not at all.
    Cancelled,
}

/// What was asked before, and what was kept: it goes to the client and comes back, sealed by the server.
#[derive(Default, Serialize, Deserialize)]
struct State {
    answers: Map<String, Value>,
    kept: Map<String, Value>,
}

/// The request that is being answered. It is good during the call only, and cannot be kept: it is borrowed.
pub struct Context {
    request: *const messages::Request,
    state: RefCell<State>,
    asked: Cell<u32>,
}

impl Context {
    /// `request` must outlive the context: whoever makes one drops it within the same call.
    pub(crate) fn new(request: &messages::Request) -> Self {
        let mut state: State = request
            .input_state()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        for (key, answer) in request.input_responses() {
            if let Ok(answer) = serde_json::from_str(&answer) {
                state.answers.insert(key, answer);
            }
        }
        Self {
            request,
            state: RefCell::new(state),
            asked: Cell::new(0),
        }
    }

    pub(crate) fn request(&self) -> &messages::Request {
        // SAFETY: functions get `&Context` for the time of their call, in which the request lives.
        unsafe { &*self.request }
    }

    /// The JSON-RPC id.
    pub fn request_id(&self) -> Value {
        parsed(&self.request().id())
    }

    /// The revision of MCP that the request is answered in.
    pub fn protocol_version(&self) -> String {
        self.request().protocol_version()
    }

    /// What the client can do: `ClientCapabilities`.
    pub fn client_capabilities(&self) -> Value {
        parsed(&self.request().client_capabilities())
    }

    /// The `_meta` object that came with the request.
    pub fn meta(&self) -> Option<Value> {
        self.request().meta().map(|text| parsed(&text))
    }

    /// Who is asking; none when nobody was authenticated.
    pub fn identity(&self) -> Option<Identity> {
        self.request().identity().map(|found| Identity {
            subject: found.subject,
            issuer: found.issuer,
            scopes: found.scopes,
            claims: parsed(&found.claims),
        })
    }

    /// The session of the client, of older revisions only; its values want the grant `sessions`.
    pub fn session(&self) -> Option<Session<'_>> {
        self.request().session().map(|id| Session { context: self, id })
    }

    /// Tell how far the work is, to a client that wants to know.
    pub fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        self.request().progress(progress, total, message);
    }

    /// Log something, to a client that wants to know.
    pub fn log(&self, level: Level, data: impl Serialize) {
        let level = match level {
            Level::Debug => types::LogLevel::Debug,
            Level::Info => types::LogLevel::Info,
            Level::Notice => types::LogLevel::Notice,
            Level::Warning => types::LogLevel::Warning,
            Level::Error => types::LogLevel::Error,
            Level::Critical => types::LogLevel::Critical,
            Level::Alert => types::LogLevel::Alert,
            Level::Emergency => types::LogLevel::Emergency,
        };
        if let Ok(text) = serde_json::to_string(&data) {
            self.request().log(level, None, &text);
        }
    }

    /// Whether the client has taken the request back: long work should look now and then, and end.
    pub fn cancelled(&self) -> bool {
        self.request().cancelled()
    }

    /// Tell clients that listen that the list of tools is another now.
    pub fn notify_tools_changed(&self) {
        self.request().notify_tools_changed();
    }

    /// Tell clients that listen that the list of prompts is another now.
    pub fn notify_prompts_changed(&self) {
        self.request().notify_prompts_changed();
    }

    /// Tell clients that listen that the list of resources is another now.
    pub fn notify_resources_changed(&self) {
        self.request().notify_resources_changed();
    }

    /// Tell clients that subscribed to a resource that its contents are others now.
    pub fn notify_resource_updated(&self, uri: &str) {
        self.request().notify_resource_updated(&sendable(uri));
    }

    /// Ask the person for values, by a form made from the type: an object of strings, numbers, booleans and enums.
    ///
    /// Asking ends the function: it runs again from its start when the answer is there, and then this returns it. So what
    /// comes before a question must do no harm twice; see [`Context::once`]. Pass the error on with `?`.
    pub fn elicit<T: DeserializeOwned + JsonSchema>(&self, message: &str) -> Result<Elicited<T>, Failure> {
        let form = arguments::form::<T>();
        let params = json!({ "mode": "form", "message": message, "requestedSchema": &form });
        let mut answer = self.ask("elicitation/create", params)?;
        match answer["action"].as_str() {
            Some("accept") => {
                let mut content = answer["content"].take();
                if let Some(members) = content.as_object_mut() {
                    members.retain(|_, value| !value.is_null()); // a form has none: what is left out may arrive as one
                }
                let wrong = |words| Failure::new(format!("the answer to `{message}` does not fit: {words}"));
                Checker::new(form).check(&content).map_err(wrong)?;
                let value = serde_json::from_value(content).map_err(|error| wrong(error.to_string()))?;
                Ok(Elicited::Accepted(value))
            }
            Some("decline") => Ok(Elicited::Declined),
            _ => Ok(Elicited::Cancelled),
        }
    }

    /// Have the person visit a page. True: they agreed to.
    pub fn elicit_url(&self, message: &str, url: &str, elicitation_id: &str) -> Result<bool, Failure> {
        let params = json!({ "mode": "url", "message": message, "url": url, "elicitationId": elicitation_id });
        Ok(self.ask("elicitation/create", params)?["action"] == "accept")
    }

    /// Have the client's model write something: `CreateMessageRequestParams` in, `CreateMessageResult` out. As for
    /// [`Context::elicit`], the function runs again with the answer.
    pub fn sample(&self, params: Value) -> Result<Value, Failure> {
        self.ask("sampling/createMessage", params)
    }

    /// The folders that the client lets the server know of: `ListRootsResult`.
    pub fn roots(&self) -> Result<Value, Failure> {
        self.ask("roots/list", json!({}))
    }

    /// Compute a value once, though the function may run again after a question: later runs get it from the sealed state.
    pub fn once<T: Serialize + DeserializeOwned>(&self, key: &str, make: impl FnOnce() -> T) -> Result<T, Failure> {
        if let Some(kept) = self.state.borrow().kept.get(key) {
            return Ok(serde_json::from_value(kept.clone())?);
        }
        let value = make();
        self.state
            .borrow_mut()
            .kept
            .insert(key.to_owned(), serde_json::to_value(&value)?);
        Ok(value)
    }

    fn ask(&self, method: &'static str, params: Value) -> Result<Value, Failure> {
        let number = self.asked.get() + 1;
        self.asked.set(number);
        let key = number.to_string();
        match self.state.borrow().answers.get(&key) {
            Some(answer) => Ok(answer.clone()),
            None => Err(Failure(Kind::Ask { key, method, params })),
        }
    }

    /// What the client is asked, with everything that the next run needs.
    pub(crate) fn input_required(&self, key: String, method: &str, params: &Value) -> types::InputRequired {
        let state = serde_json::to_vec(&*self.state.borrow()).unwrap_or_default();
        types::InputRequired {
            requests: vec![types::InputRequest {
                key,
                method: method.to_owned(),
                params: params.to_string(),
            }],
            state: Some(state),
        }
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
