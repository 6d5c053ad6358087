//! Context of the request that a function handles.

use crate::bindings::wasmcp::mcp_v20260728::{messages, types};
use crate::call::Call;
use crate::checker::Checker;
use crate::failure::Kind;
use crate::http::Headers;
use crate::protocol::{ELICITATION, INVALID_PARAMS, ROOTS, SAMPLING};
use crate::uris::sendable;
use crate::{arguments, ClientResults, Failure, Session};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{json, Value};
use std::convert::Infallible;

/// Name of the stored value with the state of the last checkpoint.
pub(crate) const CHECKPOINT: &str = "wasmcp/checkpoint";

/// Severity of a log message, the lowest first. RFC 5424.
///
/// ```
/// use wasmcp_guest::{testing::LocalContext, Level};
///
/// let context = LocalContext::new();
/// context.log(Level::Warning, "nearly full");
/// assert_eq!(context.log_records(), [(Level::Warning, "nearly full".into())]);
/// ```
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

/// Identity of an authenticated client.
///
/// ```
/// use wasmcp_guest::{testing::LocalContext, Identity};
///
/// let user = Identity { subject: "ada".into(), issuer: None, scopes: vec![], claims: serde_json::json!({}) };
/// assert_eq!(LocalContext::new().with_identity(user).identity().unwrap().subject, "ada");
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    /// The claim `sub` of the token.
    pub subject: String,
    /// The claim `iss` of the token.
    pub issuer: Option<String>,
    /// The granted OAuth scopes.
    pub scopes: Vec<String>,
    /// All verified claims, an object.
    pub claims: Value,
}

/// HTTP request of a call.
///
/// ```
/// use wasmcp_guest::{testing::LocalContext, http::Headers, HttpRequest};
///
/// let headers = Headers::from([("accept-language", "de")]);
/// let http = HttpRequest { method: "POST".into(), path: "/mcp".into(), headers };
/// let context = LocalContext::new().with_http(http);
/// assert_eq!(context.http().unwrap().headers.get("Accept-Language").as_deref(), Some("de"));
/// ```
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The header fields.
    pub headers: Headers,
}

/// Result of an elicitation.
///
/// ```
/// use wasmcp_guest::{testing::{decline, LocalContext}, Elicited};
///
/// #[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
/// struct Seat {
///     row: u8,
/// }
///
/// let context = LocalContext::new().with_answers([decline()]);
/// assert_eq!(context.elicit::<Seat>("Which seat?").unwrap(), Elicited::Declined);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Elicited<T> {
    /// The user submitted these values.
    Accepted(T),
    /// The user declined.
    Declined,
    /// The user dismissed the request.
    Cancelled,
}

/// Context of the current request. It is valid during the call only, and is borrowed, so it cannot be stored.
///
/// ```
/// use wasmcp_guest::{testing::LocalContext, Context};
///
/// fn import_rows(rows: &[u8], context: &Context) -> usize {
///     for number in 1..=rows.len() {
///         context.progress(number as f64, Some(rows.len() as f64), None);
///     }
///     rows.len()
/// }
///
/// let context = LocalContext::new();
/// assert_eq!(import_rows(&[7, 8], &context), 2);
/// assert_eq!(context.progress_reports().len(), 2);
/// ```
pub struct Context {
    call: Call,
}

impl Context {
    /// `request` must outlive the context: the creator drops it within the same call.
    pub(crate) fn new(request: &messages::Request) -> Self {
        Self::over(Call::Host(request))
    }

    /// Create the context of a request of the host, or of a unit test.
    pub(crate) fn over(call: Call) -> Self {
        Self { call }
    }

    pub(crate) fn request(&self) -> &Call {
        &self.call
    }

    /// Return the JSON-RPC id: a string or an integer.
    pub fn request_id(&self) -> Value {
        parsed(&self.request().id())
    }

    /// Return the protocol revision of the response, for example `2026-07-28`.
    pub fn protocol_version(&self) -> String {
        self.request().protocol_version()
    }

    /// Return the client's capabilities. Specification: schema `ClientCapabilities`.
    pub fn client_capabilities(&self) -> Value {
        parsed(&self.request().client_capabilities())
    }

    /// Return the `_meta` object of the request.
    pub fn meta(&self) -> Option<Value> {
        self.request().meta().map(|text| parsed(&text))
    }

    /// Return the identity of the client, if it is authenticated.
    pub fn identity(&self) -> Option<Identity> {
        self.request().identity().map(|found| Identity {
            subject: found.subject,
            issuer: found.issuer,
            scopes: found.scopes,
            claims: parsed(&found.claims),
        })
    }

    /// Return the name of the tool or prompt, or the URI of the resource.
    pub fn target(&self) -> Option<String> {
        self.request().target()
    }

    /// Return the HTTP request of the call; `None` on other transports.
    pub fn http(&self) -> Option<HttpRequest> {
        self.request().http().map(|found| HttpRequest {
            method: found.method,
            path: found.path,
            headers: found.headers.into_iter().collect(),
        })
    }

    /// Return the session of a client of a handshake revision; `None` without one. Its values need the grant
    /// `sessions`.
    pub fn session(&self) -> Option<Session<'_>> {
        self.request().session().map(|id| Session { context: self, id })
    }

    /// Send `notifications/progress`, if the client requested progress. `progress` must increase from call to call;
    /// `total` is its value at the end, if known.
    pub fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        self.request().progress(progress, total, message);
    }

    /// Send `notifications/message`, if the client requested this level. Data without a JSON form is not sent.
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

    /// Return true if the client has cancelled the request: long-running functions should check it and stop.
    pub fn cancelled(&self) -> bool {
        self.request().cancelled()
    }

    /// Send `notifications/tools/list_changed` to subscribed clients.
    pub fn notify_tools_changed(&self) {
        self.request().notify_tools_changed();
    }

    /// Send `notifications/prompts/list_changed` to subscribed clients.
    pub fn notify_prompts_changed(&self) {
        self.request().notify_prompts_changed();
    }

    /// Send `notifications/resources/list_changed` to subscribed clients: resources or templates have changed.
    pub fn notify_resources_changed(&self) {
        self.request().notify_resources_changed();
    }

    /// Send `notifications/resources/updated` to clients that are subscribed to the resource. The URI is sent in normal
    /// form.
    pub fn notify_resource_updated(&self, uri: &str) {
        self.request().notify_resource_updated(&sendable(uri));
    }

    /// Elicit values from the user, with a form derived from the type: an object of strings, numbers, booleans and
    /// enums.
    ///
    /// Without a result of the client, this returns an error that ends the function: propagate it with `?`. When the
    /// client has sent the result, the function runs again from its start, and this call returns the result. Code
    /// before it runs each time and must be idempotent; see [`Context::once`]. [`Context::all`] sends several requests
    /// together.
    ///
    /// ```
    /// # use wasmcp_guest::{testing::{accept, LocalContext}, Context, Elicited, Failure};
    /// # #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// # struct Seat { row: u8 }
    /// fn book(context: &Context) -> Result<Option<u8>, Failure> {
    ///     match context.elicit::<Seat>("Which seat?")? {
    ///         Elicited::Accepted(seat) => Ok(Some(seat.row)),
    ///         Elicited::Declined | Elicited::Cancelled => Ok(None),
    ///     }
    /// }
    /// # let context = LocalContext::new().with_answers([accept(serde_json::json!({ "row": 4 }))]);
    /// # assert_eq!(book(&context).unwrap(), Some(4));
    /// ```
    pub fn elicit<T: DeserializeOwned + JsonSchema>(&self, message: &str) -> Result<Elicited<T>, Failure> {
        self.unkeyed().elicit(message)
    }

    /// Elicit by URL, for data that must not pass through the client. Return true if the user agreed to open the link;
    /// the task behind it is not necessarily complete.
    pub fn elicit_url(&self, message: &str, url: &str) -> Result<bool, Failure> {
        self.unkeyed().elicit_url(message, url)
    }

    /// Request a completion of the client's model (sampling). `params` has the schema `CreateMessageRequestParams`, the
    /// result the schema `CreateMessageResult`. The function runs again with the result, as for [`Context::elicit`].
    pub fn sample(&self, params: Value) -> Result<Value, Failure> {
        self.unkeyed().sample(params)
    }

    /// Request the client's roots. The result has the schema `ListRootsResult`. The function runs again with it, as for
    /// [`Context::elicit`].
    pub fn roots(&self) -> Result<Value, Failure> {
        self.unkeyed().roots()
    }

    /// Return the results of several requests, which are sent together: a tuple of up to eight, an array or a `Vec`.
    ///
    /// The function ends as long as a result is missing. If a request fails, for example because the client does not
    /// support it, the first such failure is returned; if the function ends with it, no request is sent.
    ///
    /// ```
    /// # use wasmcp_guest::{testing::{accept, roots, LocalContext}, Context, Elicited, Failure};
    /// # #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// # struct Seat { row: u8 }
    /// fn book(context: &Context) -> Result<bool, Failure> {
    ///     let (seat, roots) = context.all((context.elicit::<Seat>("Which seat?"), context.roots()))?;
    ///     Ok(matches!(seat, Elicited::Accepted(_)) && roots["roots"].is_array())
    /// }
    ///
    /// fn seats(names: &[&str], context: &Context) -> Result<Vec<Elicited<Seat>>, Failure> {
    ///     context.all(names.iter().map(|name| context.elicit(name)).collect::<Vec<_>>())
    /// }
    /// # let seat = || accept(serde_json::json!({ "row": 4 }));
    /// # assert!(book(&LocalContext::new().with_answers([seat(), roots([])])).unwrap());
    /// # assert_eq!(seats(&["Ada", "Bo"], &LocalContext::new().with_answers([seat(), seat()])).unwrap().len(), 2);
    /// ```
    pub fn all<R: ClientResults>(&self, results: R) -> Result<R::Values, Failure> {
        results.together()
    }

    /// Return an object whose request to the client has this key in `inputRequests`, instead of a key that is made from
    /// the order and the parameters of the request.
    ///
    /// ```
    /// # use wasmcp_guest::{testing::{roots, LocalContext}, Context, Failure};
    /// fn folders(context: &Context) -> Result<usize, Failure> {
    ///     let found = context.with_key("folders").roots()?;
    ///     Ok(found["roots"].as_array().map_or(0, Vec::len))
    /// }
    /// # assert_eq!(folders(&LocalContext::new().with_answers([roots(["a:b"])])).unwrap(), 1);
    /// ```
    pub fn with_key<'a>(&'a self, key: &'a str) -> ClientRequests<'a> {
        ClientRequests {
            context: self,
            key: Some(key),
        }
    }

    fn unkeyed(&self) -> ClientRequests<'_> {
        ClientRequests {
            context: self,
            key: None,
        }
    }

    /// Compute a value in the first run of this call only; later runs, after server-to-client requests, get the same
    /// value. It is stored as JSON in the sealed request state, which the client sends back: keep it small.
    pub fn once<T: Serialize + DeserializeOwned>(&self, key: &str, make: impl FnOnce() -> T) -> Result<T, Failure> {
        if let Some(text) = self.call.stored_value(key) {
            return Ok(serde_json::from_str(&text)?);
        }
        let value = make();
        self.call
            .store_value(key, &serde_json::to_string(&value)?)
            .map_err(Failure::of_framework)?;
        Ok(value)
    }

    /// End this step of a long function, with an error to propagate with `?`. The next step runs the function again
    /// from its start, with the state in [`Context::state`].
    ///
    /// A step is a request of its own, possibly in another process: only the state, the values of [`Context::once`] and
    /// the client's results are kept.
    ///
    /// ```
    /// # use wasmcp_guest::{testing::{run_steps, LocalContext}, Context, Failure};
    /// fn index(pages: u32, context: &Context) -> Result<String, Failure> {
    ///     let done: u32 = context.state()?.unwrap_or(0);
    ///     if done < pages {
    ///         context.checkpoint(done + 1)?;
    ///     }
    ///     Ok(format!("{done} pages"))
    /// }
    ///
    /// let context = LocalContext::new();
    /// assert_eq!(run_steps(&context, |context| index(2, context)).unwrap(), "2 pages");
    /// assert_eq!(context.checkpoints(), [1, 2]);
    /// ```
    pub fn checkpoint(&self, state: impl Serialize) -> Result<Infallible, Failure> {
        self.call
            .store_value(CHECKPOINT, &serde_json::to_string(&state)?)
            .map_err(Failure::of_framework)?;
        Err(Failure(Kind::InputRequired(Some(Vec::new()))))
    }

    /// Return the state of the last [`Context::checkpoint`] of this call; `None` before the first.
    pub fn state<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Some(text) = self.call.stored_value(CHECKPOINT) else {
            return Ok(None);
        };
        Ok(Some(serde_json::from_str(&text)?))
    }
}

/// Requests to the client: elicitation, sampling and roots.
///
/// ```
/// use wasmcp_guest::{testing::{decline, LocalContext}, Elicited};
///
/// #[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
/// struct Seat {
///     row: u8,
/// }
///
/// let context = LocalContext::new().with_answers([decline()]);
/// assert_eq!(context.with_key("seat").elicit::<Seat>("Which seat?").unwrap(), Elicited::Declined);
/// ```
pub struct ClientRequests<'a> {
    context: &'a Context,
    key: Option<&'a str>,
}

impl ClientRequests<'_> {
    /// Elicit values from the user; see [`Context::elicit`].
    pub fn elicit<T: DeserializeOwned + JsonSchema>(&self, message: &str) -> Result<Elicited<T>, Failure> {
        let form = arguments::form::<T>();
        let (key, mut answer) = self.send(ELICITATION, json!({ "message": message, "requestedSchema": &form }))?;
        match answer["action"].as_str() {
            Some("accept") => {
                let mut content = answer["content"].take();
                if content.is_null() {
                    content = json!({});
                }
                let wrong = |words| {
                    let message = format!("the input response `{key}` does not fit: {words}");
                    Failure::protocol(INVALID_PARAMS, message, None)
                };
                Checker::new(form).check(&content).map_err(wrong)?;
                let value = serde_json::from_value(content).map_err(|error| wrong(error.to_string()))?;
                Ok(Elicited::Accepted(value))
            }
            Some("decline") => Ok(Elicited::Declined),
            _ => Ok(Elicited::Cancelled),
        }
    }

    /// Elicit by URL; see [`Context::elicit_url`].
    pub fn elicit_url(&self, message: &str, url: &str) -> Result<bool, Failure> {
        let params = json!({ "mode": "url", "message": message, "url": url });
        Ok(self.send(ELICITATION, params)?.1["action"] == "accept")
    }

    /// Request a completion of the client's model; see [`Context::sample`].
    pub fn sample(&self, params: Value) -> Result<Value, Failure> {
        Ok(self.send(SAMPLING, params)?.1)
    }

    /// Request the client's roots; see [`Context::roots`].
    pub fn roots(&self) -> Result<Value, Failure> {
        Ok(self.send(ROOTS, json!({}))?.1)
    }

    /// Return the key and the client's result of a request.
    fn send(&self, method: &str, params: Value) -> Result<(String, Value), Failure> {
        let found = self
            .context
            .call
            .client_request(method, &params.to_string(), self.key)
            .map_err(Failure::of_framework)?;
        match found.value {
            Some(text) => Ok((found.key, serde_json::from_str(&text)?)),
            None => Err(Failure(Kind::InputRequired(None))),
        }
    }
}

/// Return the result that stands for all requests of this run without a result; with a state, for its checkpoint.
pub(crate) fn input_required(state: Option<Vec<u8>>) -> types::InputRequired {
    types::InputRequired {
        requests: Vec::new(),
        state,
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
